//! The texts of the settings → typed values, each with what is wrong where it is none.

use super::App;
use crate::desired::names::bad_value as bad;
use crate::diagnostics::RawDiagnostic;
use crate::model::Limit;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::{Host, Url};

pub(super) const WHOLE: &str = "a whole number";

/// Longest part of an app's name.
const MAX_APP_NAME: usize = 64;
/// Digits of an App ID and of an app's certificate.
const HEX_ID: usize = 32;
/// Several times the longest id of a client.
const MAX_CLIENT_ID: usize = 256;

pub(super) fn truth(text: &str) -> Result<bool, RawDiagnostic> {
    text.parse().map_err(|_| {
        let help = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => "write `true`",
            "no" | "off" | "false" | "0" => "write `false`",
            _ => "write `true` or `false`",
        };
        bad(text, "`true` or `false`", help)
    })
}

pub(super) fn path(text: &str) -> Result<PathBuf, RawDiagnostic> {
    if text.is_empty() || text.contains('\0') {
        // Not even what stands there: it may be a secret, in the place of its file.
        return Err(RawDiagnostic::new("bad-value", "this is not a path")
            .help("write the path of a file or a folder, without NUL characters"));
    }
    Ok(PathBuf::from(text))
}

/// A percentage, and not so small a one that nothing could be done with it.
pub(super) fn share(text: &str) -> Result<Limit, RawDiagnostic> {
    match Limit::parse(text) {
        Ok(share @ Limit::Share(1_00..)) => Ok(share),
        _ => Err(bad(
            text,
            "a percentage from 1% to 100%",
            "write it with its sign, such as 50%",
        )),
    }
}

pub(super) fn listen(text: &str) -> Result<Option<SocketAddr>, RawDiagnostic> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let port = |text: &str| text.parse::<u16>().ok();
        let help = match (port(text), text.strip_prefix("localhost:").map(port)) {
            (Some(port), _) => format!("write 127.0.0.1:{port}"),
            (None, Some(Some(port))) => {
                format!("write 127.0.0.1:{port}: a name of a host cannot stand here")
            }
            (None, _) => "write an IP address with its port, such as 127.0.0.1:9464, or `off`".to_owned(),
        };
        bad(text, "an address with a port", help)
    })
}

/// The name of a host, in lower case, without its port.
pub(super) fn host_name(text: &str) -> Result<String, RawDiagnostic> {
    /// Longest name of a host.
    const LONGEST: usize = 253;
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    if text.len() <= LONGEST && text.split('.').all(is_label) {
        return Ok(text.to_ascii_lowercase());
    }
    let help = match Url::parse(text).ok().as_ref().and_then(Url::host_str) {
        Some(host) => format!("write {host}"),
        None => "write it as in an address, without scheme, port and path: roomsync.example.com".to_owned(),
    };
    Err(bad(text, "the name of a host", help))
}

pub(super) fn app_key(text: &str) -> Result<App, RawDiagnostic> {
    let (org, app) = text.split_once('#').ok_or_else(|| {
        RawDiagnostic::new("bad-value", "this is not an App Key")
            .help(
                "write it as \"org#app\", with a `#` and between quotes: without them ` #` begins a comment",
            )
            .secret()
    })?;
    Ok(App::Key {
        org: app_name(org)?,
        app: app_name(app)?,
    })
}

pub(super) fn app_id(text: &str) -> Result<App, RawDiagnostic> {
    app_name(text).map(App::Id)
}

/// A part of an app's name. It becomes a segment of every request's path, so nothing that could mean another path.
fn app_name(name: &str) -> Result<String, RawDiagnostic> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let bad = |help: String| {
        let raw = RawDiagnostic::new("bad-value", "this is not the name of an app");
        raw.help(help).secret()
    };
    if !(1..=MAX_APP_NAME).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(bad(format!(
            "each part is 1 to {MAX_APP_NAME} of a-z, A-Z, 0-9, `_`, `-` and `.`"
        )));
    }
    if name.bytes().all(|byte| byte == b'.') {
        return Err(bad(
            "copy it from the vendor's console: no part of it is dots only".to_owned(),
        ));
    }
    Ok(name.to_owned())
}

/// An App ID or an app's certificate: 32 hexadecimal digits. `[P]`
pub(super) fn is_hex_id(text: &str) -> bool {
    text.len() == HEX_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn hex_id(text: &str) -> Result<String, RawDiagnostic> {
    match is_hex_id(text) {
        true => Ok(text.to_owned()),
        // It may be something else that is secret, in the wrong place.
        false => Err(RawDiagnostic::new("bad-value", "this is no App ID")
            .help("an App ID is 32 hexadecimal digits; copy it from the vendor's console")
            .secret()),
    }
}

pub(super) fn client_id(text: &str) -> Result<String, RawDiagnostic> {
    let good = (1..=MAX_CLIENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match good {
        true => Ok(text.to_owned()),
        false => Err(RawDiagnostic::new("bad-value", "this is no client's id")
            .help(format!(
                "a client's id is 1 to {MAX_CLIENT_ID} characters without spaces"
            ))
            .secret()),
    }
}

/// The service's address; whether plain `http` may be used is for [`refuse_http`] to say.
pub(super) fn url(text: &str) -> Result<Url, RawDiagnostic> {
    let bad = |why: &str| {
        let raw = RawDiagnostic::new("bad-url", format!("this is no address for the service: {why}"))
            .help("write it as `https://HOST`, with `:PORT` where it has its own");
        // What stands before an `@` may be a password, and what is no address at all, a token.
        if text.contains('@') || !text.contains('.') {
            raw.secret()
        } else {
            raw
        }
    };
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            let raw = bad("it must begin with https://");
            let is_host = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_graphic());
            match is_host && !text.contains('@') && Url::parse(&format!("https://{text}")).is_ok() {
                true => raw.help(format!("write `https://{text}`")),
                false => raw,
            }
        }
        url::ParseError::InvalidPort => bad("a port is a number from 1 to 65535"),
        error => bad(&error.to_string()),
    })?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(bad("it must begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it cannot hold a user or a password").help("use `service.auth`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it cannot hold a `?` or a `#`"));
    }
    if url.path() != "/" {
        return Err(bad("it cannot hold a path").help("the app goes into `app_key` or `app_id`"));
    }
    Ok(url)
}

/// True if the host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// True if this is no service but an emulator on this machine, whose secrets are none.
pub(super) fn is_rehearsal(url: &Url) -> bool {
    url.scheme() == "http" && is_loopback(url)
}

/// Refuses plain `http`, which shows the token to everybody on the way, unless nobody is on the way.
pub(super) fn refuse_http(url: &Url, allowed: bool) -> Option<RawDiagnostic> {
    if url.scheme() == "https" || is_loopback(url) || allowed {
        return None;
    }
    let raw = RawDiagnostic::new("plain-http", "plain http would send the token in the clear");
    Some(raw.help("use https, or write `allow_http: true` under `service` if the way there is safe"))
}
