//! Fleets in which much is to be done, and how long an apply takes.
//!
//! Shared by a test and by `cargo bench --bench fleet`.

use crate::applying::apply_plan;
use crate::near::{BASE, Outcome, client, hand_on};
use axum::Router;
use roomsync::apply::{Cancel, Report};
use roomsync::chat::wire::Method;
use roomsync::chat::{
    BoxFuture, HttpTransport, PathPrefix, Request, Response, Transport, TransportError, classify,
};
use roomsync::desired::{AllowEmpty, DesiredRoom, OwnGuards};
use roomsync::emulator::{Emulator, Environment, Options, Room, State, serve};
use roomsync::model::{Absent, Guards, Limit, MemberSet, Mode, RoomId, UserId};
use roomsync::plan::{Calls, FleetGuard};
use roomsync::reconcile;
use std::collections::BTreeMap;
use std::future::pending;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Calls a second of each method, those that the service allows and those that are asked for.
const RATE: u32 = 100;
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// State of the service, and the rooms as they should be.
pub(crate) struct Fleet {
    live: State,
    desired: Vec<DesiredRoom>,
}

/// Course of an apply.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Answered calls by method.
    pub(crate) calls: BTreeMap<&'static str, usize>,
    /// Answers 429.
    pub(crate) turned_away: usize,
    /// From the first write call to the last that was sent.
    pub(crate) writing: Duration,
    /// From the first look to the report.
    pub(crate) whole: Duration,
    /// The least time that the plan's write calls take: those of the busiest method, at its rate.
    pub(crate) bound: Duration,
    /// Rooms that are not as wanted.
    pub(crate) not_converged: usize,
}

impl Figures {
    /// The time of writing as a multiple of its bound.
    pub(crate) fn ratio(&self) -> f64 {
        self.writing.as_secs_f64() / self.bound.as_secs_f64()
    }
}

fn room_id(number: usize) -> Outcome<RoomId> {
    Ok(RoomId::parse(&format!("66213271{number:06}"))?)
}

fn names(prefix: &str, count: usize) -> Outcome<MemberSet> {
    let name = |n| UserId::parse(&format!("{prefix}-{n:06}"));
    Ok((0..count).map(name).collect::<Result<_, _>>()?)
}

fn desired(id: RoomId, members: MemberSet, admins: Option<MemberSet>) -> Outcome<DesiredRoom> {
    Ok(DesiredRoom {
        id,
        name: None,
        owner: None,
        admins,
        members: Some(members),
        ends: None,
        excluded: None,
        allow_empty: AllowEmpty::default(),
        ignore: Vec::new(),
        mode: Mode::Authoritative,
        absent: Absent::default(),
        guards: Guards {
            max_removals: Limit::parse("100%")?,
            max_demotions: Limit::parse("100%")?,
            ..Guards::default()
        },
        own_guards: OwnGuards::default(),
    })
}

fn empty() -> Outcome<State> {
    Ok(State::parse("{app_key: \"acme#demo\", tokens: [secret]}")?)
}

impl Fleet {
    /// Rooms in which nobody is but their owner, and in which so many should be.
    pub(crate) fn to_fill(rooms: usize, members: usize) -> Outcome<Self> {
        let mut fleet = Self {
            live: empty()?,
            desired: Vec::with_capacity(rooms),
        };
        for number in 0..rooms {
            let id = room_id(number)?;
            fleet.live.rooms.insert(id.clone(), Room::new("boss"));
            fleet.desired.push(desired(id, names("user", members)?, None)?);
        }
        Ok(fleet)
    }

    /// Rooms of all sizes in which people come, go, become admins and are admins no more; most have little to do, some have
    /// much of one thing.
    pub(crate) fn mixed(rooms: usize, seed: u64) -> Outcome<Self> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut fleet = Self {
            live: empty()?,
            desired: Vec::with_capacity(rooms),
        };
        for number in 0..rooms {
            let id = room_id(number)?;
            let often = |range: RangeInclusive<usize>, rng: &mut fastrand::Rng| rng.usize(range);
            let busy = rng.usize(0..100);
            let come = often(if busy < 4 { 600..=3_000 } else { 0..=90 }, &mut rng);
            let go = often(
                if (4..8).contains(&busy) {
                    500..=2_000
                } else {
                    0..=150
                },
                &mut rng,
            );
            let up = often(if (8..12).contains(&busy) { 20..=45 } else { 0..=3 }, &mut rng);
            let down = often(if (12..16).contains(&busy) { 20..=45 } else { 0..=3 }, &mut rng);
            let (stay, come, go) = (names("stay", 50)?, names("come", come)?, names("gone", go)?);
            let (up, down) = (names("stay", up)?, names("down", down)?);
            let mut room = Room::new("boss");
            room.maxusers = 100_000;
            for user in stay.iter().chain(&go).chain(&down) {
                room.join(user.as_str());
            }
            for user in &down {
                room.promote(user.as_str());
            }
            room.join("lead");
            room.promote("lead");
            fleet.live.rooms.insert(id.clone(), room);
            let lead = MemberSet::from_iter([UserId::parse("lead")?]);
            fleet
                .desired
                .push(desired(id, stay.or(&come).or(&down), Some(up.or(&lead)))?);
        }
        Ok(fleet)
    }
}

/// A method's calls, as the client sees them.
#[derive(Debug, Default)]
struct Log {
    calls: BTreeMap<&'static str, usize>,
    turned_away: usize,
    writes: Option<(Instant, Instant)>,
}

/// A transport, and what went over it.
#[derive(Debug, Clone)]
struct Logged<T> {
    inner: T,
    log: Arc<Mutex<Log>>,
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Transport> Transport for Logged<T> {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let sent = Instant::now();
        let prefix = PathPrefix::new("acme", "demo");
        let method = prefix.and_then(|prefix| classify(&request.method, &request.url, &prefix));
        Box::pin(async move {
            let answer = self.inner.send(request).await;
            let mut log = lock(&self.log);
            *log.calls
                .entry(method.map_or("unknown", Method::as_str))
                .or_default() += 1;
            if method.is_some_and(Method::writes) {
                let first = log.writes.map_or(sent, |(first, _)| first.min(sent));
                let last = log.writes.map_or(sent, |(_, last)| last.max(sent));
                log.writes = Some((first, last));
            }
            log.turned_away += usize::from(answer.as_ref().is_ok_and(|answer| answer.status == 429));
            answer
        })
    }
}

/// The emulator in the same process.
#[derive(Debug, Clone)]
struct Near(Router);

impl Transport for Near {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move { hand_on(&self.0, &request).await })
    }
}

/// Looks at the fleet, plans, applies and looks again.
async fn apply<T: Transport + 'static>(base: &str, inner: T, fleet: &[DesiredRoom]) -> Outcome<Figures> {
    let log = Arc::new(Mutex::new(Log::default()));
    let transport = Logged {
        inner,
        log: Arc::clone(&log),
    };
    let client = client(base, Box::new(transport), RATE)?;
    let rooms: Vec<&DesiredRoom> = fleet.iter().collect();
    let begun = Instant::now();
    let guard = FleetGuard::of_all_rooms(Limit::parse("100%")?);
    let planned = reconcile::plan(&client.reader(), &rooms, Some(guard), &|| {}).await;
    let report: Report = apply_plan(&client, &rooms, &planned, "bench", &Cancel::default()).await;
    let whole = begun.elapsed();
    let tally = report.tally();
    let busiest = Calls::of(&planned.plan)
        .by_method()
        .into_iter()
        .map(|(_, calls)| calls);
    let log = std::mem::take(&mut *lock(&log));
    let (first, last) = log.writes.ok_or("nothing was written")?;
    Ok(Figures {
        calls: log.calls,
        turned_away: log.turned_away,
        writing: last - first,
        whole,
        bound: Duration::from_secs(busiest.max().unwrap_or_default() as u64) / RATE,
        not_converged: tally.rooms - tally.converged - tally.unchanged,
    })
}

fn emulator(live: State) -> Emulator {
    let options = Options {
        calls_per_second: NonZeroU32::new(RATE),
        ..Options::default()
    };
    let environment = Environment {
        latency: ROUND_TRIP,
        ..Environment::default()
    };
    Emulator::in_environment(live, options, environment)
}

/// On virtual time.
pub(crate) fn run(fleet: Fleet) -> Outcome<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async { apply(BASE, Near(emulator(fleet.live).router()), &fleet.desired).await })
}

/// In real time over sockets, with the emulator on a thread of its own.
pub(crate) fn run_for_real(fleet: Fleet) -> Outcome<Figures> {
    let runtime = |threads| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
    };
    let service = runtime(1)?;
    let listener = service.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let base = format!("http://{}", listener.local_addr()?);
    let emulator = {
        let _inside = service.enter();
        emulator(fleet.live)
    };
    let serving = service.spawn(serve(listener, emulator, pending()));
    let figures = runtime(1)?.block_on(async {
        let transport = HttpTransport::new(&base.parse()?, None, Duration::from_secs(10))?;
        apply(&base, transport, &fleet.desired).await
    });
    serving.abort();
    figures
}
