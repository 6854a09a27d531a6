//! Tokens that are minted here or granted by the service: renewed in the middle of an apply, kept through restarts, and asked for
//! as rarely as can be.

mod requests;

use super::house::{House, START, house, id, minutes, names, one_room, room_text};
use super::service::{
    BATCH, Service, assert_foretold, config, desired, failed, pass, room_id, room_of, virtually, written,
};
use jiff::Timestamp;
use roomsync::apply::Outcome;
use roomsync::chat::{
    BoxFuture, CallError, Client, ClientCredentials, PathPrefix, Request, Response, Secret, TokenSource,
    Transport, TransportError,
};
use roomsync::clock::Clock;
use roomsync::emulator::{Emulator, Environment, Fault, Options, State};
use secrecy::ExposeSecret as _;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A service of rooms in which everybody is there and nobody admin.
fn service(rooms: usize, people: usize, token_ttl: Option<Duration>, clock: &Clock) -> Service {
    let text = format!(
        "{{app_key: \"acme#demo\", tokens: [secret], app_id: {APP_ID}, app_certificate: {CERTIFICATE}, \
         clients: {{\"client-1\": right-secret}}}}"
    );
    let mut state = State::parse(&text).unwrap();
    let names: Vec<String> = (0..people).map(|number| format!("user-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    state.rooms = (0..rooms)
        .map(|room| (room_id(room), room_of("boss", &[], &names)))
        .collect();
    let environment = Environment {
        token_ttl,
        ..Environment::default()
    };
    let emulator = Emulator::in_environment(state, Options::default(), environment);
    let clock = clock.clone();
    emulator.set_clock(move || u64::try_from(clock.now().as_millisecond()).unwrap());
    Service::of(emulator).taking(ROUND_TRIP)
}

fn clock() -> Clock {
    Clock::from(START.parse::<Timestamp>().unwrap())
}

fn granted(folder: &Path, secret: &str, clock: &Clock) -> TokenSource {
    granted_to("client-1", folder, secret, clock)
}

fn granted_to(client_id: &str, folder: &Path, secret: &str, clock: &Clock) -> TokenSource {
    granted_for(client_id, folder, Secret::fixed(secret.into()), clock)
}

fn granted_for(client_id: &str, folder: &Path, secret: Secret, clock: &Clock) -> TokenSource {
    let credentials = ClientCredentials {
        client_id: client_id.to_owned(),
        secret,
        folder,
        base: &"http://127.0.0.1:1".parse().unwrap(),
        prefix: &PathPrefix::new("acme", "demo").unwrap(),
    };
    TokenSource::granted(credentials, clock.clone())
}

fn minted(life: Duration, clock: &Clock) -> TokenSource {
    TokenSource::minted(
        APP_ID.to_owned(),
        Secret::fixed(CERTIFICATE.into()),
        life,
        clock.clone(),
    )
}

/// Watches what goes to the service: token requests at a time, and the tokens of all calls.
#[derive(Debug, Clone)]
struct Watched {
    service: Service,
    asking: Arc<AtomicUsize>,
    most_asking: Arc<AtomicUsize>,
    tokens: Arc<Mutex<BTreeSet<String>>>,
}

impl Watched {
    fn new(service: &Service) -> Self {
        Self {
            service: service.clone(),
            asking: Arc::default(),
            most_asking: Arc::default(),
            tokens: Arc::default(),
        }
    }

    fn client(&self, token: TokenSource) -> Client {
        let mut config = config(BATCH, 64);
        config.token = token;
        Client::new(Box::new(self.clone()), config)
    }

    fn tokens(&self) -> usize {
        self.tokens.lock().unwrap().len()
    }
}

impl Transport for Watched {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let Some(token) = &request.token else {
                let asking = self.asking.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_asking.fetch_max(asking, Ordering::SeqCst);
                let answer = self.service.send(request).await;
                self.asking.fetch_sub(1, Ordering::SeqCst);
                return answer;
            };
            self.tokens
                .lock()
                .unwrap()
                .insert(token.expose_secret().to_owned());
            self.service.send(request).await
        })
    }
}

fn client(service: &Service, token: TokenSource) -> Client {
    Watched::new(service).client(token)
}

async fn ask(client: &Client) -> Result<(), CallError> {
    client.reader().list_admins(&room_id(0)).await.map(drop)
}

fn token_requests(service: &Service) -> u64 {
    service.emulator.counters().token_requests
}

fn refused(service: &Service) -> u64 {
    let statuses = service.emulator.counters().statuses;
    statuses.get("401").copied().unwrap_or_default()
}

/// A pass of 3,000 promotions at 50 a second, each of which is made exactly once.
async fn an_apply_of_a_minute(service: &Service, token: TokenSource) -> Watched {
    const ROOMS: usize = 60;
    const ADMINS: usize = 50;
    let admins: Vec<String> = (0..ADMINS).map(|number| format!("user-{number}")).collect();
    let rooms =
        (0..ROOMS).map(|room| format!("  - {{id: {}, admins: [{}]}}\n", room_id(room), admins.join(", ")));
    let desired = desired(&[&format!("rooms:\n{}", rooms.collect::<String>())]);
    let watched = Watched::new(service);
    let begun = tokio::time::Instant::now();
    let before = written(service);
    let (planned, report) = pass(&watched.client(token), &desired, None).await;
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(50), "{took:?}");
    assert_eq!(failed(&report), []);
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    assert!(report.rooms.iter().all(|room| room.status == Outcome::Converged));
    assert_eq!(report.rooms.len(), ROOMS);
    if refused(service) == 0 {
        assert_foretold(&planned.plan, &before, service);
    }
    let journal = service.emulator.journal();
    let done = journal
        .calls
        .iter()
        .filter(|call| call.effect && call.call == Some("promote"));
    assert_eq!(done.count(), ROOMS * ADMINS, "each once");
    watched
}

#[test]
fn an_apply_outlives_granted_tokens_of_five_seconds() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let service = service(60, 50, Some(Duration::from_secs(5)), &clock);
        let watched = an_apply_of_a_minute(&service, granted(folder.path(), "right-secret", &clock)).await;
        assert_eq!(
            watched.most_asking.load(Ordering::SeqCst),
            1,
            "one request at a time"
        );
        let asked = token_requests(&service);
        println!("{asked} token requests, {} refused calls", refused(&service));
        // One in 4.5 s or more.
        assert!((12..=20).contains(&asked), "{asked}");
        assert_eq!(refused(&service), 0, "renewed before the end");
    });
}

#[test]
fn an_apply_outlives_minted_tokens_of_five_seconds() {
    virtually(async {
        let clock = clock();
        let service = service(60, 50, None, &clock);
        let watched = an_apply_of_a_minute(&service, minted(Duration::from_secs(5), &clock)).await;
        let tokens = watched.tokens();
        println!("{tokens} tokens, {} refused calls", refused(&service));
        // One in 2 to 2.5 s.
        assert!((24..=40).contains(&tokens), "{tokens}");
        assert_eq!((token_requests(&service), refused(&service)), (0, 0));
    });
}

#[test]
fn many_calls_that_are_refused_at_once_cause_one_renewal() {
    for kind in ["granted", "minted"] {
        virtually(async {
            let folder = tempfile::tempdir().unwrap();
            let clock = clock();
            let service = service(40, 1, None, &clock);
            let token = match kind {
                "granted" => granted(folder.path(), "right-secret", &clock),
                _ => minted(Duration::from_secs(600), &clock),
            };
            let watched = Watched::new(&service);
            let client = watched.client(token);
            ask(&client).await.unwrap();
            let before = token_requests(&service);
            service.emulator.add_fault(Fault::parse("any@2:expired").unwrap());
            let reader = client.reader();
            let ids: Vec<_> = (0..40).map(room_id).collect();
            let calls = ids.iter().map(|id| reader.list_admins(id));
            for answer in futures_util::future::join_all(calls).await {
                answer.unwrap();
            }
            assert!(refused(&service) > 3, "{kind}: {} refused", refused(&service));
            assert_eq!(watched.tokens(), 2, "{kind}");
            assert_eq!(token_requests(&service) - before, u64::from(kind == "granted"));
            assert!(watched.most_asking.load(Ordering::SeqCst) <= 1);
        });
    }
}

#[test]
fn a_daemon_says_when_its_ready_token_ends() {
    const LIFE: Duration = Duration::from_secs(30 * 3600);
    // A token of that life, as the vendor's console gives it.
    let token = virtually(async {
        let clock = clock();
        let watched = Watched::new(&service(1, 1, None, &clock));
        let _ = ask(&watched.client(minted(LIFE, &clock))).await;
        let tokens = watched.tokens.lock().unwrap();
        tokens.first().unwrap().clone()
    });
    let members = names(0..3);
    let one = one_room(&members);
    one.emulator
        .edit(|state| state.tokens = Some([token.clone()].into()));
    house(one, "", async |house: House| {
        house.put("token", &format!("{token}\n"));
        house.rooms(&room_text(&id(), members.clone()));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let status = daemon.status();
        let end = START.parse::<Timestamp>().unwrap() + LIFE;
        assert_eq!(status.token_expires, Some(end));
        assert_eq!(status.attention, []);
        let gauge = daemon.source.gauges().token_expires.unwrap();
        assert_eq!((gauge.at, gauge.renewed), (end, false));
        for (hours, said) in [
            (7, "the token ends in 22 hours ("),
            (22, "the token ends in 59 minutes ("),
            (1, "the token has ended ("),
        ] {
            sleep(Duration::from_secs(hours * 3600) + Duration::from_secs(10)).await;
            let attention = daemon.status().attention;
            assert!(
                matches!(attention.as_slice(), [one] if one.message.starts_with(said)),
                "{attention:?}"
            );
        }
        // A new one is seen at the next look.
        house.put("token", "secret\n");
        house
            .service
            .emulator
            .edit(|state| state.tokens = Some(["secret".into()].into()));
        sleep(minutes(10)).await;
        assert_eq!(
            (daemon.status().token_expires, daemon.status().attention),
            (None, vec![])
        );
        daemon.stop().await;
    });
}
