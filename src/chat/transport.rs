//! The seam between typed calls and the network: reqwest outside, anything that answers in tests.

use bytes::Bytes;
use secrecy::SecretString;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// The largest answer that is read, in bytes: ten times a page of 1,000 rows of the longest names, and room for details.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A future in a box, so that a transport can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request as it goes out.
#[derive(Clone)]
pub struct Request {
    /// `GET`, `POST` or `DELETE`.
    pub method: http::Method,
    /// The whole address.
    pub url: Url,
    /// The bearer token. `None`: the request is the one for a token.
    pub token: Option<SecretString>,
    /// JSON.
    pub body: Option<Bytes>,
}

/// Without the body, which can hold a secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            url,
            token: _,
            body,
        } = self;
        let body = body.as_ref().map(Bytes::len);
        write!(f, "{method} {url} ({body:?} bytes)")
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, be it a number of seconds or a date.
    pub retry_after: Option<Duration>,
    /// `Date`, in milliseconds since 1970.
    pub date: Option<u64>,
    /// At most [`MAX_ANSWER_BYTES`].
    pub body: Bytes,
}

/// Reason for which there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The request certainly did not reach the service.
    #[error("{0}")]
    Unsent(String),
    /// It did not have any effect, and no other try would have one before something is changed: a certificate, the protocol or
    /// the proxy.
    #[error("{0}")]
    Misconfigured(String),
    /// It may have.
    #[error("{0}")]
    Unclear(String),
    /// There is one, but larger than is read.
    #[error("over {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
}

impl TransportError {
    /// Not even the beginning of an answer came within this time.
    pub(super) fn no_answer(within: Duration) -> Self {
        Self::Unclear(format!("no answer within {within:?} (`service.timeout`)"))
    }
}

/// Carries a request to the service and its answer back. Follows no redirect, repeats nothing.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends one request.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;

    /// Sends one request and gives it up after this time, from its begin to the end of its answer.
    fn send_within(
        &self,
        request: Request,
        longest: Duration,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let answer = timeout(longest, self.send(request)).await;
            answer.unwrap_or_else(|_| Err(TransportError::no_answer(longest)))
        })
    }
}
