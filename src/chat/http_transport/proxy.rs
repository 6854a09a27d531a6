//! The proxy that the environment names.

use crate::secrets;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::{ExposeSecret as _, SecretString};
use std::ffi::OsString;
use url::Url;

/// Variables that name the proxy of an https address, as curl reads them; the first that is set counts.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// Variables that name the hosts to which no proxy leads.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy variable that cannot be followed. The text never shows its value, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} cannot be used: {reason}; {advice}")]
pub struct BadProxy {
    variable: &'static str,
    reason: String,
    advice: &'static str,
}

impl BadProxy {
    fn new(variable: &'static str, reason: impl Into<String>) -> Self {
        let advice = if EXCEPTIONS.contains(&variable) {
            "write the hosts with commas between them, or unset it"
        } else {
            "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it"
        };
        Self {
            variable,
            reason: reason.into(),
            advice,
        }
    }
}

/// The proxy between us and the service.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    /// Variable that names it.
    pub(super) variable: &'static str,
    /// Host and port.
    pub(super) place: String,
    /// True if the variable holds a user for it.
    pub(super) has_user: bool,
    address: SecretString,
}

impl Proxy {
    /// Finds the proxy for the service at this address among these environment variables.
    ///
    /// `None` for plain http: through a proxy such a request would hand the token to the proxy. A variable that would not be
    /// followed is not checked either.
    pub(super) fn find(
        base: &Url,
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Option<Self>, BadProxy> {
        if base.scheme() != "https" {
            return Ok(None);
        }
        let first = |names: &[&'static str]| {
            let mut set = names.iter().filter_map(|name| Some((*name, variable(name)?)));
            let (name, value) = set.find(|(_, value)| !value.is_empty())?;
            let value = value.into_string();
            Some(match value {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(BadProxy::new(name, "it is not UTF-8")),
            })
        };
        let Some(proxy) = first(&PROXIES) else {
            return Ok(None);
        };
        let exceptions = first(&EXCEPTIONS).transpose()?.map(|(_, hosts)| hosts);
        let exceptions = exceptions.unwrap_or_default();
        let any = Matcher::builder().https("http://proxy").no(exceptions).build();
        if intercept(&any, base).is_none() {
            return Ok(None);
        }
        let (name, value) = proxy?;
        Self::parse(name, &value, base)
            .map(Some)
            .map_err(|reason| BadProxy::new(name, reason))
    }

    /// Reads the value of a variable. The error is the reason, without any part of the value.
    fn parse(variable: &'static str, value: &str, base: &Url) -> Result<Self, String> {
        register_password(value);
        let value = value.trim();
        // The parser would drop some of them silently.
        if value.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("there is a blank in it".into());
        }
        let with_scheme = if value.contains("://") {
            value.to_owned()
        } else {
            format!("http://{value}")
        };
        let url = Url::parse(&with_scheme).map_err(|error| error.to_string())?;
        match url.scheme() {
            "http" | "https" => {}
            scheme if scheme.starts_with("socks") => {
                return Err("roomsync does not speak to SOCKS proxies".into());
            }
            _ => return Err("it begins with neither http:// nor https://".into()),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("something stands behind its host and port".into());
        }
        let host = url.host_str().ok_or("it names no host")?;
        let port = url.port_or_known_default().ok_or("it names no port")?;
        let place = format!("{host}:{port}");
        // As the client will read it, which goes past a proxy that it does not understand.
        let proxy = Matcher::builder().https(url.as_str().to_owned()).build();
        let proxy = intercept(&proxy, base).ok_or("it is not the address of a proxy")?;
        register_credentials(&proxy);
        Ok(Self {
            variable,
            place,
            has_user: proxy.basic_auth().is_some(),
            address: url.as_str().into(),
        })
    }

    /// The same for the client.
    pub(super) fn to_client(&self) -> Result<reqwest::Proxy, BadProxy> {
        reqwest::Proxy::https(self.address.expose_secret())
            .map_err(|_| BadProxy::new(self.variable, "it is not the address of a proxy"))
    }
}

/// The proxy of a call to the service, if one is matched.
fn intercept(matcher: &Matcher, base: &Url) -> Option<Intercept> {
    matcher.intercept(&base.as_str().parse().ok()?)
}

/// Keeps the password of an address, well-formed or not, out of all that is shown. A user without one may be a token.
fn register_password(value: &str) {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    if let Some((user, _)) = rest.rsplit_once('@') {
        secrets::register(user.split_once(':').map_or(user, |(_, password)| password));
    }
}

/// The same for what is sent to the proxy.
fn register_credentials(proxy: &Intercept) {
    let header = proxy.basic_auth().and_then(|header| header.to_str().ok());
    let Some(encoded) = header.and_then(|header| header.strip_prefix("Basic ")) else {
        return;
    };
    secrets::register(encoded);
    let decoded = BASE64_STANDARD.decode(encoded).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    if let Some((_, password)) = decoded.split_once(':') {
        secrets::register(password);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Host and port of the proxy for `https://chat.example`, or the error.
    fn found(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        of("https://chat.example", variables)
    }

    fn of(base: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let value = |name: &str| {
            let set = variables.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| OsString::from(value))
        };
        let proxy = Proxy::find(&Url::parse(base).unwrap(), value).map_err(|error| error.to_string())?;
        Ok(proxy.map(|proxy| {
            assert!(proxy.to_client().is_ok());
            format!("{} of {}", proxy.place, proxy.variable)
        }))
    }

    #[test]
    fn the_first_variable_that_is_set_names_the_proxy() {
        let both = [
            ("https_proxy", "http://one:3128"),
            ("ALL_PROXY", "http://two:3128"),
        ];
        assert_eq!(found(&both), Ok(Some("one:3128 of https_proxy".into())));
        assert_eq!(found(&both[1..]), Ok(Some("two:3128 of ALL_PROXY".into())));
        assert_eq!(found(&[("HTTP_PROXY", "http://one:3128")]), Ok(None));
        assert_eq!(found(&[("HTTPS_PROXY", "")]), Ok(None));
        for (value, place) in [
            ("proxy:3128", "proxy:3128"),
            ("proxy", "proxy:80"),
            ("https://proxy", "proxy:443"),
            ("http://ann:secret@proxy:3128/", "proxy:3128"),
            (" http://[::1]:3128\n", "[::1]:3128"),
        ] {
            let place = format!("{place} of HTTPS_PROXY");
            assert_eq!(found(&[("HTTPS_PROXY", value)]), Ok(Some(place)), "{value}");
        }
    }

    #[test]
    fn no_proxy_and_plain_http_go_past_it_be_it_well_formed_or_not() {
        for proxy in ["http://proxy:3128", "http://proxy:no"] {
            for hosts in ["chat.example", ".example", "*", "one, chat.example"] {
                let variables = [("HTTPS_PROXY", proxy), ("NO_PROXY", hosts)];
                assert_eq!(found(&variables), Ok(None), "{hosts}");
            }
            assert_eq!(of("http://127.0.0.1", &[("ALL_PROXY", proxy)]), Ok(None));
        }
        let other = [
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("no_proxy", "other.example"),
        ];
        assert_eq!(found(&other), Ok(Some("proxy:3128 of HTTPS_PROXY".into())));
    }

    #[test]
    fn a_malformed_one_is_named_and_never_shown() {
        let advice = "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it";
        for (value, reason) in [
            ("http://proxy:hunter22", "invalid port number"),
            ("http://ann:hunter22/@proxy:1", "invalid port number"),
            (
                "http://ann:12/hunter22@proxy:1",
                "something stands behind its host and port",
            ),
            (
                "http://ann:12#hunter22@proxy:1",
                "something stands behind its host and port",
            ),
            (
                "http://proxy:1/hunter22.pac",
                "something stands behind its host and port",
            ),
            ("http://ann:hunter22@", "empty host"),
            ("http://ann:hunter 22@proxy:1", "there is a blank in it"),
            ("http://ann:hunter22@pro\nxy:1", "there is a blank in it"),
            (
                "socks5h://ann:hunter22@proxy:1",
                "roomsync does not speak to SOCKS proxies",
            ),
            (
                "ftp://ann:hunter22@proxy:1",
                "it begins with neither http:// nor https://",
            ),
            ("http://", "empty host"),
        ] {
            let error = format!("all_proxy cannot be used: {reason}; {advice}");
            assert_eq!(found(&[("all_proxy", value)]), Err(error), "{value:?}");
        }
    }

    #[test]
    fn its_password_is_a_secret_as_it_is_written_and_as_it_is_sent() {
        let value = "http://ann:pass%2Dword%21of-the-proxy@proxy:3128";
        let _ = found(&[("HTTPS_PROXY", value)]);
        let sent = BASE64_STANDARD.encode("ann:pass-word!of-the-proxy");
        for text in ["pass%2Dword%21of-the-proxy", "pass-word!of-the-proxy", &sent] {
            assert_eq!(secrets::redact(&format!("<{text}>")), "<(a secret)>");
        }
        assert!(
            !format!(
                "{:?}",
                Proxy::parse("HTTPS_PROXY", value, &"https://a".parse().unwrap())
            )
            .contains("pass")
        );
    }
}
