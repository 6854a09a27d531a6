//! Results of changes, gathered by what came of them, so that each kind is recorded once and not once a person.

use super::report::Reason;
use crate::model::{Op, UserId};
use std::collections::BTreeMap;

/// Results of changes. Those of one operation that ended alike stand together.
#[derive(Default)]
pub(super) struct Results(BTreeMap<Key, (Result<(), Reason>, Vec<UserId>)>);

/// An operation with the code and the words of a failure, which are empty if there is none.
type Key = (Op, &'static str, String);

impl Results {
    pub(super) fn add(&mut self, op: Op, user: UserId, result: Result<(), Reason>) {
        let (code, message) = match &result {
            Ok(()) => ("", String::new()),
            Err(Reason { code, message, .. }) => (code.as_str(), message.clone()),
        };
        let alike = self.0.entry((op, code, message));
        let (_, users) = alike.or_insert_with(|| (result, Vec::new()));
        users.push(user);
    }

    pub(super) fn into_alike(self) -> impl Iterator<Item = (Op, Result<(), Reason>, Vec<UserId>)> {
        let alike = self.0.into_iter();
        alike.map(|((op, ..), (result, users))| (op, result, users))
    }
}
