//! Distance of calls from the call limit: the client's calls against the emulator's sliding window, and what came of them.
//!
//! Shared by a test and by `cargo bench --bench pace`.

use crate::near::{BASE, Outcome, client, hand_on};
use axum::Router;
use futures_util::future::{join, join_all};
use roomsync::chat::{
    BoxFuture, CallError, Client, HttpTransport, Request, Response, Transport, TransportError, Writer,
};
use roomsync::emulator::{Emulator, Environment, Fault, Options, Room, State, serve};
use roomsync::model::{RoomId, UserId};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

const WINDOW: Duration = Duration::from_secs(1);
const ROOM: &str = "66213271109633";

/// Some calls, the circumstances, and what is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    /// Number of calls that are made, all asked for at once.
    pub(crate) calls: usize,
    /// Calls a second, as configured.
    pub(crate) configured: u32,
    /// Calls that the service takes in any 1,000 ms.
    pub(crate) service: u32,
    pub(crate) path: Path,
    /// True if every lease comes back a whole second after its answer: because one answer took no time at all.
    pub(crate) whole_windows: bool,
    pub(crate) others: Others,
    /// Delay after which we others begin (ms).
    pub(crate) others_from_ms: u64,
    pub(crate) wanted: Wanted,
}

impl Scenario {
    /// The calls a second that others leave us.
    pub(crate) fn bound(&self) -> f64 {
        let theirs = match self.others {
            Others::Nothing | Others::HaveUntil(..) => 0.0,
            Others::Have(calls) | Others::AtOnce(calls) => f64::from(calls),
            Others::Every(ms) => 1_000.0 / ms as f64,
        };
        f64::from(self.service) - theirs
    }

    /// The request, in words.
    pub(crate) fn wants(&self) -> String {
        let Wanted {
            rate,
            turned_away,
            found_again,
        } = self.wanted;
        let mut wants = Vec::new();
        if rate > 0.0 {
            wants.push(format!("{rate}/s"));
        }
        match turned_away {
            NEVER => wants.push("no 429".into()),
            percent => wants.push(format!("429s up to {percent} %")),
        }
        if let Others::HaveUntil(..) = self.others {
            wants.push(format!("all within {found_again} s after"));
        }
        wants.join(", ")
    }
}

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
        };
        (there, all - there)
    }
}

/// Calls of others on the same App Key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    Nothing,
    /// So many of any window's calls are theirs, whatever we do…
    Have(u32),
    /// …until then (ms).
    HaveUntil(u32, u64),
    /// A call every so many milliseconds; one that is turned away is made again.
    Every(u64),
    /// So many calls at once, every second; those that are turned away are made again.
    AtOnce(u32),
}

/// Bounds that are to be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Calls a second, at least.
    pub(crate) rate: f64,
    /// Percent of the answers that are 429, at most.
    pub(crate) turned_away: f64,
    /// Seconds until the service's whole limit is in use again after others have ended, at most.
    pub(crate) found_again: f64,
}

/// Result of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// Calls ÷ the time from the first to the last that was sent, in calls a second.
    pub(crate) rate: f64,
    /// The most of ours that the service let through in any 1,000 ms.
    pub(crate) worst_window: usize,
    /// Answers 429, and percent of all.
    pub(crate) turned_away: usize,
    pub(crate) percent: f64,
    /// Calls a second that others got.
    pub(crate) others: f64,
    /// Seconds until the whole limit was in use again after others had ended.
    pub(crate) found_again: Option<f64>,
}

impl Figures {
    /// The worst of both.
    #[must_use]
    pub(crate) fn or_worse(self, other: &Self) -> Self {
        Self {
            rate: self.rate.min(other.rate),
            worst_window: self.worst_window.max(other.worst_window),
            turned_away: self.turned_away.max(other.turned_away),
            percent: self.percent.max(other.percent),
            others: self.others.min(other.others),
            found_again: match (self.found_again, other.found_again) {
                (Some(one), Some(other)) => Some(one.max(other)),
                _ => None,
            },
        }
    }

    pub(crate) fn keep(&self, scenario: &Scenario) -> bool {
        let Wanted {
            rate,
            turned_away,
            found_again,
        } = scenario.wanted;
        let found = match scenario.others {
            Others::HaveUntil(..) => self.found_again.is_some_and(|seconds| seconds <= found_again),
            _ => true,
        };
        self.rate >= rate && self.percent <= turned_away && found
    }
}

/// A call that the service has dealt with.
#[derive(Debug, Clone, Copy)]
struct Dealt {
    sent: Instant,
    counted: Instant,
    status: u16,
}

/// The emulator at the end of a path.
#[derive(Debug, Clone)]
struct Line {
    router: Router,
    path: Path,
    start: Instant,
    rng: Arc<Mutex<fastrand::Rng>>,
    dealt: Arc<Mutex<Vec<Dealt>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for Line {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let sent = Instant::now();
            if request.method == http::Method::GET {
                // Read only for the time that it takes: none.
                return hand_on(&self.router, &request).await;
            }
            let (there, back) = self.path.draw(&mut lock(&self.rng), sent - self.start);
            sleep(there).await;
            let counted = Instant::now();
            let answer = hand_on(&self.router, &request).await?;
            lock(&self.dealt).push(Dealt {
                sent,
                counted,
                status: answer.status,
            });
            sleep(back).await;
            Ok(answer)
        })
    }
}

/// Runs a scenario on virtual time.
pub(crate) fn run(scenario: &Scenario) -> Outcome<Figures> {
    // What waits are drawn from.
    fastrand::seed(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let emulator = emulator(scenario.service, Environment::default())?;
        let line = Line {
            router: emulator.router(),
            path: scenario.path,
            start: Instant::now(),
            rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(1))),
            dealt: Arc::default(),
        };
        let client = client(BASE, Box::new(line.clone()), scenario.configured)?;
        if scenario.whole_windows {
            client.reader().list_admins(&RoomId::parse(ROOM)?).await?;
        }
        let over = AtomicBool::new(false);
        let theirs = AtomicU64::new(0);
        let ours = async {
            let done = calls(&client, scenario.calls).await;
            over.store(true, Ordering::Relaxed);
            done
        };
        // Others first: what they have they have from the start.
        let others = others(&emulator, scenario, &over, &theirs);
        let (others, done) = join(others, ours).await;
        others.and(done)?;
        let seconds = line.start.elapsed().as_secs_f64();
        let dealt = std::mem::take(&mut *lock(&line.dealt));
        let mut figures = figures(dealt.clone());
        figures.others = theirs.into_inner() as f64 / seconds;
        if let Others::HaveUntil(_, ms) = scenario.others {
            let ended = line.start + Duration::from_millis(ms);
            figures.found_again = found_again(&dealt, ended, scenario.service);
        }
        Ok(figures)
    })
}

/// Makes the calls of a path in real time, over sockets, with the emulator on a thread of its own.
pub(crate) fn run_for_real(name: &str, path: Path, rate: f64) -> Outcome<(Scenario, Figures)> {
    let scenario = plain(name, path, rate);
    let (shortest, longest) = path.round_trip_ms;
    let environment = Environment {
        seed: 1,
        latency: Duration::from_millis((shortest + longest) / 2),
        jitter: Duration::from_millis((longest - shortest) / 2),
        ..Environment::default()
    };
    let service = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let listener = service.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let base = format!("http://{}", listener.local_addr()?);
    let emulator = {
        let _inside = service.enter();
        emulator(scenario.service, environment)?
    };
    service.spawn(serve(listener, emulator.clone(), std::future::pending()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let figures = runtime.block_on(async {
        let timed = Timed {
            http: Arc::new(HttpTransport::new(&base.parse()?, None, Duration::from_secs(10))?),
            sent: Arc::default(),
        };
        let client = client(&base, Box::new(timed.clone()), scenario.configured)?;
        calls(&client, scenario.calls).await?;
        let sent = std::mem::take(&mut *lock(&timed.sent));
        Outcome::Ok(figures(sent))
    })?;
    // When calls were counted only the emulator knows; none was turned away unless it says so.
    let worst_window = emulator
        .counters()
        .methods
        .get("add_many")
        .map_or(0, |calls| calls.busiest_second);
    Ok((
        scenario,
        Figures {
            worst_window,
            ..figures
        },
    ))
}

/// The network, and when what was sent.
#[derive(Debug, Clone)]
struct Timed {
    http: Arc<HttpTransport>,
    sent: Arc<Mutex<Vec<Dealt>>>,
}

impl Transport for Timed {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let sent = Instant::now();
            let answer = self.http.send(request).await?;
            lock(&self.sent).push(Dealt {
                sent,
                counted: Instant::now(),
                status: answer.status,
            });
            Ok(answer)
        })
    }
}

/// A service of one room that takes so many calls of each method in any second.
pub(crate) fn emulator(calls_per_second: u32, environment: Environment) -> Outcome<Emulator> {
    let mut state = State::default();
    state.rooms.insert(RoomId::parse(ROOM)?, Room::new("boss"));
    let options = Options {
        calls_per_second: NonZeroU32::new(calls_per_second),
        ..Options::default()
    };
    Ok(Emulator::in_environment(state, options, environment))
}

/// Makes so many calls at once, and waits until all are made.
pub(crate) async fn calls(client: &Client, calls: usize) -> Outcome {
    let (_go_on, interrupted) = watch::channel(false);
    let writer = Writer::new(client, [interrupted.clone(), interrupted]);
    let room = RoomId::parse(ROOM)?;
    let users = [UserId::parse("a")?];
    let all = join_all((0..calls).map(|_| writer.add_many(&room, &users))).await;
    all.into_iter().collect::<Result<Vec<_>, CallError>>()?;
    Ok(())
}

/// The calls that others make, until ours are over.
async fn others(emulator: &Emulator, scenario: &Scenario, over: &AtomicBool, theirs: &AtomicU64) -> Outcome {
    let (each, so_many) = match scenario.others {
        Others::Every(ms) => (Duration::from_millis(ms), 1),
        Others::AtOnce(calls) => (WINDOW, calls),
        Others::Nothing => return Ok(()),
        Others::Have(calls) | Others::HaveUntil(calls, _) => {
            let budget = format!("add_many:budget={calls}");
            let fault = emulator.add_fault(Fault::parse(&budget)?);
            if let Others::HaveUntil(_, ms) = scenario.others {
                sleep(Duration::from_millis(ms)).await;
                emulator.remove_fault(fault.id);
            }
            return Ok(());
        }
    };
    /// After so long they make a call again that was turned away.
    const AGAIN: Duration = Duration::from_millis(100);
    sleep(Duration::from_millis(scenario.others_from_ms)).await;
    let router = emulator.router();
    let (mut due, mut next) = (0, Instant::now());
    while !over.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            due += so_many;
            next += each;
        }
        while due > 0 {
            let request = Request {
                method: http::Method::POST,
                url: format!("{BASE}/acme/demo/chatrooms/{ROOM}/users").parse()?,
                token: "secret".into(),
                body: Some(r#"{"usernames": ["b"]}"#.into()),
            };
            if hand_on(&router, &request).await?.status == 429 {
                break;
            }
            theirs.fetch_add(1, Ordering::Relaxed);
            due -= 1;
        }
        let again = Instant::now() + AGAIN;
        sleep_until(if due > 0 { next.min(again) } else { next }).await;
    }
    Ok(())
}

fn figures(mut dealt: Vec<Dealt>) -> Figures {
    let first = dealt.iter().map(|call| call.sent).min();
    let last = dealt.iter().map(|call| call.sent).max();
    let seconds = first
        .zip(last)
        .map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    let all = dealt.len();
    dealt.retain(|call| call.status != 429);
    let turned_away = all - dealt.len();
    Figures {
        rate: dealt.len() as f64 / seconds,
        worst_window: windows(&dealt)
            .into_iter()
            .map(|(_, calls)| calls)
            .max()
            .unwrap_or(0),
        turned_away,
        percent: 100.0 * turned_away as f64 / all as f64,
        others: 0.0,
        found_again: None,
    }
}

/// When each call was counted, in order, and how many were in the 1,000 ms up to then.
fn windows(dealt: &[Dealt]) -> Vec<(Instant, usize)> {
    let mut counted: Vec<Instant> = dealt.iter().map(|call| call.counted).collect();
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

/// Seconds until 95 % of the limit were in use.
fn found_again(dealt: &[Dealt], ended: Instant, limit: u32) -> Option<f64> {
    let full = (f64::from(limit) * 0.95) as usize;
    windows(dealt)
        .into_iter()
        .find(|(at, calls)| *at > ended && *calls >= full)
        .map(|(at, _)| (at - ended).as_secs_f64())
}

/// Percent of the answers.
const NEVER: f64 = 0.0;

fn wanted(rate: f64, turned_away: f64) -> Wanted {
    Wanted {
        rate,
        turned_away,
        found_again: 60.0,
    }
}

/// The three kinds of path, and the calls a second that are wanted on each of 100.
pub(crate) const PATHS: [(Path, &str, f64); 3] = [
    (Path::between(60, 60), "60 ms", 95.0),
    (Path::between(20, 100), "20..100 ms", 94.0),
    (Path::between(0, 250), "0..250 ms", 87.0),
];

fn plain(name: &str, path: Path, rate: f64) -> Scenario {
    Scenario {
        name: name.to_owned(),
        calls: 2_000,
        configured: 100,
        service: 100,
        path,
        whole_windows: false,
        others: Others::Nothing,
        others_from_ms: 0,
        wanted: wanted(rate, NEVER),
    }
}

/// Bounds that are asserted at every commit.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = PATHS.map(|(path, name, rate)| plain(name, path, rate)).into();
    for (name, others) in [
        ("others have 50 of 100", Others::Have(50)),
        ("others make 1 every 20 ms", Others::Every(20)),
        ("others make 50 at once a second", Others::AtOnce(50)),
    ] {
        all.push(Scenario {
            calls: 2_000,
            others,
            wanted: wanted(45.0, 1.0),
            ..plain(name, Path::between(60, 60), 0.0)
        });
    }
    all.push(Scenario {
        calls: 3_000,
        others: Others::HaveUntil(50, 30_000),
        wanted: wanted(0.0, 1.0),
        ..plain("others have 50 for 30 s", Path::between(60, 60), 0.0)
    });
    // What is sent at the start, before anything is known, is turned away but for ten: half of what is configured.
    for (configured, most) in [(50, 4.0), (100, 8.0)] {
        all.push(Scenario {
            calls: 600,
            configured,
            service: 10,
            wanted: wanted(9.0, most),
            ..plain(
                &format!("a limit of 10, {configured} configured"),
                Path::between(60, 60),
                0.0,
            )
        });
    }
    all
}

/// Figures shown beside it: other splits of a round trip, what the giving back wins, and what it risks.
pub(crate) fn more_scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (path, name, rate) in PATHS {
        for (how, split) in [("all there", Split::AllThere), ("all back", Split::AllBack)] {
            all.push(plain(&format!("{name}, {how}"), path.split(split), rate));
        }
        all.push(Scenario {
            whole_windows: true,
            ..plain(&format!("{name}, nothing given back"), path, 0.0)
        });
    }
    for (path, name, _) in &PATHS[..2] {
        for (how, others) in [
            ("1 every 20 ms", Others::Every(20)),
            ("50 at once", Others::AtOnce(50)),
        ] {
            // It matters when in our first second they begin.
            all.extend([130, 333, 510, 777].map(|others_from_ms| Scenario {
                calls: 3_000,
                others,
                others_from_ms,
                wanted: wanted(45.0, 1.0),
                ..plain(&format!("{name}, others later {how}"), *path, 0.0)
            }));
        }
    }
    for (how, split, whole_windows, most) in [
        ("half there", Split::Half, false, NEVER),
        ("all back", Split::AllBack, false, NEVER),
        ("all there", Split::AllThere, false, 3.0),
        ("all there, nothing given back", Split::AllThere, true, NEVER),
    ] {
        let faster = |at| Path {
            later_ms: Some((at, 5)),
            ..Path::between(100, 100).split(split)
        };
        // What goes wrong depends on where in the second it happens.
        all.extend((0..12).map(|n| Scenario {
            calls: 1_000,
            whole_windows,
            wanted: wanted(0.0, most),
            ..plain(&format!("100 → 5 ms, {how}"), faster(4_000 + 83 * n), 0.0)
        }));
    }
    all
}
