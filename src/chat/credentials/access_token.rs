//! AccessToken2, the tokens that an app's own server mints from its certificate. `[P]`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use sha2::digest::InvalidLength;
use std::io::{Read as _, Write as _};

/// Beginning of every such token.
const VERSION: &str = "007";
/// The largest salt, from 1.
pub(super) const MAX_SALT: u32 = 99_999_998;
/// The chat service among the vendor's services.
const CHAT: u16 = 5;
/// The privilege of an app's own calls.
const APP: u16 = 2;
/// Far more bytes than a token for all services unpacks to; against one that unpacks without end.
const MAX_BYTES: u64 = 64 << 10;

/// Claims of a token: app, time and life.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    pub(super) app_id: &'a str,
    /// Seconds since 1970.
    pub(super) issued_s: u32,
    pub(super) expire_s: u32,
    /// Random, from 1 to [`MAX_SALT`].
    pub(super) salt: u32,
}

impl Claims<'_> {
    /// The token, signed with this certificate. `None`: the app's id is far longer than any.
    pub(super) fn sign(&self, certificate: &SecretString) -> Option<SecretString> {
        let bytes = self.signed(certificate.expose_secret())?;
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&bytes).ok()?;
        let packed = packer.finish().ok()?;
        Some(format!("{VERSION}{}", STANDARD.encode(packed)).into())
    }

    fn signed(&self, certificate: &str) -> Option<Vec<u8>> {
        let Self {
            app_id,
            issued_s,
            expire_s,
            salt,
        } = self;
        let mut body = Vec::new();
        put_text(&mut body, app_id.as_bytes())?;
        for number in [issued_s, expire_s, salt] {
            body.extend(number.to_le_bytes());
        }
        let (services, privileges) = (1u16, 1u16);
        for number in [services, CHAT, privileges, APP] {
            body.extend(number.to_le_bytes());
        }
        body.extend(expire_s.to_le_bytes());
        // In the place of a user.
        put_text(&mut body, b"")?;
        let key = hmac(&issued_s.to_le_bytes(), certificate.as_bytes()).ok()?;
        let key = hmac(&salt.to_le_bytes(), &key).ok()?;
        let mut bytes = Vec::new();
        put_text(&mut bytes, &hmac(&key, &body).ok()?)?;
        bytes.extend(body);
        Some(bytes)
    }
}

/// End of a token's life in seconds since 1970, as the token says itself; its signature is not checked. `None`: it is no
/// AccessToken2.
pub(super) fn end_of(token: &SecretString) -> Option<u64> {
    let packed = token.expose_secret().strip_prefix(VERSION)?;
    let packed = STANDARD.decode(packed).ok()?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    let after_signature = after_text(&bytes)?;
    let after_app = after_text(after_signature)?;
    let (issued_s, rest) = after_app.split_first_chunk()?;
    let (expire_s, _) = rest.split_first_chunk()?;
    Some(u64::from(u32::from_le_bytes(*issued_s)) + u64::from(u32::from_le_bytes(*expire_s)))
}

fn hmac(key: &[u8], message: &[u8]) -> Result<Vec<u8>, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Puts bytes behind their number.
fn put_text(to: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    to.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
    to.extend(text);
    Some(())
}

/// The rest after bytes that stand behind their number.
fn after_text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(usize::from(u16::from_le_bytes(*length))..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
    const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
    /// The vendor's own check. `[P]`
    const VECTOR: &str = "20002d6e85c3436f1811bc2c43173bf34eaa047d5e896abd4ef54c654110c0fade50200039373043413335646536306334343634\
        3562626165386132313530363162333347f4100058020000010000000100050001000200580200000000";

    #[test]
    fn the_check_of_the_vendor() {
        let claims = Claims {
            app_id: APP_ID,
            issued_s: 1_111_111,
            expire_s: 600,
            salt: 1,
        };
        let token = claims.sign(&CERTIFICATE.into()).unwrap();
        let packed = STANDARD.decode(token.expose_secret().strip_prefix("007").unwrap());
        let mut bytes = Vec::new();
        ZlibDecoder::new(packed.unwrap().as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(hex(&bytes), VECTOR);
        assert_eq!(end_of(&token), Some(1_111_711));
    }

    #[test]
    fn what_is_no_access_token_has_no_end() {
        for token in ["", "007", "007!", "secret", "YWMt-abc", "007eJxjYGBgAAAABAAB"] {
            assert_eq!(end_of(&token.into()), None, "{token}");
        }
        let claims = Claims {
            app_id: &"x".repeat(70_000),
            issued_s: 0,
            expire_s: 0,
            salt: 1,
        };
        assert!(claims.sign(&CERTIFICATE.into()).is_none());
    }
}
