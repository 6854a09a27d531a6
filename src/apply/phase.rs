//! Steps of one kind that follow each other in a room, as far as they are not on their way.

use super::in_flight::InFlight;
use super::report::Reason;
use crate::chat::CallErrorKind;
use crate::model::{Op, UserId};
use crate::plan::Step;
use std::collections::VecDeque;

/// Most checks in a row that no call follows.
pub(super) const CHECKS: usize = 3;
/// After so many users in a row who are refused one by one with the same words that name nobody, it is the room that
/// refuses and not the users.
const ALIKE: usize = 5;

/// Reason why steps end before they are done. Of several the greatest counts.
#[derive(Debug)]
pub(super) enum PhaseEnd {
    /// Nothing more of this kind can be done in this room.
    Op(Reason),
    /// The room has to be looked at before anything more is done.
    Look(Reason),
    /// Nothing more can be done in this room, or in any.
    Room(Reason),
}

impl PhaseEnd {
    /// The greater of two.
    pub(super) fn or(self, other: Option<Self>) -> Self {
        let rank = |end: &Self| match end {
            Self::Op(_) => 0,
            Self::Look(_) => 1,
            Self::Room(_) => 2,
        };
        match other {
            Some(other) if rank(&other) >= rank(&self) => other,
            _ => self,
        }
    }
}

/// Steps of one kind.
pub(super) struct Phase {
    pub(super) op: Op,
    /// Steps that are not on their way yet.
    pub(super) todo: VecDeque<Step>,
    /// Most calls that may be on their way: one, and after each that succeeds one more, so that a room that refuses everybody
    /// is not asked many times at once.
    pub(super) window: usize,
    /// Words that refused one user, and how often in a row.
    refusal: Option<(String, usize)>,
    /// True if anybody was taken: then it is not the room that refuses.
    any_taken: bool,
    /// Checks in a row that became too old before their call could go, and the calls sent in all rooms by then.
    late: (usize, usize),
}

impl Phase {
    /// Takes the steps of the first one's kind from the front of a queue, that of whoever comes last by itself; `None`: it is
    /// empty.
    pub(super) fn from_front(queue: &mut VecDeque<Step>, last: Option<&UserId>) -> Option<Self> {
        let mut todo = VecDeque::from([queue.pop_front()?]);
        let op = todo.front()?.op();
        let goes_on =
            |step: &mut Step| step.op() == op && last.is_none_or(|last| step.users() != [last.clone()]);
        while let Some(step) = queue.pop_front_if(goes_on) {
            todo.push_back(step);
        }
        Some(Self {
            op,
            todo,
            window: 1,
            refusal: None,
            any_taken: false,
            late: (0, 0),
        })
    }

    /// Has a step go into a further call, before the others.
    pub(super) fn again(&mut self, step: impl Into<Option<Step>>) {
        if let Some(step) = step.into() {
            self.todo.push_front(step);
        }
    }

    /// A call has done something for somebody.
    pub(super) fn taken(&mut self) {
        self.any_taken = true;
    }

    /// Counts users refused in the same words, and says whether they are so many that it must be the room.
    pub(super) fn refused_alike(&mut self, text: &str) -> bool {
        if self.any_taken {
            return false;
        }
        let alike = match &self.refusal {
            Some((last, count)) if last == text => count + 1,
            _ => 1,
        };
        self.refusal = Some((text.to_owned(), alike));
        alike >= ALIKE
    }

    /// Notes that a call could not go in time, and says whether it is to be tried again: as long as others go, or a few times.
    pub(super) fn is_late(&mut self, in_flight: &InFlight) -> bool {
        let sent = in_flight.taken_away();
        let (times, sent_then) = self.late;
        let times = if sent == sent_then { times + 1 } else { 1 };
        self.late = (times, sent);
        times <= CHECKS
    }

    /// Puts what is left into calls of so many names.
    pub(super) fn fit(&mut self, size: usize) {
        if self.todo.iter().all(|step| step.users().len() <= size) {
            return;
        }
        self.todo = Step::in_batches_of(size, self.todo.make_contiguous()).into();
    }
}

/// Reason for a call whose look or check became too old.
pub(super) fn grown_old() -> Reason {
    let kind = CallErrorKind::StaleRead;
    Reason::new(kind.code(), kind.to_string())
}
