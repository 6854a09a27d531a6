//! Secrets of those who ask, as their files have them now.

use crate::chat::Secret;
use secrecy::SecretString;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two looks at the files: whoever asks must not keep the disk busy.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The secrets. Each file is read again when it changes.
#[derive(Debug)]
pub struct FollowedSecrets {
    secrets: Vec<Secret>,
    looked: Mutex<Option<Instant>>,
}

impl FollowedSecrets {
    /// These secrets, any of which is good.
    #[must_use]
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self {
            secrets,
            looked: Mutex::default(),
        }
    }

    /// The secrets as they are now, or were up to a second ago.
    pub(super) async fn current(&self) -> Vec<SecretString> {
        let is_due = self.is_due();
        let mut current = Vec::with_capacity(self.secrets.len());
        for secret in &self.secrets {
            current.push(if is_due {
                secret.current().await
            } else {
                secret.held()
            });
        }
        current
    }

    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY);
        if is_due {
            *looked = Some(Instant::now());
        }
        is_due
    }
}
