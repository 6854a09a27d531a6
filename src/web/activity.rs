//! State of a connection, as its socket and its requests show it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Time for which a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(30);
/// Whoever takes an answer has this long for the next byte; for the whole of it a second more for so many bytes that they have taken.
const TAKES: Duration = Duration::from_secs(5);
const BYTES_A_SECOND: u64 = 32 << 10;
/// After this time without a byte taken, whoever takes an answer may have to give way.
const SLOW: Duration = Duration::from_millis(200);

/// State of a connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<Phase>);

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// No byte of a next request has come since then.
    Idle(Instant),
    /// The head of a request is on its way since then; that of the first one is from the start.
    Head(Instant),
    /// The body of a request is on its way since then. Whoever answers it waits for no longer than it wants to.
    Body(Instant),
    /// A request is being answered.
    Working,
    /// An answer is on its way since then.
    Writing {
        since: Instant,
        /// Bytes of it that were taken.
        taken: u64,
        /// Time since which none is.
        blocked: Option<Instant>,
    },
}

/// Reason why a connection may have to give way. The least does so first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waits {
    /// It has no request.
    ForRequest,
    /// Nobody takes its answer.
    ForReader,
}

impl Activity {
    /// A connection that begins now.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Phase::Head(Instant::now())))
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is handed on, to whose head nothing is to come.
    pub(super) fn works(&self) {
        *self.phase() = Phase::Working;
    }

    /// A request is handed on whose body is on its way.
    pub(super) fn receives(&self) {
        *self.phase() = Phase::Body(Instant::now());
    }

    /// The answer to it is there.
    pub(super) fn answers(&self) {
        *self.phase() = Phase::writing();
    }

    fn read(&self) {
        let mut phase = self.phase();
        if let Phase::Idle(_) = *phase {
            *phase = Phase::Head(Instant::now());
        }
    }

    /// Bytes were taken. `None`: none is now.
    fn wrote(&self, bytes: Option<usize>) {
        let mut phase = self.phase();
        // An answer to a head that is none comes without a request.
        if !matches!(*phase, Phase::Writing { .. }) {
            *phase = Phase::writing();
        }
        if let Phase::Writing { taken, blocked, .. } = &mut *phase {
            match bytes {
                Some(bytes) => {
                    *taken += bytes as u64;
                    *blocked = None;
                }
                None => {
                    blocked.get_or_insert_with(Instant::now);
                }
            }
        }
    }

    /// Everything that was to be written is.
    fn flushed(&self) {
        let mut phase = self.phase();
        if let Phase::Writing { .. } = *phase {
            *phase = Phase::Idle(Instant::now());
        }
    }

    /// Reason why it may have to give way, and the time since which there is that reason. `None`: it does something.
    pub(super) fn waits(&self) -> Option<(Waits, Instant)> {
        match *self.phase() {
            Phase::Idle(since) | Phase::Head(since) | Phase::Body(since) => Some((Waits::ForRequest, since)),
            Phase::Working => None,
            Phase::Writing { blocked, .. } => {
                let slow = blocked.filter(|blocked| blocked.elapsed() >= SLOW);
                slow.map(|since| (Waits::ForReader, since))
            }
        }
    }

    /// True if it takes too long over its request, or over taking an answer.
    pub(super) fn is_overdue(&self, head: Duration) -> bool {
        match *self.phase() {
            Phase::Idle(since) => since.elapsed() >= IDLE,
            Phase::Head(since) => since.elapsed() >= head,
            Phase::Body(_) | Phase::Working => false,
            Phase::Writing {
                since,
                taken,
                blocked,
            } => {
                let is_deaf = blocked.is_some_and(|blocked| blocked.elapsed() >= TAKES);
                is_deaf || since.elapsed() >= TAKES + Duration::from_secs(taken / BYTES_A_SECOND)
            }
        }
    }
}

impl Phase {
    fn writing() -> Self {
        Self::Writing {
            since: Instant::now(),
            taken: 0,
            blocked: None,
        }
    }
}

/// A socket that notes what is read and written.
pub(super) struct Watched<S> {
    pub(super) socket: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Unpin> Watched<S> {
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.activity.wrote(Some(*bytes)),
            Poll::Pending => self.activity.wrote(None),
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.noted(written)
    }

    /// With parts an answer is not copied: those who are slow to take one share it.
    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Is called once everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.activity.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::advance;

    const HEAD: Duration = Duration::from_secs(2);
    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_head_has_two_seconds_from_its_first_byte_and_the_first_one_from_the_start() {
        let (mut client, server) = duplex(64);
        let activity = Arc::new(Activity::new());
        let mut server = Watched {
            socket: server,
            activity: Arc::clone(&activity),
        };
        let begun = Instant::now();
        assert_eq!(activity.waits(), Some((Waits::ForRequest, begun)));
        advance(SECOND).await;
        client.write_all(b"G").await.unwrap();
        server.read_u8().await.unwrap();
        assert!(!activity.is_overdue(HEAD));
        advance(SECOND).await;
        assert!(activity.is_overdue(HEAD), "a byte a second is no head");
        activity.works();
        advance(60 * SECOND).await;
        assert!(!activity.is_overdue(HEAD) && activity.waits().is_none());
        // A body that does not come gives way, as a head does.
        activity.receives();
        let begun = Instant::now();
        advance(60 * SECOND).await;
        assert!(!activity.is_overdue(HEAD));
        assert_eq!(activity.waits(), Some((Waits::ForRequest, begun)));
        activity.answers();
        server.write_all(b"answer").await.unwrap();
        server.flush().await.unwrap();
        assert_eq!(activity.waits(), Some((Waits::ForRequest, Instant::now())));
        advance(29 * SECOND).await;
        assert!(!activity.is_overdue(HEAD), "it may wait for its next request");
        client.write_all(b"G").await.unwrap();
        server.read_u8().await.unwrap();
        advance(SECOND).await;
        assert!(!activity.is_overdue(HEAD));
        advance(SECOND).await;
        assert!(activity.is_overdue(HEAD));
        activity.works();
        activity.answers();
        server.flush().await.unwrap();
        advance(IDLE).await;
        assert!(activity.is_overdue(HEAD));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_to_be_taken_at_some_rate() {
        let (mut client, server) = duplex(32 << 10);
        let activity = Arc::new(Activity::new());
        let mut server = Watched {
            socket: server,
            activity: Arc::clone(&activity),
        };
        activity.works();
        activity.answers();
        let answer = vec![0; 10 << 20];
        let writing = tokio::spawn(async move { server.write_all(&answer).await });
        let mut some = vec![0; 32 << 10];
        // Enough at first, and then nothing.
        for _ in 0..30 {
            client.read_exact(&mut some).await.unwrap();
            tokio::task::yield_now().await;
            advance(SECOND).await;
            assert!(!activity.is_overdue(HEAD));
        }
        assert!(
            activity
                .waits()
                .is_some_and(|(waits, _)| waits == Waits::ForReader)
        );
        advance(3 * SECOND).await;
        assert!(!activity.is_overdue(HEAD));
        advance(SECOND).await;
        assert!(activity.is_overdue(HEAD));
        // A little all the time is too little.
        client.read_exact(&mut some[..8]).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!activity.is_overdue(HEAD));
        for _ in 0..4 {
            advance(SECOND).await;
            client.read_exact(&mut some[..8]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert!(activity.is_overdue(HEAD));
        writing.abort();
    }
}
