//! Faults of a connection: each in one sentence that says what to change.

use super::proxy::Proxy;
use super::tls_fault::{is_lasting, tls_fault};
use crate::chat::transport::TransportError;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;
use std::{fmt, io};
use url::Url;

/// The setting that names the service.
pub(super) const SERVICE_URL: &str = "`service.url` (or ROOMSYNC_URL)";

/// The way to the service, as messages name it.
#[derive(Debug)]
pub(super) struct Route {
    /// Host of the service.
    host: String,
    /// Its host and port.
    place: String,
    /// True if it is spoken to over TLS.
    encrypted: bool,
    proxy: Option<Proxy>,
    /// Time after which a connection that does not come about is given up.
    connect_timeout: Duration,
}

impl Route {
    pub(super) fn new(base: &Url, proxy: Option<Proxy>, connect_timeout: Duration) -> Self {
        let host = base.host_str().unwrap_or_default().to_owned();
        let port = base.port_or_known_default().unwrap_or_default();
        Self {
            place: format!("{host}:{port}"),
            host,
            encrypted: base.scheme() == "https",
            proxy,
            connect_timeout,
        }
    }

    /// Reads why a request has no answer.
    pub(super) fn fault(&self, method: &http::Method, error: &reqwest::Error) -> TransportError {
        let causes = Causes::of(error);
        if error.is_connect() || error.is_builder() {
            return self.unconnected(error, &causes);
        }
        let hyper = causes.find::<hyper::Error>();
        if hyper.is_some_and(hyper::Error::is_canceled) {
            let text = format!("{} closed the connection before the call was sent", self.place);
            return unsent(&format!("{text}; check {SERVICE_URL} if it does so again"));
        }
        let service = Peer::Service(self);
        let foreign = if hyper.is_some_and(hyper::Error::is_parse) {
            Some(format!(
                "{service} does not answer in HTTP; {}",
                self.other_scheme()
            ))
        } else {
            causes.find().map(|fault| tls_fault(&service, fault))
        };
        match foreign {
            // What reads nothing but such an answer reads it every time. A write may have taken effect.
            Some(text) if *method == http::Method::GET => misconfigured(&text),
            Some(text) => TransportError::Unclear(text),
            None if causes.broken() => {
                TransportError::Unclear(format!("the connection broke before {service} answered"))
            }
            None => TransportError::Unclear(causes.text()),
        }
    }

    /// Reads why an answer ended after so many bytes of its body.
    pub(super) fn body_fault(error: &reqwest::Error, received: usize) -> TransportError {
        let causes = Causes::of(error);
        let reason = if causes.broken() {
            String::new()
        } else {
            format!(": {}", causes.text())
        };
        TransportError::Unclear(format!("the answer broke off after {}{reason}", bytes(received)))
    }

    /// Reads why there is no connection. Nothing was sent.
    fn unconnected(&self, error: &reqwest::Error, causes: &Causes<'_>) -> TransportError {
        let tunnel = causes.tunnel();
        let peer = match (&self.proxy, tunnel) {
            (Some(proxy), Some(TO_PROXY)) => Peer::Proxy(self, proxy),
            (Some(proxy), Some(reason)) => return self.no_tunnel(proxy, reason),
            _ => Peer::Service(self),
        };
        if let Some(fault) = causes.find() {
            let text = tls_fault(&peer, fault);
            return if is_lasting(fault) {
                misconfigured(&text)
            } else {
                unsent(&text)
            };
        }
        let kind = causes.find::<io::Error>().map(io::Error::kind);
        let what = if error.is_timeout() {
            return unsent(&self.timed_out());
        } else if error.is_dns() {
            return unsent(&format!(
                "no address is found for {}; correct {}, or the name server of this machine",
                peer.host(),
                peer.setting()
            ));
        } else if kind == Some(io::ErrorKind::ConnectionRefused) {
            if let Peer::Service(route) = peer {
                return TransportError::Unsent(route.refused());
            }
            format!("{peer} refuses the connection")
        } else if causes.broken() {
            format!("{peer} broke the connection off during the TLS handshake")
        } else if matches!(
            kind,
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
        ) {
            format!("there is no way through the network to {peer}")
        } else {
            causes.text()
        };
        unsent(&format!("{what}; {}", peer.advice()))
    }

    /// Nobody listens there.
    fn refused(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        let server = if is_loopback(&self.host) {
            "emulator"
        } else {
            "service"
        };
        format!(
            "cannot reach {scheme}://{} (connection refused). Is {SERVICE_URL} right? Is the {server} running?",
            self.place
        )
    }

    fn timed_out(&self) -> String {
        let Self {
            host,
            place,
            encrypted,
            proxy,
            connect_timeout,
        } = self;
        let (through, advice) = match proxy {
            Some(Proxy { variable, place, .. }) => (
                format!(" through the proxy {place}"),
                format!("check {SERVICE_URL} and {variable}, or put {host} into NO_PROXY"),
            ),
            None if *encrypted => (
                String::new(),
                format!("check {SERVICE_URL}, or name a proxy in HTTPS_PROXY if one is needed"),
            ),
            None => (String::new(), format!("check {SERVICE_URL}")),
        };
        format!("no connection to {place}{through} came about within {connect_timeout:?}; {advice}")
    }

    /// The proxy was reached, but leads no further.
    fn no_tunnel(&self, proxy: &Proxy, reason: &str) -> TransportError {
        let Proxy {
            variable,
            place: proxy_place,
            has_user,
            ..
        } = proxy;
        let Self { host, place, .. } = self;
        match reason {
            NEEDS_LOGIN if *has_user => misconfigured(&format!(
                "the proxy {proxy_place} does not accept the user and password of {variable} (status 407); correct them there"
            )),
            NEEDS_LOGIN => misconfigured(&format!(
                "the proxy {proxy_place} wants a user and a password (status 407); write them into {variable}, as in http://USER:PASSWORD@HOST:PORT"
            )),
            REFUSED => unsent(&format!(
                "the proxy {proxy_place} does not let us through to {place}; allow that there, correct {variable}, or put {host} into NO_PROXY"
            )),
            _ => unsent(&format!(
                "the proxy {proxy_place} broke the connection off before it let us through to {place}; {}",
                Peer::Proxy(self, proxy).advice()
            )),
        }
    }

    /// Advice where the other side does not speak what the scheme says.
    pub(super) fn other_scheme(&self) -> String {
        if self.encrypted {
            format!("check {SERVICE_URL}, which begins with http:// for the emulator")
        } else {
            format!("check {SERVICE_URL}, which begins with https:// where TLS is spoken")
        }
    }
}

/// No request reached the service, for this reason.
fn unsent(why: &str) -> TransportError {
    TransportError::Unsent(unreachable(why))
}

/// The same, and none will before something is changed.
fn misconfigured(why: &str) -> TransportError {
    TransportError::Misconfigured(unreachable(why))
}

fn unreachable(why: &str) -> String {
    format!("the service cannot be reached: {why}")
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The other end of a connection.
pub(super) enum Peer<'r> {
    Service(&'r Route),
    /// The proxy in front of it.
    Proxy(&'r Route, &'r Proxy),
}

impl Peer<'_> {
    /// Host without its port.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Service(route) => &route.host,
            Self::Proxy(_, proxy) => proxy.place.rsplit_once(':').map_or("", |(host, _)| host),
        }
    }

    /// Where its address is written.
    pub(super) fn setting(&self) -> &str {
        match self {
            Self::Service(_) => SERVICE_URL,
            Self::Proxy(_, proxy) => proxy.variable,
        }
    }

    /// Advice where it does not speak TLS.
    pub(super) fn without_tls(&self) -> String {
        match self {
            Self::Service(route) => route.other_scheme(),
            Self::Proxy(_, proxy) => format!("write http:// in {}", proxy.variable),
        }
    }

    /// Advice where it does not answer.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Service(_) => format!("check {SERVICE_URL}, and whether the service is running"),
            Self::Proxy(route, proxy) => {
                format!("check {}, or put {} into NO_PROXY", proxy.variable, route.host)
            }
        }
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(route) => f.write_str(&route.place),
            Self::Proxy(_, proxy) => write!(f, "the proxy {}", proxy.place),
        }
    }
}

// The words of hyper-util's `TunnelError`, a type that it does not export.
const TUNNEL: &str = "tunnel error: ";
const TO_PROXY: &str = "failed to create underlying connection";
const NEEDS_LOGIN: &str = "proxy authorization required";
const REFUSED: &str = "unsuccessful";

/// The causes of an error, without itself, down to the first.
struct Causes<'e>(Vec<&'e (dyn Error + 'static)>);

impl<'e> Causes<'e> {
    fn of(error: &'e reqwest::Error) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause);
            // Its `source` is that of what it wraps, which would be passed over.
            let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => cause.source(),
            };
        }
        Self(causes)
    }

    /// The last cause of this type, which is the one nearest to the origin.
    fn find<T: Error + 'static>(&self) -> Option<&'e T> {
        self.0.iter().rev().find_map(|cause| cause.downcast_ref())
    }

    /// Step at which a tunnel through a proxy failed, in the library's words; empty if they are not known.
    fn tunnel(&self) -> Option<&'static str> {
        let words = |cause: &&dyn Error| Some(cause.to_string().strip_prefix(TUNNEL)?.to_owned());
        let words = self.0.iter().find_map(words)?;
        let known = [TO_PROXY, NEEDS_LOGIN, REFUSED];
        Some(
            known
                .into_iter()
                .find(|known| *known == words)
                .unwrap_or_default(),
        )
    }

    /// True if the other side ended the connection.
    fn broken(&self) -> bool {
        let incomplete = |error: &hyper::Error| error.is_incomplete_message();
        let kind = self.find::<io::Error>().map(io::Error::kind);
        self.find().is_some_and(incomplete)
            || matches!(
                kind,
                Some(
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                )
            )
    }

    /// All of them in one line, for a fault that is not known.
    fn text(&self) -> String {
        let mut texts: Vec<String> = self.0.iter().map(|cause| one_line(&cause.to_string())).collect();
        texts.dedup();
        texts.join(": ")
    }
}

/// The text without line ends and other control characters.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A number of bytes for people.
pub(super) fn bytes(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + if number == 1 { " byte" } else { " bytes" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_grouped() {
        let texts = [0, 1, 999, 1_000, 12_345, 16_777_216].map(bytes);
        let expected = [
            "0 bytes",
            "1 byte",
            "999 bytes",
            "1,000 bytes",
            "12,345 bytes",
            "16,777,216 bytes",
        ];
        assert_eq!(texts, expected);
    }
}
