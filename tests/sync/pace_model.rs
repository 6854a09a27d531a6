//! Distance of calls from the call limit: the client's calls against the emulator's sliding window, and what came of them.
//!
//! Shared by a test and by `cargo bench --bench pace`.

use crate::line::{Dealt, Line, Path, WINDOW, lock, windows};
use crate::near::{BASE, Outcome, client, config, hand_on};
use futures_util::future::{join, join_all};
use roomsync::chat::wire::Method;
use roomsync::chat::{
    BoxFuture, CallError, Client, ClientConfig, HttpTransport, Request, Response, Transport, TransportError,
    Writer,
};
use roomsync::emulator::{Emulator, Environment, Fault, Options, Room, State, serve};
use roomsync::model::{RoomId, UserId};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

const ROOM: &str = "66213271109633";
/// Method of all calls.
const METHOD: Option<Method> = Some(Method::AddMany);

/// Percent of the answers.
pub(crate) const NEVER: f64 = 0.0;

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
    /// `limits.strict`.
    pub(crate) strict: bool,
    /// What the path's times are drawn from.
    pub(crate) seed: u64,
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
        let line = Line::new(emulator.router(), scenario.path, scenario.seed);
        let config = ClientConfig {
            strict: scenario.strict,
            ..config(BASE, scenario.configured)?
        };
        let client = Client::new(Box::new(line.clone()), config);
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
        let dealt = line.take_dealt();
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
pub(crate) fn run_for_real(scenario: &Scenario) -> Outcome<Figures> {
    let (shortest, longest) = scenario.path.round_trip_ms;
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
    Ok(Figures {
        worst_window,
        ..figures
    })
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
                method: METHOD,
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
                token: Some("secret".into()),
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
        worst_window: windows(&dealt, METHOD)
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

/// Seconds until 95 % of the limit were in use.
fn found_again(dealt: &[Dealt], ended: Instant, limit: u32) -> Option<f64> {
    let full = (f64::from(limit) * 0.95) as usize;
    windows(dealt, METHOD)
        .into_iter()
        .find(|(at, calls)| *at > ended && *calls >= full)
        .map(|(at, _)| (at - ended).as_secs_f64())
}
