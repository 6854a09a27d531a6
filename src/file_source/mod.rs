//! Follows the room files: tells what became of them once they rest, and keeps quiet otherwise.

mod event;
mod follower;
mod judge;
mod look;
mod slow;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use event::RETRY;
pub use event::{Event, Follow, Stillness};

use crate::disk::TimeLimit;
use crate::model::log_code;
use event::Order;
use follower::Follower;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot, watch as signal};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use watch::Watch;

/// A task that follows the files. It ends when this is dropped.
#[derive(Debug)]
pub struct FileSource {
    news: mpsc::UnboundedReceiver<Event>,
    orders: mpsc::UnboundedSender<Order>,
    stillness: signal::Receiver<Stillness>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
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
                    tracing::error!(code = log_code::FILES_NOT_FOLLOWED, %error, "the room files are not followed any more");
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

    /// Follows something else from now on. The set in force is news again, with the new defaults; then the files are looked at.
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
            tracing::error!(code = log_code::FILES_NOT_FOLLOWED, %error, "the room files were not followed to the end");
        }
    }
}
