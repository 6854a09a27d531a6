//! The words of the service's errors.

use super::error_text::names_in;
use crate::model::{MemberSet, UserId};
use crate::secrets;
use std::fmt;

/// The service's words, and the people of the call whom they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceMessage {
    /// The words.
    pub text: String,
    /// People of the call whom the words name.
    pub named: MemberSet,
}

impl ServiceMessage {
    /// Reads the names out of the words; those that were not in the call do not count.
    pub(super) fn new(text: &str, users: &[UserId]) -> Self {
        let names = names_in(text);
        let is_named = |user: &&UserId| names.iter().any(|name| name == user.as_str());
        Self {
            text: secrets::redact(text).into_owned(),
            named: users.iter().filter(is_named).cloned().collect(),
        }
    }
}

impl fmt::Display for ServiceMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
