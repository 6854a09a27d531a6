//! The task that follows the files: when to look at them, and when they have rested.

use super::event::{Event, Follow, Order, Stillness};
use super::judge::{Judge, Verdict};
use super::look::{Disk, Seen, Watched};
use super::slow::Halt;
use crate::desired::{Loaded, Texts};
use crate::diagnostics::Invalid;
use crate::disk::DiskTimeout;
use crate::model::{RoomDefaults, log_code};
use crate::source::Fingerprint;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch as signal};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep_until};

/// Interval between reads of everything without an event: some network folders send none.
const RESCAN: Duration = Duration::from_secs(60);
/// A rescan is followed by this many times its own length, so that it takes a thousandth of a core at most.
const RESCAN_SHARE: u32 = 1_000;
/// Between two looks at names, sizes and times while events come, so that a thousand of them are a few looks.
const GAP: Duration = Duration::from_millis(20);
/// The same in lengths of the last look.
const GAP_SHARE: u32 = 5;
/// Beyond the time they must rest, how long files may change before somebody should know why nothing is taken.
const RESTLESS: Duration = Duration::from_secs(30);

/// Between two questions whether a disk answers again.
const SLOW_GAP: Duration = Duration::from_secs(1);

/// Follows the files until nobody wants to know.
pub(super) struct Follower {
    disk: Arc<Disk>,
    room_defaults: RoomDefaults,
    settle: Duration,
    wake: Arc<Notify>,
    judge: Judge,
    news: mpsc::UnboundedSender<Event>,
    stillness: signal::Sender<Stillness>,
    /// As it was last seen; `None`: never.
    fingerprint: Option<Fingerprint>,
    /// Texts of the last read, at that fingerprint.
    texts: Option<Texts>,
    /// Time of an event that no look has followed yet.
    event: Option<Instant>,
    /// Time of the next look at names, sizes and times.
    look_at: Option<Instant>,
    /// Time at which the files have rested, or must be finished.
    judge_at: Option<Instant>,
    /// Time to read them ahead of that.
    read_at: Option<Instant>,
    ahead: Option<Ahead>,
    /// Time of the next read of everything without an event.
    rescan_at: Instant,
    /// Before this, no look is made for an event.
    not_before: Instant,
    /// Since when the files change without a rest; `None`: they rest.
    restless: Option<Restless>,
    /// Time of the last difference, in content or not.
    moved_at: Instant,
    /// Time since which the contents are those of the last read.
    unchanged_since: Instant,
    /// Start of the last read.
    read_began: Instant,
    /// Start of the last read that found `texts`.
    seen_at: Instant,
    /// The file whose state differed last.
    changed: Option<PathBuf>,
}

/// Files that were read while they have still to rest: what is left to do then is a look whether they are the same.
struct Ahead {
    fingerprint: Fingerprint,
    texts: Texts,
    /// `None`: they are what was read before.
    understood: Option<Result<Loaded, Invalid>>,
}

struct Restless {
    since: Instant,
    warned: bool,
}

impl Follower {
    pub(super) fn new(
        follow: Follow,
        watch: Watched,
        wake: Arc<Notify>,
        (news, stillness): (mpsc::UnboundedSender<Event>, signal::Sender<Stillness>),
    ) -> Self {
        let Follow {
            paths,
            settings_file,
            room_defaults,
            settle,
            remembered,
        } = follow;
        let now = Instant::now();
        Self {
            disk: Arc::new(Disk::new(paths, settings_file, watch)),
            room_defaults,
            settle,
            wake,
            judge: Judge::new(remembered),
            news,
            stillness,
            fingerprint: None,
            texts: None,
            event: None,
            look_at: None,
            judge_at: Some(now),
            read_at: None,
            ahead: None,
            rescan_at: now + RESCAN,
            not_before: now,
            restless: None,
            moved_at: now,
            unchanged_since: now,
            read_began: now,
            seen_at: now,
            changed: None,
        }
    }

    /// Ends only by a fault, or when nobody wants the news.
    pub(super) async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) -> Result<(), JoinError> {
        loop {
            self.tell_stillness();
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

    /// Says how still the files are, if that is news.
    fn tell_stillness(&self) {
        let known = self.judge_at.is_none() && self.look_at.is_none() && self.event.is_none();
        let now = Stillness {
            unchanged_since: self.unchanged_since,
            seen_at: self.seen_at,
            is_in_force: known && self.judge.is_content(),
            newest: self.fingerprint.as_ref().and_then(Fingerprint::newest),
            being_written: self.disk.being_written(),
            changed: self.changed.clone(),
            sets: self.judge.sets(),
        };
        self.stillness.send_if_modified(|told| {
            let is_news = *told != now;
            *told = now;
            is_news
        });
    }

    async fn change(&mut self, follow: Follow) -> Result<(), JoinError> {
        let Follow {
            paths,
            settings_file,
            room_defaults,
            settle,
            remembered: _,
        } = follow;
        self.disk = Arc::new(self.disk.elsewhere(paths, settings_file));
        self.room_defaults = room_defaults;
        self.settle = settle;
        self.fingerprint = None;
        self.ahead = None;
        self.judge_at = Some(Instant::now());
        // The new defaults are in force at once, whatever is on the disk.
        if let Some(texts) = self.judge.in_force() {
            let defaults = self.room_defaults.clone();
            if let Ok(loaded) = spawn_blocking(move || texts.resolve(&defaults)).await? {
                self.judge.say_again();
                self.tell_stillness();
                drop(self.news.send(Event::Taken(Box::new(loaded))));
            }
        }
        Ok(())
    }

    /// Does what may have to wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Disk>) -> Result<T, DiskTimeout> + Send + 'static,
    ) -> Result<T, Halt> {
        let disk = Arc::clone(&self.disk);
        spawn_blocking(move || work(&disk))
            .await?
            .map_err(Halt::DiskTimeout)
    }

    /// Makes the step that is due. Where the disk does not answer, that is said, and it is asked again in a while.
    async fn go_on(&mut self) -> Result<(), JoinError> {
        let slow = match self.step().await {
            Ok(()) => return Ok(()),
            Err(Halt::Fault(error)) => return Err(error),
            Err(Halt::DiskTimeout(slow)) => slow,
        };
        let now = Instant::now();
        self.look_at = None;
        self.read_at = None;
        self.rescan_at = now + RESCAN;
        self.judge_at = Some(now + SLOW_GAP);
        if let Verdict::Event(news) = self.judge.hangs(&slow) {
            self.tell_stillness();
            drop(self.news.send(news));
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
        let fingerprint = self.on_disk(Disk::look).await?;
        let took = now.elapsed();
        self.not_before = now + took + GAP.max(took * GAP_SHARE);
        self.look_at = None;
        // Events that came meanwhile are still waiting, and make for another look.
        let since = self.event.take().unwrap_or(now);
        self.seen(fingerprint, since);
        Ok(())
    }

    /// If anything differs, it must rest from `since` on.
    fn seen(&mut self, fingerprint: Fingerprint, since: Instant) {
        if self.fingerprint.as_ref() != Some(&fingerprint) {
            self.moved(fingerprint, since);
        }
    }

    fn moved(&mut self, fingerprint: Fingerprint, since: Instant) {
        if let Some(before) = &self.fingerprint {
            self.changed = fingerprint
                .changed_since(before)
                .map(Path::to_owned)
                .or(self.changed.take());
        }
        self.fingerprint = Some(fingerprint);
        self.moved_at = since;
        self.judge_at = Some(since + self.settle);
        self.read_at = Some(since + self.settle / 2);
        self.ahead = None;
        let warned = false;
        let restless = self.restless.get_or_insert(Restless { since, warned });
        if !restless.warned && since - restless.since > self.settle + RESTLESS {
            restless.warned = true;
            tracing::warn!(
                code = log_code::FILES_RESTLESS,
                "the room files keep changing: they are read once they rest"
            );
        }
    }

    /// Reads everything, and puts off the next rescan.
    async fn read(&mut self, now: Instant) -> Result<Seen, Halt> {
        self.read_began = now;
        let fingerprint = self.fingerprint.clone();
        let seen = self.on_disk(move |disk| disk.read(fingerprint.as_ref())).await?;
        self.rescan_at = Instant::now() + RESCAN.max(now.elapsed() * RESCAN_SHARE);
        Ok(seen)
    }

    /// Reads everything, to see whether it differs: some network folders have no events, and some no true times.
    async fn rescan(&mut self, now: Instant) -> Result<(), Halt> {
        match self.read(now).await? {
            Seen::Moved(fingerprint) => self.seen(fingerprint, now),
            Seen::Resting(_, texts) => {
                let same = self.texts.as_ref().is_some_and(|last| last.same_as(&texts));
                if same {
                    self.seen_at = self.read_began;
                } else if self.judge_at.is_none() {
                    self.moved_at = now;
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
            Seen::Moved(fingerprint) => self.moved(fingerprint, now),
            Seen::Resting(fingerprint, texts) => {
                let same = self.texts.as_ref().is_some_and(|last| last.same_as(&texts));
                let (defaults, read) = (self.room_defaults.clone(), texts.clone());
                let understood = if same {
                    None
                } else {
                    Some(spawn_blocking(move || read.resolve(&defaults)).await?)
                };
                self.ahead = Some(Ahead {
                    fingerprint,
                    texts,
                    understood,
                });
            }
        }
        Ok(())
    }

    /// Files that have rested, resolved if that was done ahead. `None` if they moved.
    async fn rested(
        &mut self,
        now: Instant,
    ) -> Result<Option<(Texts, Option<Result<Loaded, Invalid>>)>, Halt> {
        let (fingerprint, rested) = match self.ahead.take() {
            Some(ahead) => {
                let fingerprint = self.on_disk(Disk::look).await?;
                let same = fingerprint == ahead.fingerprint;
                (fingerprint, same.then_some((ahead.texts, ahead.understood)))
            }
            None => match self.read(now).await? {
                Seen::Moved(fingerprint) => (fingerprint, None),
                Seen::Resting(fingerprint, texts) => (fingerprint, Some((texts, None))),
            },
        };
        if rested.is_some() {
            self.fingerprint = Some(fingerprint);
            self.restless = None;
        } else {
            self.moved(fingerprint, now);
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
        if self.texts.as_ref().is_some_and(|last| !last.same_as(&texts)) {
            self.unchanged_since = self.moved_at;
        }
        self.texts = Some(texts.clone());
        self.seen_at = self.read_began;
        let mut judge = std::mem::take(&mut self.judge);
        let defaults = self.room_defaults.clone();
        let (judge, verdict) = spawn_blocking(move || {
            let verdict = judge.judge(&texts, understood, &defaults, now);
            (judge, verdict)
        })
        .await?;
        self.judge = judge;
        match verdict {
            Verdict::Nothing => {}
            Verdict::Wait(until) => self.judge_at = Some(until),
            // Where nobody listens any more, the task is about to be stopped.
            Verdict::Event(news) => {
                self.tell_stillness();
                drop(self.news.send(news));
            }
        }
        Ok(())
    }
}
