//! A disk that does not answer: the files count as bad until it does, and then things go on by themselves.

use super::look::Disk;
use super::{Follower, RESCAN, Verdict};
use crate::disk::Slow;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

/// Between two questions whether it is back.
const GAP: Duration = Duration::from_secs(1);

/// What keeps a step from being made.
#[derive(Debug)]
pub(super) enum Halt {
    /// The disk does not answer.
    Slow(Slow),
    /// A fault of ours.
    Fault(JoinError),
}

impl From<JoinError> for Halt {
    fn from(error: JoinError) -> Self {
        Self::Fault(error)
    }
}

impl Follower {
    /// Does what may have to wait for the disk.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Disk>) -> Result<T, Slow> + Send + 'static,
    ) -> Result<T, Halt> {
        let disk = Arc::clone(&self.disk);
        spawn_blocking(move || work(&disk)).await?.map_err(Halt::Slow)
    }

    /// Makes the step that is due. Where the disk does not answer, that is said, and it is asked again in a while.
    pub(super) async fn go_on(&mut self) -> Result<(), JoinError> {
        let slow = match self.step().await {
            Ok(()) => return Ok(()),
            Err(Halt::Fault(error)) => return Err(error),
            Err(Halt::Slow(slow)) => slow,
        };
        let now = Instant::now();
        self.look_at = None;
        self.read_at = None;
        self.rescan_at = now + RESCAN;
        self.judge_at = Some(now + GAP);
        if let Verdict::News(news) = self.judge.hangs(&slow) {
            drop(self.news.send(news));
        }
        Ok(())
    }
}
