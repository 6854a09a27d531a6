//! Membership events, posted to whoever wants to know (`[P]`).

use super::{Names, Room, State};
use crate::model::{RoomId, hex};
use md5::{Digest as _, Md5};
use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use url::{Host, Url};

/// Most events that wait to be posted; more are lost, as they may be with the service.
const MAX_WAITING: usize = 1_000;
/// Time that the receiver has: it is to answer quickly.
const PATIENCE: Duration = Duration::from_secs(5);
/// The operator of a call made with an app token (`[P]`).
pub(super) const APP: &str = "@ppAdmin";

/// Where events are posted to, and what signs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    address: SocketAddr,
    target: String,
    secret: String,
}

/// Reason why nothing can be posted to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place for events: take http://, a loopback address with its port, and a path")]
pub struct BadWebhook(String);

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
        })
    }
}

/// Event of somebody in a room.
#[derive(Debug, Clone, Copy)]
enum MembershipChange {
    Joined,
    Left,
    Promoted,
    Demoted,
}

impl MembershipChange {
    /// The event's `operation`, and the `type` of its payload, which says what that leaves open. [?]
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Joined => ("JOIN", "join"),
            Self::Left => ("LEAVE", "leave"),
            Self::Promoted => ("ADMIN", "add_admin"),
            Self::Demoted => ("ADMIN", "remove_admin"),
        }
    }
}

/// An event as it is posted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    call_id: String,
    security: String,
    payload: Payload,
    appkey: String,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    operation: &'static str,
    operator: String,
    timestamp: u64,
}

#[derive(Debug, Serialize)]
struct Payload {
    member: Vec<String>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Where events go in.
#[derive(Debug)]
pub(super) struct WebhookQueue {
    secret: String,
    queue: mpsc::Sender<Event>,
}

/// Posts the events of one emulator, each at most once.
#[derive(Debug)]
pub struct WebhookPoster {
    webhook: Webhook,
    queue: mpsc::Receiver<Event>,
}

pub(super) fn channel(webhook: Webhook) -> (WebhookQueue, WebhookPoster) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    let hooks = WebhookQueue {
        secret: webhook.secret.clone(),
        queue: sender,
    };
    let poster = WebhookPoster {
        webhook,
        queue: receiver,
    };
    (hooks, poster)
}

impl WebhookQueue {
    /// Tells what this operator has changed in a room since `before`.
    pub(super) fn changed(&self, state: &State, id: &RoomId, before: &Room, operator: &str) {
        let Some(after) = state.rooms.get(id) else { return };
        let only_in = |some: &Names, others: &Names| -> Vec<String> {
            let missing = some.iter().filter(|user| !others.contains(user));
            missing.map(str::to_owned).collect()
        };
        let tell = |change, people| self.tell(state, id, change, people, operator);
        tell(
            MembershipChange::Joined,
            only_in(after.members(), before.members()),
        );
        tell(
            MembershipChange::Promoted,
            only_in(after.admins(), before.admins()),
        );
        tell(
            MembershipChange::Demoted,
            only_in(before.admins(), after.admins()),
        );
        tell(MembershipChange::Left, only_in(before.members(), after.members()));
    }

    /// Tells who has left a room because they were offline: each of them did it themselves. [?]
    pub(super) fn gone_offline(&self, state: &State, id: &RoomId, users: &Names) {
        for user in users.iter() {
            self.tell(state, id, MembershipChange::Left, vec![user.to_owned()], user);
        }
    }

    fn tell(
        &self,
        state: &State,
        id: &RoomId,
        change: MembershipChange,
        member: Vec<String>,
        operator: &str,
    ) {
        if member.is_empty() {
            return;
        }
        let (operation, kind) = change.words();
        let appkey = state.app_key.to_string();
        let call_id = format!("{appkey}_{:032x}", fastrand::u128(..));
        let timestamp = super::names::now_ms();
        let event = Event {
            security: security(&call_id, &self.secret, timestamp),
            call_id,
            payload: Payload { member, kind },
            appkey,
            id: id.to_string(),
            kind: "CHATROOM",
            event: "group_op_event",
            operation,
            operator: operator.to_owned(),
            timestamp,
        };
        if self.queue.try_send(event).is_err() {
            tracing::warn!("an event was lost: too many wait to be posted");
        }
    }
}

/// "The hex MD5 of callId + secret + timestamp" (`[P]`).
fn security(call_id: &str, secret: &str, timestamp: u64) -> String {
    let digest = Md5::digest(format!("{call_id}{secret}{timestamp}"));
    hex(&digest)
}

impl WebhookPoster {
    /// Posts until `shutdown` completes or the emulator is gone; what waits then is lost.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let post = async {
            while let Some(event) = self.queue.recv().await {
                let posted = timeout(PATIENCE, post(&self.webhook, &event)).await;
                if let Err(error) = posted.unwrap_or_else(|late| Err(late.into())) {
                    tracing::warn!("an event was lost: {error}");
                }
            }
        };
        tokio::select! {
            () = post => {}
            () = shutdown => {}
        }
    }
}

/// Posts one event, once, whatever the answer.
async fn post(webhook: &Webhook, event: &Event) -> io::Result<()> {
    let Webhook { address, target, .. } = webhook;
    let body = serde_json::to_string(event)?;
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    // "The receiver answers 200 quickly": nothing of the answer matters but that it is there.
    let mut first_byte = [0];
    connection.read_exact(&mut first_byte).await?;
    Ok(())
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

    #[test]
    fn the_digest_is_that_of_its_three_parts() {
        let digest = security("acme#demo_1", "secret", 1_600_060_847_294);
        assert_eq!(digest, "6baa83f679eb9c5fe25e2b1f977abe5c");
    }
}
