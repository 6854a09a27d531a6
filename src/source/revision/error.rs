//! The one error of this module.

use std::fmt;

/// Reason why a repository could not be read.
#[derive(Debug)]
pub(super) struct RevisionError {
    /// In our words.
    pub(super) what: String,
    /// In those of the library, or of the system.
    pub(super) cause: String,
}

impl RevisionError {
    pub(super) fn new(what: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            cause: cause.to_string(),
        }
    }

    pub(super) fn plain(what: impl Into<String>) -> Self {
        Self::new(what, "")
    }
}
