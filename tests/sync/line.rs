//! The emulator at the end of a path: calls take their time there and back, and each is recorded.
//!
//! Shared by tests and by benches.

use crate::near::hand_on;
use axum::Router;
use roomsync::chat::wire::Method;
use roomsync::chat::{BoxFuture, PathPrefix, Request, Response, Transport, TransportError, classify};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The service's window.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// The way to the service and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// The shortest and the longest round trip, all between alike (ms).
    pub(crate) round_trip_ms: (u64, u64),
    pub(crate) split: Split,
    /// From when on it takes how long, there and back (ms).
    pub(crate) later_ms: Option<(u64, u64)>,
}

/// Where a round trip's time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    Half,
    AllThere,
    AllBack,
    /// All of it there or all of it back, each call as it falls.
    Either,
}

impl Path {
    pub(crate) const fn between(shortest: u64, longest: u64) -> Self {
        Self {
            round_trip_ms: (shortest, longest),
            split: Split::Half,
            later_ms: None,
        }
    }

    pub(crate) const fn split(self, split: Split) -> Self {
        Self { split, ..self }
    }

    /// The way there and the way back of a call.
    fn draw(&self, rng: &mut fastrand::Rng, since: Duration) -> (Duration, Duration) {
        let (shortest, longest) = match self.later_ms {
            Some((from, round_trip)) if since >= Duration::from_millis(from) => (round_trip, round_trip),
            _ => self.round_trip_ms,
        };
        let spread = (longest - shortest) as f64 * rng.f64();
        let all = Duration::from_millis(shortest) + Duration::from_secs_f64(spread / 1000.0);
        let there = match self.split {
            Split::Half => all / 2,
            Split::AllThere => all,
            Split::AllBack => Duration::ZERO,
            Split::Either if rng.bool() => all,
            Split::Either => Duration::ZERO,
        };
        (there, all - there)
    }
}

/// A call that the service has dealt with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dealt {
    /// `None`: not one of the known calls.
    pub(crate) method: Option<Method>,
    pub(crate) sent: Instant,
    pub(crate) counted: Instant,
    pub(crate) status: u16,
}

/// The emulator at the end of a path.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    router: Router,
    path: Path,
    pub(crate) start: Instant,
    rng: Arc<Mutex<fastrand::Rng>>,
    dealt: Arc<Mutex<Vec<Dealt>>>,
}

impl Line {
    /// The path begins now; its times are drawn from the seed.
    pub(crate) fn new(router: Router, path: Path, seed: u64) -> Self {
        Self {
            router,
            path,
            start: Instant::now(),
            rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            dealt: Arc::default(),
        }
    }

    /// The calls since the last call of this.
    pub(crate) fn take_dealt(&self) -> Vec<Dealt> {
        std::mem::take(&mut *lock(&self.dealt))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for Line {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let sent = Instant::now();
            let prefix = PathPrefix::new("acme", "demo");
            let method = prefix.and_then(|prefix| classify(&request.method, &request.url, &prefix));
            let (there, back) = self.path.draw(&mut lock(&self.rng), sent - self.start);
            sleep(there).await;
            let counted = Instant::now();
            let answer = hand_on(&self.router, &request).await?;
            lock(&self.dealt).push(Dealt {
                method,
                sent,
                counted,
                status: answer.status,
            });
            sleep(back).await;
            Ok(answer)
        })
    }
}

/// When each call of a method was counted, in order, and how many were in the 1,000 ms up to then.
pub(crate) fn windows(dealt: &[Dealt], method: Option<Method>) -> Vec<(Instant, usize)> {
    let same = dealt.iter().filter(|call| call.method == method);
    let mut counted: Vec<Instant> = same.map(|call| call.counted).collect();
    counted.sort_unstable();
    let mut from = 0;
    let window = |(to, now): (usize, &Instant)| {
        while counted.get(from).is_some_and(|first| *now - *first >= WINDOW) {
            from += 1;
        }
        (*now, to + 1 - from)
    };
    counted.iter().enumerate().map(window).collect()
}
