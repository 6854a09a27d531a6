//! Follows the room files: tells what became of them once they rest, and keeps quiet otherwise.

mod follower;
mod judge;
mod look;
mod slow;
#[cfg(test)]
mod tests;
mod watch;

use crate::desired::{Loaded, Remembered};
use crate::diagnostics::Diagnostic;
use crate::disk::TimeLimit;
use crate::model::Guards;
use follower::Follower;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, oneshot, watch as signal};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use watch::Watch;

/// Files to follow, and the rules for reading them.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Room files, and directories of them.
    pub paths: Vec<PathBuf>,
    /// Never taken for a room file.
    pub settings_file: Option<PathBuf>,
    /// Those of the settings.
    pub guards: Guards,
    /// Time for which changed files must be unchanged before they are read.
    pub settle: Duration,
    /// The files of the set before this process, by which one that was cut short since is known.
    pub remembered: Remembered,
}

/// News of the files on the disk.
#[derive(Debug)]
pub enum Event {
    /// Another set, which is in force from now on.
    Taken(Box<Loaded>),
    /// They cannot be used: the set in force stays.
    Bad(Vec<Diagnostic>),
    /// After [`Event::Bad`]: they are those of the set in force again.
    AsBefore,
}

/// Delay before a file that is being written is checked again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Stillness of the files. Removals and demotions wait until it has lasted long enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stillness {
    /// Since when their contents are what they are, as far as has been seen.
    pub unchanged_since: Instant,
    /// Start of the last read that confirmed it. Without events nothing later is known.
    pub seen_at: Instant,
    /// True if the files on the disk are the set in force: read to the end, valid and finished.
    pub is_in_force: bool,
    /// Time of the last change of a file, in content or not, by the clock of its disk.
    pub newest: Option<SystemTime>,
    /// A file that somebody has written to and not closed since, where the system tells.
    pub being_written: Option<PathBuf>,
    /// The file that changed last.
    pub changed: Option<PathBuf>,
    /// Number of sets taken so far, including the one in force.
    pub sets: u64,
}

impl Stillness {
    /// Time left until the files have been unchanged for `settle`. A time in the future counts as the time of the first look.
    pub(super) fn left_of(&self, settle: Duration) -> Duration {
        let age = self
            .newest
            .and_then(|newest| SystemTime::now().duration_since(newest).ok());
        let unchanged = age.unwrap_or_default().max(self.unchanged_since.elapsed());
        let left = settle.saturating_sub(unchanged);
        if self.is_in_force && self.being_written.is_none() {
            left
        } else {
            // Nobody can tell how long it takes until they are finished.
            left.max(RETRY.min(settle))
        }
    }

    /// Nothing is known of the files yet.
    pub(super) fn unknown(now: Instant) -> Self {
        Self {
            unchanged_since: now,
            seen_at: now,
            is_in_force: false,
            newest: None,
            being_written: None,
            changed: None,
            sets: 0,
        }
    }
}

/// A task that follows the files. It ends when this is dropped.
#[derive(Debug)]
pub struct FileSource {
    news: mpsc::UnboundedReceiver<Event>,
    orders: mpsc::UnboundedSender<Order>,
    stillness: signal::Receiver<Stillness>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Look,
    Change(Box<Follow>),
}

impl FileSource {
    /// Starts to follow, with a first look at once. Must be called within a runtime.
    #[must_use]
    pub fn start(follow: Follow) -> Self {
        Self::with(follow, Watch::start, TimeLimit::default())
    }

    fn with(follow: Follow, watch: fn(Arc<Notify>) -> Watch, time_limit: TimeLimit) -> Self {
        let (news_in, news) = mpsc::unbounded_channel();
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let (stillness_in, stillness) = signal::channel(Stillness::unknown(Instant::now()));
        let task = tokio::spawn(async move {
            let run = async {
                let wake = Arc::new(Notify::new());
                let for_watch = Arc::clone(&wake);
                let watch = spawn_blocking(move || watch(for_watch)).await?;
                let told = (news_in, stillness_in);
                Follower::new(follow, (watch, time_limit), wake, told)
                    .run(orders_out)
                    .await
            };
            tokio::select! {
                // A look that hangs, as on a network folder, keeps nobody waiting.
                _ = stopped => {}
                end = run => if let Err(error) = end {
                    tracing::error!(%error, "the room files are not followed any more");
                }
            }
        });
        Self {
            news,
            orders,
            stillness,
            stop,
            task,
        }
    }

    /// Stillness of the files. It may arrive before the news of the set that it is about.
    #[must_use]
    pub fn stillness(&self) -> signal::Receiver<Stillness> {
        self.stillness.clone()
    }

    /// Waits for the next news of the files. Cancelling this loses nothing. `None`: the task ended by a fault.
    pub async fn event(&mut self) -> Option<Event> {
        self.news.recv().await
    }

    /// Reads the files at once, without waiting for an event or the next rescan. What changed must rest all the same.
    pub fn look_now(&self) {
        // Where the task has ended, `news` tells it.
        let _ = self.orders.send(Order::Look);
    }

    /// Follows something else from now on. The set in force is news again, with the new guards; then the files are looked at.
    pub fn change(&self, follow: Follow) {
        let _ = self.orders.send(Order::Change(Box::new(follow)));
    }

    /// Ends the task.
    pub async fn stop(self) {
        let Self {
            news: _news,
            orders: _orders,
            stillness: _,
            stop,
            task,
        } = self;
        let _ = stop.send(());
        if let Err(error) = task.await {
            tracing::error!(%error, "the room files were not followed to the end");
        }
    }
}
