//! AccessToken2, the tokens that an app's own server makes from its certificate. [P]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io::Read;

/// Beginning of every such token.
pub(super) const VERSION: &str = "007";
/// The longest life of a token, in seconds, whatever it says itself.
const MAX_LIFE_S: u32 = 24 * 60 * 60;
/// Far more bytes than a token of this kind unpacks to; against one that unpacks without end.
const MAX_BYTES: u64 = 4096;
/// The chat service among the vendor's services.
const CHAT: u16 = 5;
/// The privilege of a user.
const USER: u16 = 1;
/// The privilege of an app's own calls.
const APP: u16 = 2;

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    /// The app.
    App,
    /// The user of this id.
    User(String),
}

/// Reason why a token stands for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadAccessToken {
    /// Not made with this certificate, for this app, or for one of the two privileges; or not such a token at all.
    Corrupt,
    /// It was good once.
    Expired,
}

/// Checks signature, app and age (`now_s` in seconds since 1970).
pub(super) fn check(
    token: &str,
    app_id: &str,
    certificate: &str,
    now_s: u64,
) -> Result<Holder, BadAccessToken> {
    let packed = token.strip_prefix(VERSION).ok_or(BadAccessToken::Corrupt)?;
    let packed = STANDARD.decode(packed).map_err(|_| BadAccessToken::Corrupt)?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|_| BadAccessToken::Corrupt)?;
    let verified = verify(&bytes, app_id, certificate).ok_or(BadAccessToken::Corrupt)?;
    let end_s = u64::from(verified.issued_s) + u64::from(verified.expire_s.min(MAX_LIFE_S));
    if now_s < end_s {
        Ok(verified.holder)
    } else {
        Err(BadAccessToken::Expired)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Verified {
    holder: Holder,
    issued_s: u32,
    expire_s: u32,
}

/// Content of a token, if it was made with this certificate for this app.
fn verify(token: &[u8], app_id: &str, certificate: &str) -> Option<Verified> {
    let mut rest = token;
    let signature = text(&mut rest)?;
    let body = rest;
    let named_app = text(&mut rest)?;
    let (issued_s, expire_s, salt) = (u32(&mut rest)?, u32(&mut rest)?, u32(&mut rest)?);
    mac(
        &hmac(
            &salt.to_le_bytes(),
            &hmac(&issued_s.to_le_bytes(), certificate.as_bytes())?,
        )?,
        body,
    )?
    .verify_slice(signature)
    .ok()?;
    let (services, service, privileges) = (u16(&mut rest)?, u16(&mut rest)?, u16(&mut rest)?);
    let (privilege, privilege_s) = (u16(&mut rest)?, u32(&mut rest)?);
    let user = String::from_utf8(text(&mut rest)?.to_vec()).ok()?;
    let holder = match (privilege, user.is_empty()) {
        (APP, true) => Holder::App,
        (USER, false) => Holder::User(user),
        _ => return None,
    };
    let expected = named_app == app_id.as_bytes() && (services, service, privileges) == (1, CHAT, 1);
    expected.then_some(Verified {
        holder,
        issued_s,
        expire_s: expire_s.min(privilege_s),
    })
}

fn mac(key: &[u8], message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac)
}

fn hmac(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    Some(mac(key, message)?.finalize().into_bytes().to_vec())
}

fn u16(rest: &mut &[u8]) -> Option<u16> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_le_bytes(*bytes))
}

fn u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*bytes))
}

/// Bytes behind their number.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16(rest)?;
    let (bytes, after) = rest.split_at_checked(usize::from(length))?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write as _;

    const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
    const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
    const ISSUED_S: u64 = 1_111_111;
    /// The vendor's own check: salt 1, 600 seconds. [P]
    const VECTOR: &str = "20002d6e85c3436f1811bc2c43173bf34eaa047d5e896abd4ef54c654110c0fade50200039373043413335646536306334343634\
        3562626165386132313530363162333347f4100058020000010000000100050001000200580200000000";

    fn bytes() -> Vec<u8> {
        let digits: Vec<char> = VECTOR.chars().collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect()
    }

    fn pack(bytes: &[u8]) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        format!("{VERSION}{}", STANDARD.encode(encoder.finish().unwrap()))
    }

    #[test]
    fn the_check_of_the_vendor() {
        let verified = Verified {
            holder: Holder::App,
            issued_s: 1_111_111,
            expire_s: 600,
        };
        assert_eq!(verify(&bytes(), APP_ID, CERTIFICATE), Some(verified));
        let token = pack(&bytes());
        for now_s in [ISSUED_S, ISSUED_S + 599] {
            assert_eq!(check(&token, APP_ID, CERTIFICATE, now_s), Ok(Holder::App));
        }
        let late = check(&token, APP_ID, CERTIFICATE, ISSUED_S + 600);
        assert_eq!(late, Err(BadAccessToken::Expired));
    }

    #[test]
    fn no_byte_can_be_changed_or_left_out() {
        let good = bytes();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(verify(&bad, APP_ID, CERTIFICATE), None, "{place}");
            assert_eq!(verify(&good[..place], APP_ID, CERTIFICATE), None, "{place}");
        }
        assert_eq!(verify(&good, &APP_ID.to_lowercase(), CERTIFICATE), None);
        assert_eq!(verify(&good, APP_ID, &CERTIFICATE.to_lowercase()), None);
        for bad in ["", "007", "007!", "006eJx", "007AAAA", &pack(&[0; 100_000])] {
            let checked = check(bad, APP_ID, CERTIFICATE, ISSUED_S);
            assert_eq!(checked, Err(BadAccessToken::Corrupt), "{bad}");
        }
    }
}
