//! Waiting list of a full room: somebody who is refused gives their place to the next.

use crate::model::UserId;
use crate::plan::RoomPlan;
use std::collections::{BTreeMap, VecDeque};

/// Waiting list of a full room.
pub(super) struct WaitingList {
    /// In the order in which they come in.
    pub(super) reserves: VecDeque<UserId>,
    /// Person who is added last, in a call of their own: there may be no place for them.
    pub(super) last: Option<UserId>,
    /// People who were refused, each with the person who has their place.
    places: BTreeMap<UserId, UserId>,
}

impl WaitingList {
    pub(super) fn of(plan: &RoomPlan) -> Self {
        Self {
            reserves: plan.reserves.iter().cloned().collect(),
            last: plan.last.clone(),
            places: BTreeMap::new(),
        }
    }

    /// Gives the place of somebody who was refused to the next who waits, if anybody does.
    pub(super) fn give_place_of(&mut self, refused: &UserId) -> Option<UserId> {
        let next = self.reserves.pop_front()?;
        self.places.insert(refused.clone(), next.clone());
        Some(next)
    }

    /// Person who has the place of somebody who was refused.
    pub(super) fn successor_of(&self, refused: &UserId) -> Option<&UserId> {
        self.places.get(refused)
    }

    /// Takes over who waits after a new look. Gives those who no longer do, because they came in by themselves.
    pub(super) fn renew(&mut self, plan: &RoomPlan) -> Vec<UserId> {
        let now = plan.reserves.iter().cloned().collect();
        let before = std::mem::replace(&mut self.reserves, now);
        self.last.clone_from(&plan.last);
        let gone = before.into_iter().filter(|user| !plan.reserves.contains(user));
        gone.collect()
    }
}
