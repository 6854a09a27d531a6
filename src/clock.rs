//! Time with two faces. The wall clock is for people, and can be set. The steady time is what windows and waits go by: it goes on
//! with the clock that counts from the machine's boot, through restarts, and nobody sets it. Across a reboot the wall clock is
//! all there is.

mod service_time;

pub(crate) use service_time::{Known, MOST_APART, ServiceTime, apart_in_words};

use jiff::{SignedDuration, Timestamp};
use rustix::time::ClockId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// A machine's clocks.
pub trait Clocks: Send + Sync {
    /// The time of day as the machine knows it.
    fn wall(&self) -> Timestamp;
    /// The time since the machine's boot, sleep included.
    fn since_boot(&self) -> SignedDuration;
    /// Another text for every boot of every machine; `None`: boots cannot be told apart.
    fn boot_id(&self) -> Option<String>;
}

/// The time, for people and for what outlives the process. Everything else that waits, waits on tokio's clock.
#[derive(Clone)]
pub struct Clock {
    clocks: Arc<dyn Clocks>,
    timeline: Arc<Mutex<Timeline>>,
}

/// Steady time at one reading of the clock since boot.
#[derive(Debug, Clone, Copy)]
struct Timeline {
    since_boot: SignedDuration,
    steady: Timestamp,
    /// Its first time in this boot.
    began: Timestamp,
    confirmed: bool,
}

/// Steady time as a later process needs it to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Anchor {
    boot: String,
    since_boot: SignedDuration,
    steady: Timestamp,
    began: Timestamp,
    confirmed: bool,
}

/// An instant on both faces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: Timestamp,
    pub(super) steady: Timestamp,
}

/// The steady time was moved: every time kept that is not before `began` is to be moved as far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    began: Timestamp,
    by: SignedDuration,
}

impl Clock {
    /// A machine's time.
    pub fn of(clocks: impl Clocks + 'static) -> Self {
        Self::beginning(Arc::new(clocks))
    }

    /// This machine's.
    #[must_use]
    pub fn of_the_machine() -> Self {
        Self::of(Machine::new())
    }

    /// A clock that shows this time now and goes on with tokio's, which a test holds still.
    #[must_use]
    pub fn from(start: Timestamp) -> Self {
        let began = Instant::now();
        Self::of(Tokio { start, began })
    }

    /// The time of day now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clocks.wall()
    }

    /// The time of day at an instant to come.
    pub(crate) fn time_of(&self, due: Instant) -> Option<Timestamp> {
        let wait = SignedDuration::try_from(due.saturating_duration_since(Instant::now())).ok()?;
        self.now().checked_add(wait).ok()
    }

    /// The steady time now.
    #[must_use]
    pub fn steady(&self) -> Timestamp {
        let timeline = self.timeline();
        let gone = self.clocks.since_boot().saturating_sub(timeline.since_boot);
        later(timeline.steady, gone)
    }

    /// Now, on both faces.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            wall: self.now(),
            steady: self.steady(),
        }
    }

    /// The same machine's time as a process knows it that begins now: the steady time begins as the wall clock's.
    #[must_use]
    pub(super) fn anew(&self) -> Self {
        Self::beginning(Arc::clone(&self.clocks))
    }

    /// Goes on from where an earlier process of this boot was, if there was one.
    pub(super) fn go_on_from(&self, anchor: Option<&Anchor>) {
        let boot = self.clocks.boot_id();
        let since_boot = self.clocks.since_boot();
        // A clock that went back is another one, whatever the boot is called.
        let here = |anchor: &&Anchor| Some(&anchor.boot) == boot.as_ref() && anchor.since_boot <= since_boot;
        if let Some(anchor) = anchor.filter(here) {
            *self.timeline() = Timeline {
                since_boot: anchor.since_boot,
                steady: anchor.steady,
                began: anchor.began,
                confirmed: anchor.confirmed,
            };
        }
    }

    /// Anchor for a later process. `None` if boots cannot be told apart here.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        let boot = self.clocks.boot_id()?;
        let since_boot = self.clocks.since_boot();
        let timeline = *self.timeline();
        Some(Anchor {
            boot,
            since_boot,
            steady: later(timeline.steady, since_boot.saturating_sub(timeline.since_boot)),
            began: timeline.began,
            confirmed: timeline.confirmed,
        })
    }

    /// True if the steady time was found right once in this boot.
    pub(super) fn is_confirmed(&self) -> bool {
        self.timeline().confirmed
    }

    /// The steady time is right.
    pub(super) fn confirm(&self) {
        self.timeline().confirmed = true;
    }

    /// The steady time was wrong from the boot on, and the wall clock is right by now: moves the one to the other.
    pub(super) fn move_to_wall(&self) -> Moved {
        let Moment { wall, steady } = self.moment();
        let mut timeline = self.timeline();
        let moved = Moved {
            began: timeline.began,
            by: wall.duration_since(steady),
        };
        *timeline = Timeline {
            since_boot: self.clocks.since_boot(),
            steady: wall,
            began: moved.of(timeline.began),
            confirmed: true,
        };
        moved
    }

    fn beginning(clocks: Arc<dyn Clocks>) -> Self {
        let steady = clocks.wall();
        let timeline = Timeline {
            since_boot: clocks.since_boot(),
            steady,
            began: steady,
            confirmed: false,
        };
        Self {
            clocks,
            timeline: Arc::new(Mutex::new(timeline)),
        }
    }

    fn timeline(&self) -> std::sync::MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    /// The time of day at a steady time, as it will be unless somebody sets the clock.
    pub(super) fn wall_at(&self, steady: Timestamp) -> Timestamp {
        later(self.wall, steady.duration_since(self.steady))
    }
}

impl Moved {
    /// A kept time as it is after the move.
    pub(super) fn of(&self, kept: Timestamp) -> Timestamp {
        if kept < self.began {
            return kept;
        }
        later(kept, self.by)
    }
}

/// Adds to a time; beyond the calendar the time stays as it is.
fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(time)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({}, steady {})", self.now(), self.steady())
    }
}

/// This machine's clocks.
struct Machine {
    boot_id: Option<String>,
}

/// Counts from the boot, sleep included.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

impl Machine {
    fn new() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        // A container can have a clock since boot of its own: then its time is another one, though the boot is the same.
        let namespace = fs::read_link("/proc/self/ns/time").unwrap_or_default();
        Self {
            boot_id: boot.map(|boot| format!("{} {}", boot.trim(), namespace.display())),
        }
    }
}

impl Clocks for Machine {
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    fn since_boot(&self) -> SignedDuration {
        let time = rustix::time::clock_gettime(SINCE_BOOT);
        SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or_default())
    }

    fn boot_id(&self) -> Option<String> {
        self.boot_id.clone()
    }
}

/// A made-up machine on tokio's time, which is never rebooted.
struct Tokio {
    start: Timestamp,
    began: Instant,
}

impl Clocks for Tokio {
    fn wall(&self) -> Timestamp {
        later(self.start, self.since_boot())
    }

    fn since_boot(&self) -> SignedDuration {
        SignedDuration::try_from(self.began.elapsed()).unwrap_or_default()
    }

    fn boot_id(&self) -> Option<String> {
        Some("tokio".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds: of the time of day, and since this boot.
    #[derive(Clone)]
    struct Fake(Arc<Mutex<(i64, i64, Option<&'static str>)>>);

    impl Clocks for Fake {
        fn wall(&self) -> Timestamp {
            Timestamp::from_second(self.0.lock().unwrap().0).unwrap()
        }

        fn since_boot(&self) -> SignedDuration {
            SignedDuration::from_secs(self.0.lock().unwrap().1)
        }

        fn boot_id(&self) -> Option<String> {
            self.0.lock().unwrap().2.map(str::to_owned)
        }
    }

    /// A process that begins then, and goes on from what another one kept.
    fn process(fake: &Fake, now: (i64, i64, Option<&'static str>), anchor: Option<&Anchor>) -> Clock {
        *fake.0.lock().unwrap() = now;
        let clock = Clock::of(fake.clone()).anew();
        clock.go_on_from(anchor);
        clock
    }

    #[test]
    fn the_steady_time_goes_on_within_a_boot_and_begins_by_the_wall_clock_in_another() {
        let fake = Fake(Arc::new(Mutex::new((0, 0, None))));
        let clock = process(&fake, (1000, 10, Some("a")), None);
        // Somebody sets the clock.
        *fake.0.lock().unwrap() = (999_999, 30, Some("a"));
        assert_eq!(clock.steady().as_second(), 1020);
        let moment = clock.moment();
        assert_eq!(moment.wall_at(moment.steady).as_second(), 999_999);
        let anchor = clock.anchor();
        let steady = |now| process(&fake, now, anchor.as_ref()).steady().as_second();
        assert_eq!(steady((5, 40, Some("a"))), 1030, "another process of this boot");
        assert_eq!(steady((5, 40, Some("b"))), 5, "another boot");
        assert_eq!(steady((5, 29, Some("a"))), 5, "a clock that went back");
        assert_eq!(steady((5, 40, None)), 5, "boots that cannot be told apart");
        assert_eq!(process(&fake, (5, 40, None), None).anchor(), None);
    }

    #[test]
    fn a_time_that_was_wrong_from_the_boot_on_is_moved_with_what_was_kept_by_it() {
        for wrong in [-5000, 5000] {
            let fake = Fake(Arc::new(Mutex::new((0, 0, None))));
            let clock = process(&fake, (10_000 + wrong, 1, Some("a")), None);
            let (before, kept) = (
                Timestamp::from_second(10_000 + wrong - 1).unwrap(),
                clock.steady(),
            );
            *fake.0.lock().unwrap() = (10_060, 61, Some("a"));
            assert!(!clock.is_confirmed());
            let moved = clock.move_to_wall();
            assert!(clock.is_confirmed());
            assert_eq!(clock.steady().as_second(), 10_060);
            assert_eq!((moved.of(kept).as_second(), moved.of(before)), (10_000, before));
            // Once more, from the anchor on.
            let clock = process(&fake, (10_061, 62, Some("a")), clock.anchor().as_ref());
            assert!(clock.is_confirmed());
            assert_eq!(clock.steady().as_second(), 10_061);
        }
    }

    #[test]
    fn this_machine_has_a_boot_and_its_clock_goes() {
        let clock = Clock::of_the_machine();
        let (before, anchor) = (clock.steady(), clock.anchor());
        if cfg!(target_os = "linux") {
            assert!(anchor.unwrap().since_boot > SignedDuration::ZERO);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        let gone = clock.steady().duration_since(before);
        assert!(gone >= SignedDuration::from_millis(5), "{gone}");
    }
}
