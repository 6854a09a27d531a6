//! AccessToken2: tokens made here as an app's own server makes them, and what the service says to them. [P]

use super::support::{ROOM, emulator_of, grant, refusal, send_raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::ZlibEncoder};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use roomsync::emulator::Emulator;
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::advance;

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

/// Text of a token, and the certificate that it is made with.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    app_id: &'static str,
    certificate: &'static str,
    issued_s: u32,
    expire_s: u32,
    salt: u32,
    privilege: u16,
    user: &'a str,
}

const GOOD: Token<'static> = Token {
    app_id: APP_ID,
    certificate: CERTIFICATE,
    issued_s: 1_111_111,
    expire_s: 600,
    salt: 1,
    privilege: 2,
    user: "",
};

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
    [&length, bytes].concat()
}

impl Token<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut body = text(self.app_id.as_bytes());
        for number in [self.issued_s, self.expire_s, self.salt] {
            body.extend(number.to_le_bytes());
        }
        for number in [1, 5, 1, self.privilege] {
            body.extend(number.to_le_bytes());
        }
        body.extend(self.expire_s.to_le_bytes());
        body.extend(text(self.user.as_bytes()));
        let key = hmac(&self.issued_s.to_le_bytes(), self.certificate.as_bytes());
        let key = hmac(&self.salt.to_le_bytes(), &key);
        [text(&hmac(&key, &body)), body].concat()
    }

    fn sent(&self) -> String {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&self.bytes()).unwrap();
        format!("007{}", STANDARD.encode(packed.finish().unwrap()))
    }
}

/// A token of this age in seconds.
fn aged(age_s: u32, expire_s: u32) -> Token<'static> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Token {
        issued_s: u32::try_from(now_s).unwrap() - age_s,
        expire_s,
        ..GOOD
    }
}

fn service() -> Emulator {
    emulator_of(&format!(
        "{{app_id: {APP_ID}, app_certificate: {CERTIFICATE}, users: [alice, bob, carol], user_tokens: {{alice: hers}},
            rooms: {{{ROOM}: {{owner: alice, members: [bob]}}}}}}"
    ))
}

async fn call_with(emulator: &Emulator, token: &str, call: &str, body: &str) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/app-id/{APP_ID}{path}"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(emulator, request.body(body.to_owned().into()).unwrap()).await
}

async fn read_with(token: &str) -> (u16, Value) {
    call_with(&service(), token, &format!("GET /chatrooms/{ROOM}/admin"), "").await
}

/// The maker of tokens in this file is right: the vendor's own check.
#[test]
fn the_check_vector() {
    let hex: String = GOOD.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "20002d6e85c3436f1811bc2c43173bf34eaa047d5e896abd4ef54c654110c0fade5020003937304341333564653630633434363\
         43562626165386132313530363162333347f4100058020000010000000100050001000200580200000000"
    );
}

#[tokio::test(start_paused = true)]
async fn good_for_a_day_at_most() {
    const DAY_S: u32 = 24 * 60 * 60;
    for good in [
        aged(0, 600),
        aged(500, 600),
        aged(0, 10 * DAY_S),
        aged(DAY_S - 60, 10 * DAY_S),
    ] {
        assert_eq!(read_with(&good.sent()).await.0, 200, "{good:?}");
    }
    let text = "Unable to authenticate (OAuth)";
    let expired = refusal(401, "unauthorized", "UnauthorizedException", text);
    for old in [GOOD, aged(600, 600), aged(0, 0), aged(DAY_S, 10 * DAY_S)] {
        assert_eq!(read_with(&old.sent()).await, expired, "{old:?}");
    }
}

/// With a certificate no token is taken that was not made with it, but those that the state names.
#[tokio::test(start_paused = true)]
async fn made_with_another_certificate_or_for_another_app() {
    let good = aged(0, 600);
    let text = "Unable to authenticate due to corrupt access token";
    let corrupt = refusal(401, "auth_bad_access_token", "AuthBadAccessTokenException", text);
    let stranger = "00000000000000000000000000000000";
    for bad in [
        Token {
            app_id: stranger,
            ..good
        },
        Token {
            certificate: stranger,
            ..good
        },
        // Of a user, who is not named; of the app, and yet of one; of neither.
        Token { privilege: 1, ..good },
        Token { user: "bob", ..good },
        Token { privilege: 3, ..good },
    ] {
        assert_eq!(read_with(&bad.sent()).await, corrupt, "{bad:?}");
    }
    let cut = good.sent();
    for bad in ["any", "007", &cut[..cut.len() - 4], &cut[1..]] {
        assert_eq!(read_with(bad).await, corrupt, "{bad}");
    }
    assert_eq!(read_with("hers").await.0, 200);
}

fn of_user(user: &str) -> Token<'_> {
    Token {
        privilege: 1,
        user,
        ..aged(0, 600)
    }
}

/// "The authentication token of the user or administrator": a user's token, by name or by UUID, may do what their role
/// allows.
#[tokio::test(start_paused = true)]
async fn of_a_user() {
    let emulator = service();
    let kick = format!("DELETE /chatrooms/{ROOM}/users/bob");
    let read = format!("GET /chatrooms/{ROOM}/admin");
    let (_, denied) = call_with(&emulator, &of_user("bob").sent(), &kick, "").await;
    assert_eq!(denied["error_description"], "you have no permission to do this!");
    let app = aged(0, 600).sent();
    let ask = json!({"grant_type": "inherit", "username": "alice"});
    let (_, granted) = grant(&emulator, Some(&app), &ask).await;
    let uuid = granted["user"]["uuid"].as_str().unwrap();
    for alice in ["alice", "Alice", uuid] {
        let add = format!("POST /chatrooms/{ROOM}/users/bob");
        for call in [&read, &kick, &add] {
            let answer = call_with(&emulator, &of_user(alice).sent(), call, "").await;
            assert_eq!(answer.0, 200, "{call} by {alice}");
        }
    }
    assert_eq!(call_with(&emulator, &app, "DELETE /users/carol", "").await.0, 200);
    // Of somebody who is no more.
    let text = "Unable to authenticate (OAuth)";
    let gone = refusal(401, "unauthorized", "UnauthorizedException", text);
    assert_eq!(
        call_with(&emulator, &of_user("carol").sent(), &read, "").await,
        gone
    );
}

/// `grant_type: agora`: such a token for one of the service's own.
#[tokio::test(start_paused = true)]
async fn exchanged() {
    let emulator = service();
    let read = format!("GET /chatrooms/{ROOM}/admin");
    let ask = json!({"grant_type": "agora", "ttl": 60});
    let kick = format!("DELETE /chatrooms/{ROOM}/users/bob");
    for (token, may) in [(aged(0, 600), 200), (of_user("bob"), 401)] {
        let before_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
        let (status, granted) = grant(&emulator, Some(&token.sent()), &ask).await;
        assert_eq!(status, 200, "{granted}");
        let own = granted["access_token"].as_str().unwrap();
        let end_ms = granted["expire_timestamp"].as_u64().unwrap();
        assert!(
            (before_ms + 60_000..before_ms + 90_000).contains(&end_ms),
            "{end_ms}"
        );
        assert_eq!(granted.as_object().unwrap().len(), 2);
        assert_eq!(call_with(&emulator, own, &read, "").await.0, 200);
        assert_eq!(call_with(&emulator, own, &kick, "").await.0, may);
        advance(Duration::from_secs(60)).await;
        assert_eq!(call_with(&emulator, own, &read, "").await.0, 401);
    }
    for (bad, error) in [
        ("hers", "unauthorized"),
        ("007x", "auth_bad_access_token"),
        ("", "unauthorized"),
    ] {
        let (status, refused) = grant(&emulator, Some(bad), &ask).await;
        assert_eq!((status, &refused["error"]), (401, &json!(error)), "{bad:?}");
    }
}
