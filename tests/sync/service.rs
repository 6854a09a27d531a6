//! The emulator behind the client's transport seam, and everything that was sent to it.

mod assertions;
use crate::applying::apply_plan;
pub(crate) use assertions::*;

use crate::near;
use axum::Router;
use bytes::Bytes;
use http::Method as Http;
use roomsync::apply::{Cancel, Report};
use roomsync::chat::wire::Method;
use roomsync::chat::{
    BatchLimits, BoxFuture, Client, ClientConfig, MAX_ANSWER_BYTES, PathPrefix, Rates, Request, Response,
    TokenSource, Transport, TransportError,
};
use roomsync::desired::{self, Desired, DesiredRoom, Retain};
use roomsync::diagnostics;
use roomsync::emulator::{Emulator, Options, Room, State};
use roomsync::model::{Limit, Op, RoomDefaults, RoomId};
use roomsync::plan::{Calls, FleetGuard, FleetPlan};
use roomsync::reconcile::{self, Planned};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Calls that were sent: method, path with query, body; and the answer's status.
pub(crate) type Sent = (Http, String, String, u16);

/// Answer to a request in place of the emulator's; `None` hands it on.
pub(crate) type Fault = Arc<dyn Fn(&Emulator, &Request, usize) -> Option<Reply> + Send + Sync>;

/// An answer that is not the emulator's.
pub(crate) enum Reply {
    /// This status and body, without effect.
    Answer(u16, String),
    /// Over the call rate, with this `Retry-After`.
    SlowDown(Duration),
    /// The emulator takes the call, but its answer is lost.
    LoseAnswer,
    /// The call is lost and so is the answer.
    LoseCall,
    /// The service cannot be reached.
    Unreachable,
    /// More than anybody reads.
    TooLarge,
}

/// A service of one test.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    router: Router,
    sent: Arc<Mutex<Vec<Sent>>>,
    fault: Option<Fault>,
    latency: Duration,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

impl Service {
    pub(crate) fn new(state: State) -> Self {
        Self::at_rate(state, 100)
    }

    /// A service that takes so many calls a second of each method.
    pub(crate) fn at_rate(state: State, calls_per_second: u32) -> Self {
        Self::with(
            state,
            Options {
                calls_per_second: std::num::NonZeroU32::new(calls_per_second),
                ..Options::default()
            },
        )
    }

    /// A service that behaves like this.
    pub(crate) fn with(state: State, options: Options) -> Self {
        Self::of(Emulator::new(state, options))
    }

    pub(crate) fn of(emulator: Emulator) -> Self {
        Self {
            router: emulator.router(),
            emulator,
            sent: Arc::default(),
            fault: None,
            latency: Duration::ZERO,
        }
    }

    pub(crate) fn with_fault(
        self,
        fault: impl Fn(&Emulator, &Request, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self {
            fault: Some(Arc::new(fault)),
            ..self
        }
    }

    /// The same, but room detail shows at most so many people of each room: then their pages have to be read.
    pub(crate) fn showing(self, rows: usize) -> Self {
        let fault = format!("room_detail:rows={rows}");
        self.emulator
            .add_fault(roomsync::emulator::Fault::parse(&fault).unwrap());
        self
    }

    /// The same, but every call takes so long on its way there.
    pub(crate) fn taking(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Everything that was sent since the last call of this.
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    pub(crate) fn client(&self, batch: BatchLimits) -> Client {
        client(Box::new(self.clone()), batch)
    }

    /// A client for few calls at a time that take their time.
    pub(crate) fn slow_client(&self, concurrency: usize, latency: Duration) -> Client {
        let slow = Self {
            latency,
            ..self.clone()
        };
        client_of(Box::new(slow), BatchLimits { add: 60, remove: 100 }, concurrency)
    }

    /// A client over which nothing can be written.
    pub(crate) fn read_only(&self, batch: BatchLimits) -> Client {
        client(Box::new(ReadOnly(self.clone())), batch)
    }

    async fn hand_on(&self, request: &Request) -> Result<Response, TransportError> {
        let answer = near::hand_on(&self.router, request).await?;
        if answer.body.len() > MAX_ANSWER_BYTES {
            return Err(TransportError::TooLarge);
        }
        Ok(answer)
    }
}

impl Transport for Service {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let path = request
                .url
                .as_str()
                .strip_prefix("http://127.0.0.1:1")
                .unwrap()
                .to_owned();
            let body = String::from_utf8(request.body.clone().unwrap_or_default().to_vec()).unwrap();
            let number = {
                let mut sent = self.sent.lock().unwrap();
                sent.push((request.method.clone(), path, body, 0));
                sent.len() - 1
            };
            tokio::time::sleep(self.latency).await;
            let reply = self
                .fault
                .as_ref()
                .and_then(|fault| fault(&self.emulator, &request, number));
            let answer = match reply {
                None => self.hand_on(&request).await,
                Some(Reply::Answer(status, body)) => Ok(Response {
                    status,
                    retry_after: None,
                    date: None,
                    body: body.into(),
                }),
                Some(Reply::SlowDown(wait)) => Ok(Response {
                    status: 429,
                    retry_after: Some(wait),
                    date: None,
                    body: Bytes::new(),
                }),
                Some(Reply::LoseAnswer) => {
                    let _ = self.hand_on(&request).await;
                    Err(TransportError::Unclear("connection reset".into()))
                }
                Some(Reply::LoseCall) => Err(TransportError::Unclear("connection reset".into())),
                Some(Reply::TooLarge) => Err(TransportError::TooLarge),
                Some(Reply::Unreachable) => Err(TransportError::Unsent("connection refused".into())),
            };
            if let (Ok(answer), Some(sent)) = (&answer, self.sent.lock().unwrap().get_mut(number)) {
                sent.3 = answer.status;
            }
            answer
        })
    }
}

/// A transport that lets nothing but `GET` through.
#[derive(Debug)]
struct ReadOnly(Service);

impl Transport for ReadOnly {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        assert_eq!(
            request.method,
            Http::GET,
            "planning sent {} {}",
            request.method,
            request.url
        );
        self.0.send(request)
    }
}

fn client(transport: Box<dyn Transport>, batch: BatchLimits) -> Client {
    client_of(transport, batch, 64)
}

fn client_of(transport: Box<dyn Transport>, batch: BatchLimits, concurrency: usize) -> Client {
    Client::new(transport, config(batch, concurrency))
}

pub(crate) fn config(batch: BatchLimits, concurrency: usize) -> ClientConfig {
    ClientConfig {
        base: "http://127.0.0.1:1".parse().unwrap(),
        prefix: PathPrefix::new("acme", "demo").unwrap(),
        token: TokenSource::fixed("secret".into()),
        rates: Rates {
            default: 50,
            own: BTreeMap::new(),
        },
        concurrency,
        timeout: Duration::from_secs(10),
        batch,
        bulk_reads: true,
        strict: false,
        observer: None,
    }
}

/// Runs on virtual time.
pub(crate) fn virtually<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

/// Reads room files that are given as text.
pub(crate) fn desired(files: &[&str]) -> Desired {
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in files.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.yaml")), text).unwrap();
    }
    match desired::load(
        &[folder.path().to_owned()],
        None,
        &RoomDefaults::default(),
        Retain::Provenance,
    ) {
        Ok(loaded) => loaded.desired,
        Err(invalid) => panic!(
            "{}\n{}",
            diagnostics::render(&invalid.diagnostics, false),
            files.join("\n---\n")
        ),
    }
}

/// One pass over all rooms: the plan, and what came of it.
pub(crate) async fn pass(client: &Client, desired: &Desired, total: Option<Limit>) -> (Planned, Report) {
    pass_until(client, desired, total, &Cancel::default()).await
}

/// The same, ended early.
pub(crate) async fn pass_until(
    client: &Client,
    desired: &Desired,
    total: Option<Limit>,
    stop: &Cancel,
) -> (Planned, Report) {
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let planned = reconcile::plan(
        &client.reader(),
        &rooms,
        total.map(FleetGuard::of_all_rooms),
        &|| {},
    )
    .await;
    let report = apply_plan(client, &rooms, &planned, "test", stop).await;
    (planned, report)
}

/// A room's people, without the spelling of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct People {
    pub(crate) members: BTreeSet<String>,
    pub(crate) admins: BTreeSet<String>,
}

pub(crate) fn people(room: &Room) -> People {
    let names = |names: &roomsync::emulator::Names| names.iter().map(str::to_lowercase).collect();
    let mut members: BTreeSet<String> = names(room.members());
    members.remove(&room.owner().to_lowercase());
    People {
        members,
        admins: names(room.admins()),
    }
}

pub(crate) fn room_id(number: usize) -> RoomId {
    RoomId::parse(&format!("66213271{number:06}")).unwrap()
}

pub(crate) fn room_of(owner: &str, admins: &[&str], members: &[&str]) -> Room {
    let mut room = Room::new(owner);
    members.iter().chain(admins).for_each(|user| {
        room.join(user);
    });
    admins.iter().for_each(|user| {
        room.promote(user);
    });
    room
}

pub(crate) fn state(rooms: impl IntoIterator<Item = (RoomId, Room)>) -> State {
    let mut state = State::parse("{app_key: \"acme#demo\", tokens: [secret]}").unwrap();
    state.rooms = rooms.into_iter().collect();
    state
}

/// True if this is exactly one of the calls that the product makes; written apart from the product's own gate.
pub(crate) fn is_known_call((method, path, _, _): &Sent) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let user = |text: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(good) && text.bytes().any(|b| b != b'.')
    };
    let all = |text: &str, good: &dyn Fn(&str) -> bool| text.split("%2C").all(good);
    let text = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"*-._+%".contains(&b))
    };
    if let Some(query) = path.strip_prefix("/acme/demo/chatrooms?limit=") {
        let (limit, cursor) = query.split_once("&cursor=").unwrap_or((query, "x"));
        return method == Http::GET && digits(limit) && text(cursor);
    }
    if path == "/acme/demo/token" {
        return method == Http::POST;
    }
    let Some(rest) = path.strip_prefix("/acme/demo/chatrooms/") else {
        return false;
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", [rooms]) => all(rooms, &digits),
        ("GET" | "POST", [room, "admin"]) | ("POST", [room, "users"]) => digits(room),
        ("POST", [room, "users", one]) => digits(room) && user(one),
        ("GET", [room, list]) => digits(room) && list.starts_with("users?pagenum="),
        ("DELETE", [room, "users", users]) => digits(room) && all(users, &user),
        ("DELETE", [room, "admin", admin]) => digits(room) && user(admin),
        ("GET" | "POST", [room, "white", "users"]) => digits(room),
        ("DELETE", [room, "white", "users", users]) => digits(room) && all(users, &user),
        _ => false,
    }
}

/// Number of pages of member lists that were read.
pub(crate) fn pages(sent: &[Sent]) -> usize {
    let is_page = |(method, path, ..): &&Sent| method == Http::GET && path.contains("/users?");
    sent.iter().filter(is_page).count()
}

pub(crate) fn writes(sent: &[Sent]) -> usize {
    sent.iter().filter(|(method, ..)| method != Http::GET).count()
}

/// The calls so far of the methods that write, as the emulator counts them.
pub(crate) fn written(service: &Service) -> BTreeMap<&'static str, usize> {
    let counted = service.emulator.counters().methods;
    let calls = |method: &str| counted.get(method).map_or(0, |counted| counted.calls);
    let methods = Method::ALL.into_iter().filter(|method| method.writes());
    methods
        .map(|method| (method.as_str(), usize::try_from(calls(method.as_str())).unwrap()))
        .collect()
}
