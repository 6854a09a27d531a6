//! Waiting list of a full room: somebody who is refused gives their place to the next.

use super::room_state::RoomRun;
use crate::model::{Op, ReasonCode, UserId};
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
}

impl RoomRun<'_> {
    /// Gives the place of somebody whose add was refused to the next who waits, if anybody does.
    pub(super) fn give_place_of(&mut self, op: Op, refused: &UserId) -> Option<UserId> {
        if op != Op::Add {
            return None;
        }
        let next = self.waiting_list.reserves.pop_front()?;
        self.failed.remove(&(Op::Add, next.clone()));
        self.expected.include(Op::Add, &next);
        self.waiting_list.places.insert(refused.clone(), next.clone());
        Some(next)
    }

    /// Wanted admin who has the place of somebody who was refused, and is promoted instead of them.
    pub(super) fn promote_in_place_of(&mut self, refused: UserId) -> Option<UserId> {
        let mut user = refused;
        while self.failed.contains_key(&(Op::Add, user.clone())) {
            user = self.waiting_list.places.get(&user)?.clone();
        }
        let promotion = (Op::Promote, user.clone());
        let held = self
            .failed
            .get(&promotion)
            .filter(|why| why.code == ReasonCode::RoomFull);
        held?;
        self.failed.remove(&promotion);
        self.expected.include(Op::Promote, &user);
        Some(user)
    }

    /// Takes over who waits after a new look. Who came in by themselves is no longer reported as without a place.
    pub(super) fn take_waiting(&mut self, plan: &RoomPlan) {
        for user in std::mem::take(&mut self.waiting_list.reserves) {
            if !plan.reserves.contains(&user) {
                self.failed.remove(&(Op::Add, user));
            }
        }
        self.waiting_list.reserves = plan.reserves.iter().cloned().collect();
        self.waiting_list.last.clone_from(&plan.last);
    }
}
