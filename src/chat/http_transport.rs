//! The network, by reqwest.

use super::transport::{BoxFuture, MAX_ANSWER_BYTES, Request, Response, Transport, TransportError};
use crate::disk::{self, DiskError};
use bytes::BytesMut;
use http::HeaderValue;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use secrecy::ExposeSecret as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// The largest file of certificates that is read, in bytes: several times the system's own.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

/// Reason for which there is no client for the network.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The extra root certificate cannot be read.
    #[error("`service.ca_file` {path} cannot be used: {reason}")]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Cause of the failure.
        reason: String,
    },
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
}

impl HttpTransport {
    /// Makes the client for this service, whose calls are given up after `timeout` by whoever makes them. Beside the system's root certificates those of `ca_file` (PEM) are trusted.
    pub fn new(base: &Url, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, SetupError> {
        let roots = ca_file.map(Self::roots).transpose()?;
        let client = || {
            let client = reqwest::Client::builder()
                .user_agent(concat!("roomsync/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                // Well before the call itself is given up: then it is certain that nothing was sent.
                .connect_timeout(timeout / 2);
            let client = match &roots {
                Some(roots) => client.tls_certs_merge(roots.clone()),
                None => client,
            };
            if base.scheme() == "http" {
                // Through a proxy a plain request would hand the token to the proxy.
                client.no_proxy().build()
            } else {
                client.build()
            }
        };
        Ok(Self {
            lists: client()?,
            others: client()?,
        })
    }

    /// The certificates of `service.ca_file`.
    fn roots(path: &Path) -> Result<Vec<reqwest::Certificate>, SetupError> {
        let unusable = |reason: String| SetupError::CaFile {
            path: path.into(),
            reason,
        };
        let pem = disk::read(path, MAX_CA_BYTES).map_err(|error| match error {
            DiskError::NotAFile | DiskError::Kernel | DiskError::TooLarge(_) => {
                unusable("it is not a file of certificates".into())
            }
            DiskError::Timeout(_) | DiskError::Io(_) => unusable(error.to_string()),
        })?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(chain(&error)))?;
        if roots.is_empty() {
            return Err(unusable("it holds no PEM certificate".into()));
        }
        Ok(roots)
    }

    /// The client for a call: all that reads but the short list of a room's admins has many rows.
    fn client(&self, request: &Request) -> &reqwest::Client {
        if request.method == http::Method::GET && !request.url.path().ends_with("/admin") {
            &self.lists
        } else {
            &self.others
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let client = self.client(&request);
        let Request {
            method,
            url,
            token,
            body,
        } = request;
        let mut builder = client
            .request(method, url)
            .bearer_auth(token.expose_secret())
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json");
        if let Some(body) = body {
            builder = builder.body(body);
        }
        let mut answer = builder.send().await.map_err(|error| {
            let text = chain(&error);
            if error.is_connect() || error.is_builder() {
                TransportError::Unsent(text)
            } else {
                TransportError::Unclear(text)
            }
        })?;
        let retry_after = answer
            .headers()
            .get(http::header::RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, answer.headers().get(http::header::DATE)));
        // Of a large answer that grew piece by piece the allocator would keep the outgrown pieces.
        let length = answer
            .content_length()
            .and_then(|length| usize::try_from(length).ok());
        let mut body = BytesMut::with_capacity(length.unwrap_or_default().min(MAX_ANSWER_BYTES));
        let broken = |error: reqwest::Error| TransportError::Unclear(chain(&error));
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: answer.status().as_u16(),
            retry_after,
            body: body.freeze(),
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// Time to wait by `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` if it has one,
/// so that it does not matter whether the two clocks agree.
fn retry_after(text: &str, date: Option<&HeaderValue>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| rfc2822::parse(text).ok().map(|time| time.timestamp());
    let now = date.and_then(|date| time(date.to_str().ok()?));
    let wait = time(text)?.duration_since(now.unwrap_or_else(Timestamp::now));
    // What is past needs no waiting for.
    Some(wait.try_into().unwrap_or_default())
}

/// An error with its causes, without the address, which says nothing new.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = vec![];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if causes.is_empty() {
        error.to_string()
    } else {
        causes.join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        let seconds = |text| retry_after(text, Some(&date)).map(|wait| wait.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:07 GMT"), Some(0), "it is past");
        for none in ["", "-1", "1.5", "soon", "Sun, 31 Nov 1994 08:50:07 GMT"] {
            assert_eq!(seconds(none), None, "{none:?}");
        }
        let long_past = retry_after("Sun, 06 Nov 1994 08:50:07 GMT", None);
        assert_eq!(long_past, Some(Duration::ZERO), "against our own clock");
    }
}
