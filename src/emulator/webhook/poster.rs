//! Posts events, each once more if that fails.

use super::address::Webhook;
use super::queue::Line;
use super::suspension::Suspension;
use crate::emulator::sweeper::Sweeper;
use crate::model::log_code;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Time that the receiver has: it is to answer quickly.
///
/// As events are posted one after the other, a receiver that never answers has six failures within 30 s, and so
/// never pauses the webhook. [?]
const PATIENCE: Duration = Duration::from_secs(5);
/// "Retried once at once" (`[P]`).
const TRIES: usize = 2;
/// The longest body of an answer that is no failure, in bytes; characters in the documents (`[P]`).
const MAX_ANSWER_BYTES: usize = 1_000;
/// Most bytes that are read of an answer: its head, and enough of its body to know that it is too long.
const MAX_READ_BYTES: usize = 16 << 10;

/// Posts the events of one emulator, one after the other, and lets people who are offline leave in time.
#[derive(Debug)]
pub struct WebhookPoster {
    webhook: Webhook,
    line: Arc<Line>,
    sweeper: Sweeper,
    suspension: Suspension,
}

/// Answer of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// HTTP status; everything but 200 is a failure.
    pub status: u16,
    /// Length of its body in bytes, as far as it was read.
    pub body_bytes: usize,
}

impl WebhookPoster {
    pub(super) fn new(webhook: Webhook, line: Arc<Line>, sweeper: Sweeper) -> Self {
        Self {
            webhook,
            line,
            sweeper,
            suspension: Suspension::default(),
        }
    }

    /// Posts over a connection of its own for each event, until `shutdown` completes or the emulator is gone. Of what waits
    /// then, only what is due when the emulator goes is still posted.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let webhook = self.webhook.clone();
        let post = move |body: String| {
            let webhook = webhook.clone();
            async move { post(&webhook, &body).await }
        };
        self.run_with(post, shutdown).await;
    }

    /// Does the same, but hands each body to `post`, which stands for the connection.
    pub async fn run_with<P, F>(self, mut post: P, shutdown: impl Future<Output = ()>)
    where
        P: FnMut(String) -> F,
        F: Future<Output = io::Result<WebhookAnswer>>,
    {
        let Self {
            webhook: _,
            line,
            sweeper,
            mut suspension,
        } = self;
        let deliver = async {
            while let Some(body) = line.next().await {
                deliver(&body, &mut suspension, &mut post).await;
            }
        };
        tokio::select! {
            () = deliver => {}
            () = sweeper.run() => {}
            () = shutdown => {}
        }
    }
}

/// Posts one event. During a pause it is lost, and not kept (`[P]`).
async fn deliver<P, F>(body: &str, suspension: &mut Suspension, post: &mut P)
where
    P: FnMut(String) -> F,
    F: Future<Output = io::Result<WebhookAnswer>>,
{
    for _ in 0..TRIES {
        if suspension.is_active(Instant::now()) {
            tracing::debug!("an event was lost: nothing is posted during a pause");
            return;
        }
        let posted = timeout(PATIENCE, post(body.to_owned())).await;
        let posted = posted.unwrap_or_else(|late| Err(late.into()));
        let failure = match &posted {
            Ok(WebhookAnswer {
                status: 200,
                body_bytes: ..=MAX_ANSWER_BYTES,
            }) => return,
            Ok(answer) => format!("status {}, {} bytes", answer.status, answer.body_bytes),
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            code = log_code::EMULATOR_POST_FAILED,
            "the receiver of events failed: {failure}"
        );
        if let Some(pause) = suspension.failed(Instant::now()) {
            let minutes = pause.as_secs() / 60;
            tracing::warn!(
                code = log_code::EMULATOR_POST_PAUSED,
                "it failed too often: no event is posted for {minutes} minutes"
            );
        }
        // Too long an answer counts as a failure, but the event has arrived (`[P]`).
        if matches!(posted, Ok(WebhookAnswer { status: 200, .. })) {
            return;
        }
    }
}

/// Posts one event, once, and reads the answer.
async fn post(webhook: &Webhook, body: &str) -> io::Result<WebhookAnswer> {
    let Webhook { address, target, .. } = webhook;
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    while read.len() < MAX_READ_BYTES {
        if let Some((answer, true)) = parse(&read) {
            return Ok(answer);
        }
        if connection.read_buf(&mut read).await? == 0 {
            break;
        }
    }
    let (answer, _) = parse(&read).ok_or(io::ErrorKind::InvalidData)?;
    Ok(answer)
}

/// The answer so far, and whether it is known to be whole; `None` before its head has ended.
fn parse(read: &[u8]) -> Option<(WebhookAnswer, bool)> {
    const BLANK_LINE: &[u8] = b"\r\n\r\n";
    let end = read
        .windows(BLANK_LINE.len())
        .position(|bytes| bytes == BLANK_LINE)?;
    let head = String::from_utf8_lossy(read.get(..end)?);
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok());
    let body_bytes = read.len() - end - BLANK_LINE.len();
    let whole = length.is_some_and(|length: usize| body_bytes >= length);
    Some((WebhookAnswer { status, body_bytes }, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = |status, body_bytes| WebhookAnswer { status, body_bytes };
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parse(b"HTTP/1.1 OK\r\n\r\n"), None);
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\nabc", (answer(200, 3), false)),
            (
                "HTTP/1.0 503 Away\r\ncontent-length: 3\r\n\r\nab",
                (answer(503, 2), false),
            ),
            (
                "HTTP/1.1 204\r\nContent-Length:3\r\n\r\nabc",
                (answer(204, 3), true),
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
    }
}
