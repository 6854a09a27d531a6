//! The admins of a room in a plan whose look did not read them: what the last look that did left open still counts.

use super::{Note, RoomPlan, Status};
use crate::model::{Guard, Op, ReasonCode};

impl RoomPlan {
    /// Has this plan, whose look did not read the admins, say what an earlier one for the same entry of the files left open about
    /// them; its status is then the worse of the two. `true`: something is.
    pub(crate) fn take_over_admin_matters(&mut self, earlier: &RoomPlan) -> bool {
        let of_admins = |note: &Note| matches!(note.held, Some(Op::Promote | Op::Demote));
        let blocked = earlier.blocked.iter().filter(|block| match block.guard {
            Guard::MaxDemotions => true,
            Guard::RemovalBudget => !earlier.demote.is_empty(),
            _ => false,
        });
        let blocked: Vec<_> = blocked
            .filter(|block| !self.blocked.contains(block))
            .copied()
            .collect();
        let is_open = !earlier.promote.is_empty()
            || !earlier.demote.is_empty()
            || !blocked.is_empty()
            || earlier.notes.iter().any(of_admins);

        // A note of a guard or of the wait speaks of all revocations at once.
        let says_why = |code| match code {
            ReasonCode::Held | ReasonCode::Guard(_) => !blocked.is_empty(),
            ReasonCode::Pending => !earlier.pending.demote.is_empty(),
            ReasonCode::Protected => true,
            _ => false,
        };
        let notes = earlier.notes.iter();
        let notes =
            notes.filter(|note| (of_admins(note) || says_why(note.code)) && !self.notes.contains(note));
        let notes: Vec<Note> = notes.cloned().collect();

        self.promote = self.promote.or(&earlier.promote);
        self.demote = self.demote.or(&earlier.demote);
        self.pending.demote = self.pending.demote.or(&earlier.pending.demote);
        self.unmet_promotes = self.unmet_promotes.max(earlier.unmet_promotes);
        self.blocked.extend(blocked);
        self.notes.extend(notes);
        if is_open {
            self.worsen();
        }
        is_open
    }

    fn worsen(&mut self) {
        if !matches!(self.status, Status::InSync | Status::Incomplete | Status::Changed) {
            return;
        }
        let is_held = |note: &&Note| note.held.is_some() && !note.is_waiting();
        self.status = if !self.blocked.is_empty() {
            Status::Blocked
        } else if Op::ALL.into_iter().any(|op| !self.wanted(op).is_empty()) {
            Status::Changed
        } else if let Some(note) = self.notes.iter().find(is_held) {
            self.error = Some(note.clone());
            Status::Failed
        } else if self.is_incomplete() {
            Status::Incomplete
        } else {
            self.status
        };
    }
}
