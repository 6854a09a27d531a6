//! Tokens that the client mints, against the service's own check.

use super::support::{ROOM, emulator_of, send_raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use flate2::{Compression, write::ZlibEncoder};
use http::Request;
use jiff::Timestamp;
use proptest::prelude::*;
use roomsync::chat::{
    BatchLimits, BoxFuture, Client, ClientConfig, PathPrefix, Rates, Response, Secret, TokenSource,
    Transport, TransportError,
};
use roomsync::clock::Clock;
use roomsync::emulator::Emulator;
use roomsync::model::RoomId;
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Takes the token of every call down, and answers nothing.
#[derive(Debug, Clone, Default)]
struct Taken(Arc<Mutex<Vec<String>>>);

impl Transport for Taken {
    fn send(&self, request: roomsync::chat::Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let token = request.token.unwrap().expose_secret().to_owned();
        self.0.lock().unwrap().push(token);
        Box::pin(async {
            Ok(Response {
                status: 404,
                retry_after: None,
                date: None,
                body: r#"{"error": "x", "error_description": "x"}"#.into(),
            })
        })
    }
}

/// The token that a client of this app sends.
async fn minted(app_id: &str, certificate: &str, life: Duration, now: Timestamp) -> String {
    let certificate = Secret::fixed(certificate.into());
    let taken = Taken::default();
    let config = ClientConfig {
        base: "http://127.0.0.1:1".parse().unwrap(),
        prefix: PathPrefix::new("app-id", app_id).unwrap(),
        token: TokenSource::minted(app_id.to_owned(), certificate, life, Clock::from(now)),
        rates: Rates {
            default: 50,
            own: BTreeMap::new(),
        },
        concurrency: 1,
        timeout: Duration::from_secs(10),
        batch: BatchLimits { add: 60, remove: 100 },
        bulk_reads: true,
        strict: false,
        observer: None,
    };
    let client = Client::new(Box::new(taken.clone()), config);
    let room = RoomId::parse(ROOM).unwrap();
    assert!(client.reader().list_admins(&room).await.is_err());
    let tokens = taken.0.lock().unwrap();
    tokens.first().unwrap().clone()
}

async fn read_with(emulator: &Emulator, app_id: &str, token: &str) -> u16 {
    let request = Request::get(format!("/app-id/{app_id}/chatrooms/{ROOM}/admin"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(emulator, request.body(String::new().into()).unwrap())
        .await
        .0
}

/// The token with one bit of what is packed in it flipped.
fn flipped(token: &str, bit: usize) -> String {
    let packed = STANDARD.decode(token.strip_prefix("007").unwrap()).unwrap();
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .read_to_end(&mut bytes)
        .unwrap();
    let bit = bit % (8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&bytes).unwrap();
    format!("007{}", STANDARD.encode(packed.finish().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_service_takes_what_is_minted_and_nothing_that_differs_in_a_bit(
        app_id in "[0-9a-fA-F]{32}",
        certificate in "[0-9a-fA-F]{32}",
        // From 2020 on, to the last that the token can tell.
        issued_s in 1_577_836_801_i64..4_294_000_000,
        life_s in 1_u64..=86_400,
        bits in proptest::collection::vec(any::<usize>(), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let state = format!(
                "{{app_id: {app_id:?}, app_certificate: {certificate:?}, rooms: {{{ROOM:?}: {{owner: alice}}}}}}"
            );
            let emulator = emulator_of(&state);
            let at = |second: i64| emulator.set_clock(move || u64::try_from(second * 1000).unwrap());
            let issued = Timestamp::from_second(issued_s).unwrap();
            let token = minted(&app_id, &certificate, Duration::from_secs(life_s), issued).await;
            at(issued_s);
            prop_assert_eq!(read_with(&emulator, &app_id, &token).await, 200);
            for bit in bits {
                prop_assert_eq!(read_with(&emulator, &app_id, &flipped(&token, bit)).await, 401, "bit {}", bit);
            }
            let end = issued_s + i64::try_from(life_s).unwrap();
            at(end - 1);
            prop_assert_eq!(read_with(&emulator, &app_id, &token).await, 200);
            at(end);
            prop_assert_eq!(read_with(&emulator, &app_id, &token).await, 401);
            Ok(())
        })?;
    }
}
