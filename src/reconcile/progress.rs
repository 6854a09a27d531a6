//! Progress of a pass: what is done of what is to do, how fast, with how much of the call budget, and for how long still.

use crate::chat::Reader;
use crate::chat::wire::Method;
use crate::model::{Op, PerOp};
use crate::plan::Calls;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A rate is that of so long, in parts of so long: short enough to follow a service that slows down, long enough not to jump.
const RATE_OVER: Duration = Duration::from_secs(5);
const RATE_STEP: Duration = Duration::from_millis(500);

/// Counts what a pass does.
#[derive(Debug)]
pub struct Progress(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    rooms: usize,
    looked: usize,
    planned: Calls,
    /// Planned calls that were made.
    made: PerOp<usize>,
    looks: Recent,
    calls: Recent,
}

impl Progress {
    /// Begins with a look at so many rooms.
    #[must_use]
    pub fn of_rooms(rooms: usize) -> Self {
        Self(Mutex::new(Counts {
            rooms,
            looked: 0,
            planned: Calls::default(),
            made: PerOp::default(),
            looks: Recent::new(),
            calls: Recent::new(),
        }))
    }

    /// Begins with these calls.
    #[must_use]
    pub fn of_calls(calls: Calls) -> Self {
        let progress = Self::of_rooms(0);
        progress.apply(calls);
        progress
    }

    /// One more room was looked at.
    pub fn looked(&self) {
        let mut counts = self.counts();
        counts.looked += 1;
        counts.looks.count();
    }

    /// The look is over, and these calls are to be made.
    pub fn apply(&self, calls: Calls) {
        let mut counts = self.counts();
        counts.looked = counts.rooms;
        counts.planned = calls;
        counts.calls = Recent::new();
    }

    /// One more planned call was made.
    pub fn called(&self, op: Op) {
        let mut counts = self.counts();
        *counts.made.of_mut(op) += 1;
        counts.calls.count();
    }

    /// Where it stands now.
    #[must_use]
    pub fn stand(&self) -> Stand {
        let mut counts = self.counts();
        let left = left(counts.planned, counts.made);
        Stand {
            rooms: counts.rooms,
            looked: counts.looked.min(counts.rooms),
            calls: counts.planned.total(),
            left,
            looks_per_second: counts.looks.per_second(),
            calls_per_second: counts.calls.per_second(),
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls left to be made. Removals of one and of several count as one kind, so what is left of them is so of each in its share.
fn left(planned: Calls, made: PerOp<usize>) -> Calls {
    let removals = planned.remove_one + planned.remove_many;
    let removed = made.remove.min(removals);
    let many = (removals - removed) * planned.remove_many / removals.max(1);
    Calls {
        add_many: planned.add_many.saturating_sub(made.add),
        promote: planned.promote.saturating_sub(made.promote),
        demote: planned.demote.saturating_sub(made.demote),
        remove_one: removals - removed - many,
        remove_many: many,
        allow_many: planned.allow_many.saturating_sub(made.allow),
        disallow_many: planned.disallow_many.saturating_sub(made.disallow),
    }
}

/// Rate at which something happened lately.
#[derive(Debug)]
struct Recent {
    since: Instant,
    /// The end of each part of the time, and how often it happened in it.
    parts: VecDeque<(Instant, usize)>,
}

impl Recent {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            parts: VecDeque::new(),
        }
    }

    fn count(&mut self) {
        let now = Instant::now();
        match self.parts.back_mut() {
            Some((end, count)) if now < *end => *count += 1,
            _ => self.parts.push_back((now + RATE_STEP, 1)),
        }
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while self
            .parts
            .front()
            .is_some_and(|(end, _)| now.duration_since(*end) >= RATE_OVER)
        {
            self.parts.pop_front();
        }
    }

    fn per_second(&mut self) -> f64 {
        let now = Instant::now();
        self.forget(now);
        let count: usize = self.parts.iter().map(|(_, count)| count).sum();
        let time = now.duration_since(self.since).min(RATE_OVER + RATE_STEP);
        count as f64 / time.max(RATE_STEP).as_secs_f64()
    }
}

/// Where passes stand.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stand {
    /// Rooms to look at in all.
    pub rooms: usize,
    /// Those that were looked at.
    pub looked: usize,
    /// Write calls to make in all.
    pub calls: usize,
    /// Those that are left.
    pub left: Calls,
    /// Rooms looked at a second.
    pub looks_per_second: f64,
    /// Planned calls made a second.
    pub calls_per_second: f64,
}

impl Stand {
    /// Both together: they share one budget.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rooms: self.rooms + other.rooms,
            looked: self.looked + other.looked,
            calls: self.calls + other.calls,
            left: Calls {
                add_many: self.left.add_many + other.left.add_many,
                promote: self.left.promote + other.left.promote,
                demote: self.left.demote + other.left.demote,
                remove_one: self.left.remove_one + other.left.remove_one,
                remove_many: self.left.remove_many + other.left.remove_many,
                allow_many: self.left.allow_many + other.left.allow_many,
                disallow_many: self.left.disallow_many + other.left.disallow_many,
            },
            looks_per_second: self.looks_per_second + other.looks_per_second,
            calls_per_second: self.calls_per_second + other.calls_per_second,
        }
    }

    /// Calls made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.calls - self.left.total()
    }
}

/// A method's part in the call budget, beside what the settings let it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The method.
    pub method: &'static str,
    /// Calls that count at present.
    pub used: usize,
    /// Most calls that may count now.
    pub limit: usize,
    /// Most calls that may count when the service does not slow us down.
    pub configured: usize,
}

/// Every method's part in the call budget now.
#[must_use]
pub fn shares(reader: &Reader) -> Vec<Share> {
    let budget = reader.budget().into_iter();
    budget
        .map(|budget| Share {
            method: budget.method.as_str(),
            used: budget.used,
            limit: budget.limit,
            configured: budget.full,
        })
        .collect()
}

/// Outlook of passes under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// True if calls are made; otherwise rooms are looked at.
    pub applying: bool,
    /// Calls made, or rooms looked at.
    pub done: usize,
    /// Of so many.
    pub of: usize,
    /// Calls made, or rooms looked at, a second.
    pub per_second: f64,
    /// The method that decides how long it takes.
    pub bound: Option<Share>,
    /// Time left; `None`: all calls are made, and what came of them is looked at.
    pub left: Option<Duration>,
}

/// Outlook of passes that stand like this.
#[must_use]
pub fn outlook(stand: &Stand, shares: &[Share]) -> Outlook {
    let share = |method: &str| shares.iter().find(|share| share.method == method).copied();
    let applying = stand.calls > 0;
    // A look makes an admin list a room at the least; a page list may be as busy where rooms are large.
    let of_look = [Method::ListAdmins, Method::ListMembers].map(|method| share(method.as_str()));
    let busiest_of_look = of_look
        .into_iter()
        .flatten()
        .reduce(|a, b| if b.used * a.limit > a.used * b.limit { b } else { a });
    let rooms_left = stand.rooms - stand.looked;
    let by_rate = seconds(rooms_left, stand.looks_per_second);
    let by_budget = of_look[0].map(|share| seconds(rooms_left, share.limit as f64));
    let look = by_rate.max(by_budget.unwrap_or_default());
    let of_apply = stand.left.by_method().into_iter().filter(|(_, left)| *left > 0);
    let busiest_of_apply = of_apply
        .filter_map(|(method, left)| {
            let share = share(method)?;
            Some((seconds(left, share.limit as f64), share))
        })
        .reduce(|a, b| if b.0 > a.0 { b } else { a });
    let calls = busiest_of_apply.map(|(seconds, _)| seconds);
    let left = match (rooms_left, calls) {
        (0, calls) => calls,
        (_, calls) => Some(look.max(calls.unwrap_or_default())),
    };
    let (done, of, per_second) = if applying {
        (stand.made(), stand.calls, stand.calls_per_second)
    } else {
        (stand.looked, stand.rooms, stand.looks_per_second)
    };
    Outlook {
        applying,
        done,
        of,
        per_second,
        bound: if applying {
            busiest_of_apply.map(|(_, share)| share)
        } else {
            busiest_of_look
        },
        left: left.map(|left| Duration::try_from_secs_f64(left).unwrap_or_default()),
    }
}

/// Time that so many take; nothing is known without a rate.
fn seconds(number: usize, per_second: f64) -> f64 {
    if per_second > 0.0 {
        number as f64 / per_second
    } else {
        0.0
    }
}

/// `340/1700 calls · 97/s · 97 % of add_many's budget · 14 s left`
impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            applying,
            done,
            of,
            per_second,
            bound,
            left,
        } = *self;
        let what = if applying { "calls" } else { "rooms" };
        write!(f, "{done}/{of} {what} · {per_second:.0}/s")?;
        if let Some(share) = bound {
            write!(f, " · {} of {}'s budget", Percent(share), share.method)?;
        }
        match left {
            Some(left) => write!(f, " · {} left", Rounded(left))?,
            None if applying => write!(f, " · looking again")?,
            None => {}
        }
        match bound {
            Some(Share {
                limit, configured, ..
            }) if limit < configured => {
                write!(f, " · slowed to {limit} of {configured}/s by the service")
            }
            _ => Ok(()),
        }
    }
}

/// Share of the allowed calls that is in use.
struct Percent(Share);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Share { used, limit, .. } = self.0;
        // More than the limit may count for a moment after it was lowered.
        write!(f, "{} %", (used * 100 / limit.max(1)).min(100))
    }
}

/// `14 s`, `2 min 5 s`, `1 h 5 min`
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64().ceil() as u64;
        match seconds {
            0..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests;
