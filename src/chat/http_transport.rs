//! The network, by reqwest.

mod fault;
mod proxy;
mod tls;
mod tls_fault;

use super::transport::{BoxFuture, MAX_ANSWER_BYTES, Request, Response, Transport, TransportError};
use bytes::{Bytes, BytesMut};
use fault::{Route, bytes};
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use proxy::{BadProxy, Proxy};
use secrecy::ExposeSecret as _;
use std::env::var_os;
use std::path::Path;
use std::time::Duration;
use tls::TlsError;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Reason for which there is no client for the network.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No certificate could be checked.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The environment names a proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] BadProxy),
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The network.
///
/// Answers of many rows go over connections of their own: a connection keeps a buffer for the largest answer it has carried, and
/// of those for all other calls there are many.
#[derive(Debug)]
pub struct HttpTransport {
    lists: reqwest::Client,
    others: reqwest::Client,
    route: Route,
    /// Longest time of a call that its caller does not bound.
    timeout: Duration,
}

impl HttpTransport {
    /// Makes the client for this service, whose calls may take `timeout`. Beside the system's root certificates those of
    /// `ca_file` (PEM) are trusted. For https the environment may name a proxy (`HTTPS_PROXY`, `ALL_PROXY`).
    pub fn new(base: &Url, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, SetupError> {
        let tls = tls::config(base.scheme() == "https", ca_file)?;
        let proxy = Proxy::find(base, var_os)?;
        // Well before the call itself is given up: then it is certain that nothing was sent.
        let connect_timeout = timeout / 2;
        let client = || -> Result<reqwest::Client, SetupError> {
            let client = reqwest::Client::builder()
                .user_agent(concat!("roomsync/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .tls_backend_preconfigured(tls.clone())
                // HTTP/2 would carry all calls on one connection, and whatever stalls that would stall every call.
                .http1_only()
                .connect_timeout(connect_timeout)
                // That of the environment is found above: reqwest goes past one that is malformed.
                .no_proxy();
            let client = match &proxy {
                Some(proxy) => client.proxy(proxy.to_client()?),
                None => client,
            };
            Ok(client.build()?)
        };
        Ok(Self {
            lists: client()?,
            others: client()?,
            route: Route::new(base, proxy, connect_timeout),
            timeout,
        })
    }

    /// The client for a call: all that reads but the short list of a room's admins has many rows.
    fn client(&self, request: &Request) -> &reqwest::Client {
        if request.method == http::Method::GET && !request.url.path().ends_with("/admin") {
            &self.lists
        } else {
            &self.others
        }
    }

    /// Sends a request and reads the answer to its end, within this time in all.
    ///
    /// Connecting is bounded by itself, and so is the time in which no byte of a body comes: half of the whole each.
    async fn exchange(&self, request: Request, longest: Duration) -> Result<Response, TransportError> {
        let deadline = Instant::now() + longest;
        let method = request.method.clone();
        let answer = timeout_at(deadline, self.builder(request).send())
            .await
            .map_err(|_| TransportError::no_answer(longest))?
            .map_err(|error| self.route.fault(&method, &error))?;
        let headers = answer.headers();
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, headers.get(DATE)));
        let date = headers
            .get(DATE)
            .and_then(|value| http_date(value.to_str().ok()?));
        Ok(Response {
            status: answer.status().as_u16(),
            retry_after,
            date: date.and_then(|date| u64::try_from(date.as_millisecond()).ok()),
            body: body(answer, deadline, longest).await?,
        })
    }

    /// The request as it is sent.
    fn builder(&self, request: Request) -> reqwest::RequestBuilder {
        let client = self.client(&request);
        let Request {
            method,
            url,
            token,
            body,
        } = request;
        let has_length = method == http::Method::POST;
        let builder = client
            .request(method, url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json");
        let builder = match token {
            Some(token) => builder.bearer_auth(token.expose_secret()),
            None => builder,
        };
        match body {
            Some(body) => builder.body(body),
            // Without a length, servers may answer 411, and reqwest sends none for a body that is not there.
            None if has_length => builder.header(CONTENT_LENGTH, 0),
            None => builder,
        }
    }
}

/// Reads the body of an answer, which may take until `deadline`, the end of `longest`.
async fn body(
    mut answer: reqwest::Response,
    deadline: Instant,
    longest: Duration,
) -> Result<Bytes, TransportError> {
    // Of a large answer that grew piece by piece the allocator would keep the outgrown pieces.
    let length = answer.content_length();
    let length = length.and_then(|length| usize::try_from(length).ok());
    let mut body = BytesMut::with_capacity(length.unwrap_or_default().min(MAX_ANSWER_BYTES));
    let silence = longest / 2;
    loop {
        let silent = Instant::now() + silence;
        let Ok(chunk) = timeout_at(deadline.min(silent), answer.chunk()).await else {
            let received = bytes(body.len());
            return Err(TransportError::Unclear(if silent < deadline {
                format!("the answer stopped after {received}: nothing more came within {silence:?}")
            } else {
                format!("the answer did not end within {longest:?}: {received} of it came")
            }));
        };
        match chunk.map_err(|error| Route::body_fault(&error, body.len()))? {
            None => return Ok(body.freeze()),
            Some(chunk) if body.len() + chunk.len() > MAX_ANSWER_BYTES => {
                return Err(TransportError::TooLarge);
            }
            Some(chunk) => body.extend_from_slice(&chunk),
        }
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        self.send_within(request, self.timeout)
    }

    fn send_within(
        &self,
        request: Request,
        longest: Duration,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request, longest))
    }
}

/// Time to wait by `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` if it has one,
/// so that it does not matter whether the two clocks agree.
fn retry_after(text: &str, date: Option<&HeaderValue>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = date.and_then(|date| http_date(date.to_str().ok()?));
    let wait = http_date(text)?.duration_since(now.unwrap_or_else(Timestamp::now));
    // What is past needs no waiting for.
    Some(wait.try_into().unwrap_or_default())
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|time| time.timestamp())
}

#[cfg(test)]
mod tests;
