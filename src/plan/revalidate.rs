//! The part of a saved plan that still holds on a new look.

use super::guard::GuardTripped;
use super::live_digest::same_owner;
use super::room_diff::RoomDiff;
use super::saved::SavedRoom;
use super::{BatchSizes, Note, RoomPlan, Status};
use crate::desired::DesiredRoom;
use crate::model::{Guard, MemberSet, Mode, Op, ReasonCode, counted};

/// Batches of one: the number of names in a call does not matter if only the names are compared.
const ONE_EACH: BatchSizes = BatchSizes {
    add_batch: 1,
    remove_batch: 1,
};

impl SavedRoom {
    /// Narrows what a new look led to down to what was planned. The error is a room that has moved, or could not be looked
    /// at: nothing is done there.
    ///
    /// The guards have been judged again on the new look; those that the plan names hold as well, unless a person has
    /// approved the room: then `desired` is [`SavedRoom::approved`], and the fleet's guard does not count it.
    pub fn revalidate(
        &self,
        looked: Result<RoomDiff, Box<RoomPlan>>,
        is_approved: bool,
        desired: &DesiredRoom,
    ) -> Result<RoomDiff, Box<RoomPlan>> {
        match looked {
            Ok(draft) => draft.revalidate_saved(self, is_approved, desired),
            // The files fit this room only under another owner.
            Err(failed) if failed.live.is_some() && self.status != Status::Failed => {
                let why = failed
                    .error
                    .as_ref()
                    .map_or("", |error| &error.message)
                    .to_owned();
                Err(self.moved(*failed, &why))
            }
            Err(failed) => Err(failed),
        }
    }

    fn moved(&self, room: RoomPlan, why: &str) -> Box<RoomPlan> {
        let message = format!("the room has moved since the plan was made: {why}; plan again");
        Box::new(RoomPlan {
            live: room.live,
            add: self.add.clone(),
            remove: self.remove.clone(),
            promote: self.promote.clone(),
            demote: self.demote.clone(),
            ..RoomPlan::failed(room.id, room.name, Note::new(ReasonCode::Moved, message))
        })
    }
}

impl RoomDiff {
    fn revalidate_saved(
        mut self,
        saved: &SavedRoom,
        is_approved: bool,
        desired: &DesiredRoom,
    ) -> Result<Self, Box<RoomPlan>> {
        if self.mode == Mode::Observe {
            return Ok(self);
        }
        if !self.is_as_planned(saved) {
            if let Some(why) = self.moved_from(saved) {
                return Err(saved.moved(self.into_plan(ONE_EACH), &why));
            }
            if saved.status == Status::Failed {
                return Ok(self);
            }
            self.keep_to(saved);
        }
        self.judge(&desired.guards);
        if is_approved {
            self.is_approved = true;
            let guards: Vec<&str> = saved.blocks().map(|block| block.guard.as_str()).collect();
            let message = format!(
                "approved for this plan, whatever {} allows; {} does not count this room",
                guards.join(" and "),
                Guard::MaxRemovalsTotal
            );
            self.notes.push(Note::new(ReasonCode::Approved, message));
        } else {
            let is_new = |said: &GuardTripped| self.blocked.iter().all(|block| block.guard != said.guard);
            let said: Vec<GuardTripped> = saved.blocks().filter(is_new).collect();
            self.blocked.extend(said);
        }
        Ok(self)
    }

    /// True if the very same is planned again.
    fn is_as_planned(&self, saved: &SavedRoom) -> bool {
        let again = self.clone().plan_under(saved);
        self.complete
            && self.has_owner_of(saved)
            && [
                (&again.add, &saved.add),
                (&again.remove, &saved.remove),
                (&again.promote, &saved.promote),
                (&again.demote, &saved.demote),
            ]
            .into_iter()
            .all(|(now, then)| now == then)
    }

    /// Leaves out what the plan does not say.
    fn keep_to(&mut self, saved: &SavedRoom) {
        let not_planned = self.changes.add.minus(&saved.add);
        self.changes.add = saved.add.clone();
        let promotes = self.changes.promote.and(&not_planned);
        self.changes.promote = self.changes.promote.minus(&promotes);

        let mut in_line = saved.without_place();
        in_line.retain(|user| not_planned.contains(user));
        let why = "the room had no place for them when the plan was made; they come in if somebody before them cannot";
        self.hold(&in_line, Op::Add, ReasonCode::RoomFull, why);
        let without_place: MemberSet = in_line.iter().cloned().collect();
        self.hold(
            &promotes.and(&without_place),
            Op::Promote,
            ReasonCode::RoomFull,
            why,
        );
        self.reserves = in_line;

        let gone = not_planned.minus(&without_place);
        let why = "has left the room since the plan was made, which does not say to add them again";
        self.hold(&promotes.and(&gone), Op::Promote, ReasonCode::NotPlanned, why);
        let others = gone.minus(&promotes).len();
        if others > 0 {
            let message = format!(
                "{} left the room since the plan was made, which does not say to add them again",
                counted(others, "wanted member")
            );
            self.notes.push(Note::new(ReasonCode::NotPlanned, message));
        }
        if !self.complete {
            let why = "the room could not be read completely";
            self.hold(&saved.demote, Op::Demote, ReasonCode::IncompleteRead, why);
            self.hold(&saved.remove, Op::Remove, ReasonCode::IncompleteRead, why);
        }
    }

    /// The difference between the room now and when the plan was made, if there is one.
    fn moved_from(&self, saved: &SavedRoom) -> Option<String> {
        if !self.has_owner_of(saved) {
            return Some("it has another owner".to_owned());
        }
        let there = saved.add.minus(&self.changes.add);
        if let Some(user) = there.iter().next() {
            return Some(format!("{user} was to be added and is there already"));
        }
        let again = self.planned_again(saved);
        if saved.status == Status::Failed && !matches!(again.status, Status::Failed | Status::InSync) {
            return Some("nothing could be done there then".to_owned());
        }
        let lists = [
            (Op::Remove, &again.remove, &saved.remove),
            (Op::Promote, &again.promote, &saved.promote),
            (Op::Demote, &again.demote, &saved.demote),
        ];
        let is_seen = |op| self.complete || op == Op::Promote;
        lists
            .into_iter()
            .filter(|(op, ..)| is_seen(*op))
            .find_map(|(op, now, then)| differs(op, now, then))
    }

    /// The plan that would be made now, with no more adds than were planned and with the guards that held then.
    fn planned_again(&self, saved: &SavedRoom) -> RoomPlan {
        let mut again = self.clone();
        if saved.status != Status::Failed {
            let without_place: MemberSet = saved.without_place().into_iter().collect();
            let without_place = again.changes.add.and(&without_place);
            let promotes = without_place.minus(&saved.promote);
            again.changes.promote = again.changes.promote.minus(&promotes);
            again.changes.add = saved.add.clone();
        }
        again.plan_under(saved)
    }

    /// The room's plan, with the guards that held when the saved one was made.
    fn plan_under(mut self, saved: &SavedRoom) -> RoomPlan {
        self.blocked = saved.blocks().collect();
        self.into_plan(ONE_EACH)
    }

    /// True if the room has the same owner as then; a room that was not seen then had none.
    fn has_owner_of(&self, saved: &SavedRoom) -> bool {
        let before = saved.live.as_ref();
        before.is_none_or(|before| same_owner(&before.digest, &self.live.digest))
    }
}

/// Says whom the two plans disagree about, if they do.
fn differs(op: Op, now: &MemberSet, then: &MemberSet) -> Option<String> {
    let new = now.minus(then);
    let gone = then.minus(now);
    let (user, is_new) = match (new.iter().next(), gone.iter().next()) {
        (Some(user), _) => (user, true),
        (None, Some(user)) => (user, false),
        (None, None) => return None,
    };
    Some(if is_new {
        format!("{op} {user} is wanted now and was not then")
    } else {
        format!("{op} {user} was wanted then and is not now")
    })
}
