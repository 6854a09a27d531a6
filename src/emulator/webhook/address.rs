use std::net::SocketAddr;
use url::{Host, Url};

/// Receiver of events, their form, and the secret that signs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub(super) address: SocketAddr,
    pub(super) target: String,
    pub(super) secret: String,
    /// Form of the events.
    pub style: WebhookStyle,
}

/// Form of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WebhookStyle {
    /// `group_op_event`: one event for each kind of change of a call, with the names of all
    #[default]
    New,
    /// `muc`: one event a person, or two
    Old,
}

/// Reason why nothing can be posted to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place for events: take http://, a loopback address with its port, and a path")]
pub struct BadWebhook(String);

/// Reason why a fault of events would never strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fault of events needs a webhook that they are posted to: give --webhook URL and --webhook-secret SECRET"
)]
pub struct NoWebhook;

impl Webhook {
    /// Reads where to post to: plain HTTP on loopback.
    pub fn parse(url: &str, secret: &str) -> Result<Self, BadWebhook> {
        let bad = || BadWebhook(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| bad())?;
        let ip = match parsed.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            Some(Host::Domain("localhost")) => std::net::Ipv4Addr::LOCALHOST.into(),
            Some(Host::Domain(_)) | None => return Err(bad()),
        };
        let address = SocketAddr::new(ip, parsed.port_or_known_default().ok_or_else(bad)?);
        if parsed.scheme() != "http" || !address.ip().is_loopback() {
            return Err(bad());
        }
        let query = parsed
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self {
            address,
            target: format!("{}{query}", parsed.path()),
            secret: secret.to_owned(),
            style: WebhookStyle::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_on_loopback_only() {
        let good = Webhook::parse("http://127.0.0.1:9/hook?a=b", "s").unwrap();
        assert_eq!(
            (good.address.to_string(), &*good.target),
            ("127.0.0.1:9".into(), "/hook?a=b")
        );
        Webhook::parse("http://[::1]:9", "s").unwrap();
        Webhook::parse("http://localhost/hook", "s").unwrap();
        for bad in [
            "https://127.0.0.1/",
            "http://192.0.2.1/",
            "http://example.com/",
            "127.0.0.1:9",
            "",
        ] {
            assert_eq!(Webhook::parse(bad, "s"), Err(BadWebhook(bad.to_owned())));
        }
    }
}
