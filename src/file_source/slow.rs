//! A disk that does not answer: the files count as bad until it does, and then things go on by themselves.

use crate::disk::DiskTimeout;
use tokio::task::JoinError;

/// Reason why a step cannot be made.
#[derive(Debug)]
pub(super) enum Halt {
    /// The disk does not answer.
    DiskTimeout(DiskTimeout),
    /// A fault of ours.
    Fault(JoinError),
}

impl From<JoinError> for Halt {
    fn from(error: JoinError) -> Self {
        Self::Fault(error)
    }
}
