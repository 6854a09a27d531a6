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
}

/// State of a change, as far as it is known and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing yet: the answer does not name them, or what it says has to be looked at.
    Nothing,
    /// It may or may not be done.
    Unclear,
    /// It is done, or not and why.
    Result,
}

impl SentCalls {
    /// Takes in a call that went out.
    pub(super) fn add(&mut self, step: &Step, number: CallNumber) {
        let known = Known::Nothing;
        let users = step.users().iter();
        self.0
            .extend(users.map(|user| ((step.op(), user.clone()), LastCall { number, known })));
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

    /// People of whom this is known, with the operation.
    pub(super) fn with(&self, known: Known) -> impl Iterator<Item = (Op, &UserId)> {
        let calls = self.0.iter().filter(move |(_, call)| call.known == known);
        calls.map(|((op, user), _)| (*op, user))
    }

    /// People for whom a removal or demotion went out.
    pub(super) fn taken_away(&self) -> impl Iterator<Item = (Op, &UserId)> {
        let taken = self.0.keys().filter(|(op, _)| op.takes_away());
        taken.map(|(op, user)| (*op, user))
    }
}
