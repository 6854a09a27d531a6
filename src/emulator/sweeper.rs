use super::{Emulator, Inner};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// Lets people who are offline leave at the time at which they do; without it, the next call finds them gone.
#[derive(Debug)]
pub(super) struct Sweeper {
    // The service ends with its last handle, whoever waits for its people.
    service: Weak<Inner>,
    presence_changed: Arc<Notify>,
}

impl Sweeper {
    pub(super) fn new(emulator: &Emulator) -> Self {
        Self {
            service: Arc::downgrade(&emulator.0),
            presence_changed: Arc::clone(&emulator.0.presence_changed),
        }
    }

    /// Never ends.
    pub(super) async fn run(self) {
        loop {
            let next = self.service.upgrade().and_then(|inner| Emulator(inner).sweep());
            let changed = self.presence_changed.notified();
            match next {
                Some(next) => drop(timeout_at(next, changed).await),
                None => changed.await,
            }
        }
    }
}
