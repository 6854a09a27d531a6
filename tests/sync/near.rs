//! The emulator in the same process, behind the client's transport seam.
//!
//! Shared by tests and by benches.

use axum::Router;
use roomsync::chat::{
    BatchLimits, Client, ClientConfig, PathPrefix, Rates, Request, Response, TokenSource, Transport,
    TransportError,
};
use secrecy::ExposeSecret as _;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;
use tower::ServiceExt as _;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Where it is, as far as the client knows.
pub(crate) const BASE: &str = "http://127.0.0.1:1";

/// Hands a request on, and its answer back.
pub(crate) async fn hand_on(router: &Router, request: &Request) -> Result<Response, TransportError> {
    let unclear = |error: &dyn std::fmt::Display| TransportError::Unclear(error.to_string());
    let builder = http::Request::builder()
        .method(&request.method)
        .uri(request.url.as_str())
        .header("host", "127.0.0.1:1");
    let body = request.body.clone().unwrap_or_default();
    let request = match &request.token {
        Some(token) => builder.header("authorization", format!("Bearer {}", token.expose_secret())),
        None => builder,
    };
    let request = request
        .body(axum::body::Body::from(body))
        .map_err(|error| unclear(&error))?;
    let answer = match router.clone().oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    Ok(Response {
        status,
        retry_after: None,
        date: None,
        body: body.map_err(|error| unclear(&error))?,
    })
}

/// A client of so many calls a second for each method, and otherwise by the settings' defaults.
pub(crate) fn client(base: &str, transport: Box<dyn Transport>, calls_per_second: u32) -> Outcome<Client> {
    Ok(Client::new(transport, config(base, calls_per_second)?))
}

/// The configuration of such a client.
pub(crate) fn config(base: &str, calls_per_second: u32) -> Outcome<ClientConfig> {
    Ok(ClientConfig {
        base: base.parse()?,
        prefix: PathPrefix::new("acme", "demo").ok_or("no prefix")?,
        token: TokenSource::fixed("secret".into()),
        rates: Rates {
            default: calls_per_second,
            own: BTreeMap::new(),
        },
        concurrency: 64,
        timeout: Duration::from_secs(10),
        batch: BatchLimits { add: 60, remove: 100 },
        bulk_reads: true,
        strict: false,
        observer: None,
    })
}
