//! Follows the room files: tells what became of them once they rest, and keeps quiet otherwise.

mod judge;
mod look;
mod slow;
#[cfg(test)]
mod tests;

use super::watch::Watch;
use crate::desired::files::Stamp;
use crate::desired::{Diagnostic, Invalid, Loaded, Remembered, Texts};
use crate::disk::Patience;
use crate::model::Guards;
use judge::{Judge, Verdict};
use look::{Disk, Seen, Watched};
use slow::Halt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

/// How often everything is read without any event: some network folders have none.
const RESCAN: Duration = Duration::from_secs(60);
/// A rescan is followed by this many times its own length, so that it takes a thousandth of a core at most.
const RESCAN_SHARE: u32 = 1_000;
/// Between two looks at names, sizes and times while events come, so that a thousand of them are a few looks.
const GAP: Duration = Duration::from_millis(20);
/// The same in lengths of the last look.
const GAP_SHARE: u32 = 5;
/// Beyond the time they must rest, how long files may change before somebody should know why nothing is taken.
const RESTLESS: Duration = Duration::from_secs(30);

/// What to follow.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Room files, and directories of them.
    pub paths: Vec<PathBuf>,
    /// Never taken for a room file.
    pub settings_file: Option<PathBuf>,
    /// Those of the settings.
    pub guards: Guards,
    /// How long changed files must rest.
    pub settle: Duration,
    /// The files of the set before this process, by which one that was cut short since is known.
    pub remembered: Remembered,
}

/// What became of the files on the disk.
#[derive(Debug)]
pub enum News {
    /// Another set, which is in force from now on.
    Taken(Box<Loaded>),
    /// They cannot be used: the set in force stays.
    Bad(Vec<Diagnostic>),
    /// After [`News::Bad`]: they are those of the set in force again.
    AsBefore,
}

/// A task that follows the files. It ends when this is dropped.
#[derive(Debug)]
pub struct Following {
    news: mpsc::UnboundedReceiver<News>,
    orders: mpsc::UnboundedSender<Order>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Look,
    Change(Box<Follow>),
}

impl Following {
    /// Starts to follow, with a first look at once. Must be called within a runtime.
    #[must_use]
    pub fn start(follow: Follow) -> Self {
        Self::with(follow, Watch::start, Patience::default())
    }

    fn with(follow: Follow, watch: fn(Arc<Notify>) -> Watch, patience: Patience) -> Self {
        let (news_in, news) = mpsc::unbounded_channel();
        let (orders, orders_out) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let run = async {
                let wake = Arc::new(Notify::new());
                let for_watch = Arc::clone(&wake);
                let watch = spawn_blocking(move || watch(for_watch)).await?;
                Follower::new(follow, (watch, patience), wake, news_in)
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
            stop,
            task,
        }
    }

    /// What became of the files since the last news. Cancelling this loses nothing. `None`: the task ended by a fault.
    pub async fn news(&mut self) -> Option<News> {
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
            stop,
            task,
        } = self;
        let _ = stop.send(());
        if let Err(error) = task.await {
            tracing::error!(%error, "the room files were not followed to the end");
        }
    }
}

struct Follower {
    disk: Arc<Disk>,
    guards: Guards,
    settle: Duration,
    wake: Arc<Notify>,
    judge: Judge,
    news: mpsc::UnboundedSender<News>,
    /// As it was last seen; `None`: never.
    stamp: Option<Stamp>,
    /// What was last read, at that stamp.
    texts: Option<Texts>,
    /// When an event came that no look has answered.
    event: Option<Instant>,
    /// When to look at names, sizes and times.
    look_at: Option<Instant>,
    /// When the files have rested, or had their time to be finished.
    judge_at: Option<Instant>,
    /// When to read them ahead of that.
    read_at: Option<Instant>,
    ahead: Option<Ahead>,
    /// When to read them all for nothing but to see.
    rescan_at: Instant,
    /// Before this, no look is made for an event.
    not_before: Instant,
    /// Since when the files change without a rest; `None`: they rest.
    restless: Option<Restless>,
}

/// Files that were read while they have still to rest: what is left to do then is a look whether they are the same.
struct Ahead {
    stamp: Stamp,
    texts: Texts,
    /// `None`: they are what was read before.
    understood: Option<Result<Loaded, Invalid>>,
}

struct Restless {
    since: Instant,
    warned: bool,
}

impl Follower {
    fn new(follow: Follow, watch: Watched, wake: Arc<Notify>, news: mpsc::UnboundedSender<News>) -> Self {
        let Follow {
            paths,
            settings_file,
            guards,
            settle,
            remembered,
        } = follow;
        let now = Instant::now();
        Self {
            disk: Arc::new(Disk::new(paths, settings_file, watch)),
            guards,
            settle,
            wake,
            judge: Judge::new(remembered),
            news,
            stamp: None,
            texts: None,
            event: None,
            look_at: None,
            judge_at: Some(now),
            read_at: None,
            ahead: None,
            rescan_at: now + RESCAN,
            not_before: now,
            restless: None,
        }
    }

    /// Ends only by a fault, or when nobody wants the news.
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) -> Result<(), JoinError> {
        loop {
            let due = [self.look_at, self.judge_at, self.read_at].into_iter().flatten();
            let due = due.fold(self.rescan_at, Instant::min);
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(Order::Look) => self.rescan_at = Instant::now(),
                    Some(Order::Change(follow)) => self.change(*follow).await?,
                },
                () = self.wake.notified() => {
                    let now = Instant::now();
                    self.event = Some(now);
                    self.look_at.get_or_insert(self.not_before.max(now));
                }
                () = sleep_until(due) => self.go_on().await?,
            }
        }
    }

    async fn change(&mut self, follow: Follow) -> Result<(), JoinError> {
        let Follow {
            paths,
            settings_file,
            guards,
            settle,
            remembered: _,
        } = follow;
        self.disk = Arc::new(self.disk.elsewhere(paths, settings_file));
        self.guards = guards;
        self.settle = settle;
        self.stamp = None;
        self.ahead = None;
        self.judge_at = Some(Instant::now());
        // The guards are in force at once, whatever is on the disk.
        if let Some(texts) = self.judge.in_force() {
            let guards = self.guards.clone();
            if let Ok(loaded) = spawn_blocking(move || texts.resolve(&guards)).await? {
                self.judge.say_again();
                drop(self.news.send(News::Taken(Box::new(loaded))));
            }
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        if self.judge_at.is_some_and(|at| at <= now) {
            self.judge(now).await
        } else if self.read_at.is_some_and(|at| at <= now) {
            self.read_ahead(now).await
        } else if self.rescan_at <= now {
            self.rescan(now).await
        } else {
            self.look(now).await
        }
    }

    /// Looks whether names, sizes and times are as they were.
    async fn look(&mut self, now: Instant) -> Result<(), Halt> {
        let stamp = self.on_disk(Disk::look).await?;
        let took = now.elapsed();
        self.not_before = now + took + GAP.max(took * GAP_SHARE);
        self.look_at = None;
        // Events that came meanwhile are still waiting, and make for another look.
        let since = self.event.take().unwrap_or(now);
        self.seen(stamp, since);
        Ok(())
    }

    /// Where anything differs, it must rest from `since` on.
    fn seen(&mut self, stamp: Stamp, since: Instant) {
        if self.stamp.as_ref() != Some(&stamp) {
            self.moved(stamp, since);
        }
    }

    fn moved(&mut self, stamp: Stamp, since: Instant) {
        self.stamp = Some(stamp);
        self.judge_at = Some(since + self.settle);
        self.read_at = Some(since + self.settle / 2);
        self.ahead = None;
        let warned = false;
        let restless = self.restless.get_or_insert(Restless { since, warned });
        if !restless.warned && since - restless.since > self.settle + RESTLESS {
            restless.warned = true;
            tracing::warn!("the room files keep changing: they are read once they rest");
        }
    }

    /// Reads everything, and puts off the next rescan.
    async fn read(&mut self, now: Instant) -> Result<Seen, Halt> {
        let stamp = self.stamp.clone();
        let seen = self.on_disk(move |disk| disk.read(stamp.as_ref())).await?;
        self.rescan_at = Instant::now() + RESCAN.max(now.elapsed() * RESCAN_SHARE);
        Ok(seen)
    }

    /// Reads everything, to see whether it differs: some network folders have no events, and some no true times.
    async fn rescan(&mut self, now: Instant) -> Result<(), Halt> {
        match self.read(now).await? {
            Seen::Moved(stamp) => self.seen(stamp, now),
            Seen::Resting(_, texts) => {
                let same = self.texts.as_ref().is_some_and(|last| last.same_as(&texts));
                if !same && self.judge_at.is_none() {
                    self.judge_at = Some(now + self.settle);
                }
            }
        }
        Ok(())
    }

    /// Reads and understands everything while it has still to rest.
    async fn read_ahead(&mut self, now: Instant) -> Result<(), Halt> {
        self.read_at = None;
        match self.read(now).await? {
            Seen::Moved(stamp) => self.moved(stamp, now),
            Seen::Resting(stamp, texts) => {
                let same = self.texts.as_ref().is_some_and(|last| last.same_as(&texts));
                let (guards, read) = (self.guards.clone(), texts.clone());
                let understood = if same {
                    None
                } else {
                    Some(spawn_blocking(move || read.resolve(&guards)).await?)
                };
                self.ahead = Some(Ahead {
                    stamp,
                    texts,
                    understood,
                });
            }
        }
        Ok(())
    }

    /// What rested, and what it resolves to where that is known. `None`: it did not rest.
    async fn rested(
        &mut self,
        now: Instant,
    ) -> Result<Option<(Texts, Option<Result<Loaded, Invalid>>)>, Halt> {
        let (stamp, rested) = match self.ahead.take() {
            Some(ahead) => {
                let stamp = self.on_disk(Disk::look).await?;
                let same = stamp == ahead.stamp;
                (stamp, same.then_some((ahead.texts, ahead.understood)))
            }
            None => match self.read(now).await? {
                Seen::Moved(stamp) => (stamp, None),
                Seen::Resting(stamp, texts) => (stamp, Some((texts, None))),
            },
        };
        if rested.is_some() {
            self.stamp = Some(stamp);
            self.restless = None;
        } else {
            self.moved(stamp, now);
        }
        Ok(rested)
    }

    /// Takes everything if it still is what rested.
    async fn judge(&mut self, now: Instant) -> Result<(), Halt> {
        self.read_at = None;
        let Some((texts, understood)) = self.rested(now).await? else {
            return Ok(());
        };
        self.judge_at = None;
        self.texts = Some(texts.clone());
        let mut judge = std::mem::take(&mut self.judge);
        let guards = self.guards.clone();
        let (judge, verdict) = spawn_blocking(move || {
            let verdict = judge.judge(&texts, understood, &guards, now);
            (judge, verdict)
        })
        .await?;
        self.judge = judge;
        match verdict {
            Verdict::Nothing => {}
            Verdict::Wait(until) => self.judge_at = Some(until),
            // Where nobody listens any more, the task is about to be stopped.
            Verdict::News(news) => drop(self.news.send(news)),
        }
        Ok(())
    }
}
