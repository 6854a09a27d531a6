//! Waiting list of a full room: somebody who is refused gives their place to the next.

use super::room_record::RoomRecord;
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

    /// Gives the place of somebody whose add was refused to the next who waits, if anybody does.
    pub(super) fn give_place_of(
        &mut self,
        op: Op,
        refused: &UserId,
        record: &mut RoomRecord<'_>,
    ) -> Option<UserId> {
        if op != Op::Add {
            return None;
        }
        let next = self.reserves.pop_front()?;
        record.want(Op::Add, &next);
        self.places.insert(refused.clone(), next.clone());
        Some(next)
    }

    /// Wanted admin who has the place of somebody who was refused, and is promoted instead of them.
    pub(super) fn promote_in_place_of(&self, refused: UserId, record: &mut RoomRecord<'_>) -> Option<UserId> {
        let mut user = refused;
        while record.failure(Op::Add, &user).is_some() {
            user = self.places.get(&user)?.clone();
        }
        record
            .failure(Op::Promote, &user)
            .filter(|why| why.code == ReasonCode::RoomFull)?;
        record.want(Op::Promote, &user);
        Some(user)
    }

    /// Takes over who waits after a new look. Who came in by themselves is no longer reported as without a place.
    pub(super) fn replanned(&mut self, plan: &RoomPlan, record: &mut RoomRecord<'_>) {
        for user in std::mem::take(&mut self.reserves) {
            if !plan.reserves.contains(&user) {
                record.take_back(Op::Add, &user);
            }
        }
        self.reserves = plan.reserves.iter().cloned().collect();
        self.last.clone_from(&plan.last);
    }
}
