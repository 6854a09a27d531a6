//! Calls that went out in a room: the last one for each change, and what the journal says of it.

use super::options::CallNumber;
use crate::model::{Op, UserId};
use crate::plan::Step;
use std::collections::BTreeMap;

/// Changes for which a call went out.
#[derive(Default)]
pub(super) struct SentCalls(BTreeMap<(Op, UserId), LastCall>);

/// The last call that went out for a change.
#[derive(Clone, Copy)]
struct LastCall {
    number: CallNumber,
    known: Known,
    /// True if an earlier call may have done it.
    may_be_done_before: bool,
}

impl LastCall {
    /// True if this call or an earlier one may have done it.
    fn may_be_done(&self) -> bool {
        self.may_be_done_before || !matches!(self.known, Known::Refused | Known::NotDone)
    }
}

/// State of a change, as far as it is known and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing yet: the answer does not name them.
    Nothing,
    /// The service has refused it, perhaps because it is so already. A look has to tell.
    Refused,
    /// It may or may not be done.
    Unclear,
    /// It is done.
    Done,
    /// It is not, or no look shows it.
    NotDone,
}

impl Known {
    /// True if a result is still to be recorded.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::Nothing | Self::Refused | Self::Unclear => true,
            Self::Done | Self::NotDone => false,
        }
    }
}

impl SentCalls {
    /// Takes in a call that went out.
    pub(super) fn add(&mut self, step: &Step, number: CallNumber) {
        for user in step.users() {
            let change = (step.op(), user.clone());
            let before = self.0.get(&change);
            let call = LastCall {
                number,
                known: Known::Nothing,
                may_be_done_before: before.is_some_and(LastCall::may_be_done),
            };
            self.0.insert(change, call);
        }
    }

    /// Notes that the service has refused this change, perhaps because it is so already.
    pub(super) fn refused(&mut self, op: Op, user: &UserId) {
        if let Some(call) = self.0.get_mut(&(op, user.clone())) {
            call.known = Known::Refused;
        }
    }

    /// State of a change; `None`: no call went out for it.
    pub(super) fn known(&self, op: Op, user: &UserId) -> Option<Known> {
        self.0.get(&(op, user.clone())).map(|call| call.known)
    }

    /// Notes what is known of these changes now. Gives those for which a call went out, by call.
    pub(super) fn note<'u>(
        &mut self,
        op: Op,
        users: impl IntoIterator<Item = &'u UserId>,
        known: Known,
    ) -> BTreeMap<CallNumber, Vec<&'u UserId>> {
        let mut of_call: BTreeMap<CallNumber, Vec<&UserId>> = BTreeMap::new();
        for user in users {
            if let Some(call) = self.0.get_mut(&(op, user.clone())) {
                call.known = known;
                of_call.entry(call.number).or_default().push(user);
            }
        }
        of_call
    }

    /// Changes without a recorded result, each with what is known of it.
    pub(super) fn open(&self) -> impl Iterator<Item = (Op, &UserId, Known)> {
        let open = self.0.iter().filter(|(_, call)| call.known.is_open());
        open.map(|((op, user), call)| (*op, user, call.known))
    }

    /// People who may have been removed or demoted, each with what is known of it. Whoever was only refused has not been.
    pub(super) fn may_be_taken_away(&self) -> impl Iterator<Item = (Op, &UserId, Known)> {
        let taken = self
            .0
            .iter()
            .filter(|((op, _), call)| op.takes_away() && call.may_be_done());
        taken.map(|((op, user), call)| (*op, user, call.known))
    }
}
