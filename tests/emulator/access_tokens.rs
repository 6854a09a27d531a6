//! AccessToken2: tokens made here as an app's own server makes them, and what the service says to them. [P]

use super::support::{ROOM, emulator_of, refusal, send_raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::ZlibEncoder};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use serde_json::Value;
use sha2::Sha256;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

/// Text of a token, and the certificate that it is made with.
#[derive(Debug, Clone, Copy)]
struct Token {
    app_id: &'static str,
    certificate: &'static str,
    issued_s: u32,
    expire_s: u32,
    salt: u32,
    privilege: u16,
}

const GOOD: Token = Token {
    app_id: APP_ID,
    certificate: CERTIFICATE,
    issued_s: 1_111_111,
    expire_s: 600,
    salt: 1,
    privilege: 2,
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

impl Token {
    fn bytes(&self) -> Vec<u8> {
        let mut body = text(self.app_id.as_bytes());
        for number in [self.issued_s, self.expire_s, self.salt] {
            body.extend(number.to_le_bytes());
        }
        for number in [1, 5, 1, self.privilege] {
            body.extend(number.to_le_bytes());
        }
        body.extend(self.expire_s.to_le_bytes());
        body.extend(text(b""));
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
fn aged(age_s: u32, expire_s: u32) -> Token {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Token {
        issued_s: u32::try_from(now_s).unwrap() - age_s,
        expire_s,
        ..GOOD
    }
}

async fn read_with(token: &str) -> (u16, Value) {
    let state = format!(
        "{{app_id: {APP_ID}, app_certificate: {CERTIFICATE}, user_tokens: {{alice: hers}},
            rooms: {{{ROOM}: {{owner: alice}}}}}}"
    );
    let request = Request::get(format!("/app-id/{APP_ID}/chatrooms/{ROOM}/admin"))
        .header("host", "chat.example")
        .header("authorization", format!("Bearer {token}"));
    send_raw(&emulator_of(&state), request.body(String::new().into()).unwrap()).await
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
        // Of one user, not of the app.
        Token { privilege: 1, ..good },
    ] {
        assert_eq!(read_with(&bad.sent()).await, corrupt, "{bad:?}");
    }
    let cut = good.sent();
    for bad in ["any", "007", &cut[..cut.len() - 4], &cut[1..]] {
        assert_eq!(read_with(bad).await, corrupt, "{bad}");
    }
    assert_eq!(read_with("hers").await.0, 200);
}
