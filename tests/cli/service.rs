//! The service under test, on a loopback socket of this process.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use axum::{Router, serve};
use http::request::Parts;
use roomsync::emulator::{Emulator, Fault, Options, State};
use roomsync::model::RoomId;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The token of [`STATE`].
pub(crate) const TOKEN: &str = "t0k3n-t0-g3t-1n";

/// The room of [`STATE`].
pub(crate) const ROOM: &str = "66213271109633";

/// A lobby in which carol is missing and mia is no admin.
pub(crate) const STATE: &str = r#"
app_key: "acme#demo"
app_id: 970ca35d
tokens: [t0k3n-t0-g3t-1n]
users: [alice, bob, carol, dan, eve, mia]
rooms:
  "66213271109633": {owner: alice, admins: [], members: [bob, dan, mia], maxusers: 200}
"#;

/// Answers a request in the emulator's place, or lets it through.
type Hook = dyn Fn(&Parts, &Emulator) -> Option<Response> + Send + Sync;

/// A server that writes down every request. It ends when dropped.
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Service {
    /// Plays the service from this state.
    pub(crate) fn start(state: &str) -> Self {
        Self::hooked(state, |_, _| None)
    }

    /// Plays the service, which takes so many calls a second of each method.
    pub(crate) fn at_rate(state: &str, calls_per_second: u32) -> Self {
        let options = Options {
            calls_per_second: NonZeroU32::new(calls_per_second),
            ..Options::default()
        };
        Self::with(state, options, Box::new(|_, _| None), |listener| listener)
    }

    /// Plays the service from [`STATE`], but answers every request like this.
    pub(crate) fn answering(answer: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        Self::hooked(STATE, move |_, _| Some(answer()))
    }

    /// Plays the service, but asks the hook first.
    pub(crate) fn hooked(
        state: &str,
        hook: impl Fn(&Parts, &Emulator) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::listening(state, Box::new(hook), |listener| listener)
    }

    /// Plays the service on a listener made from a plain one, as for TLS.
    pub(crate) fn listening<L>(state: &str, hook: Box<Hook>, wrap: impl FnOnce(TcpListener) -> L) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let options = Options {
            calls_per_second: None,
            ..Options::default()
        };
        Self::with(state, options, hook, wrap)
    }

    fn with<L>(state: &str, options: Options, hook: Box<Hook>, wrap: impl FnOnce(TcpListener) -> L) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let emulator = Emulator::new(State::parse(state).unwrap(), options);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = recording(emulator.clone(), Arc::clone(&calls), hook.into());
        let _guard = runtime.enter();
        runtime.spawn(serve(wrap(listener), router).into_future());
        Self {
            emulator,
            address,
            calls,
            _runtime: runtime,
        }
    }

    /// The same, but room detail shows nobody, so that the pages of the member lists are read.
    pub(crate) fn by_pages(self) -> Self {
        self.emulator
            .add_fault(Fault::parse("room_detail:rows=0").unwrap());
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far, as in `GET /acme/demo/chatrooms/1/admin`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// The requests so far that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut calls = self.calls();
        calls.retain(|call| !call.starts_with("GET "));
        calls
    }

    /// People in [`ROOM`], the admins marked with a star.
    pub(crate) fn people(&self) -> String {
        let state = self.emulator.state();
        let room = &state.rooms[&RoomId::parse(ROOM).unwrap()];
        let name = |user: &str| match room.admins().contains(user) {
            true => format!("{user}*"),
            false => user.to_owned(),
        };
        let mut people: Vec<String> = room.members().iter().map(name).collect();
        people.sort();
        people.join(" ")
    }
}

fn recording(emulator: Emulator, calls: Arc<Mutex<Vec<String>>>, hook: Arc<Hook>) -> Router {
    Router::new().fallback(move |request: Request| {
        let (emulator, calls, hook) = (emulator.clone(), Arc::clone(&calls), Arc::clone(&hook));
        async move {
            let (head, body) = request.into_parts();
            calls
                .lock()
                .unwrap()
                .push(format!("{} {}", head.method, head.uri));
            match hook(&head, &emulator) {
                Some(response) => response,
                None => emulator
                    .router()
                    .oneshot(Request::from_parts(head, body))
                    .await
                    .unwrap(),
            }
        }
    })
}

/// An answer with this status and body.
pub(crate) fn answer(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).unwrap()
}
