//! What all calls share: address, token, pace, bounded retries.

use super::Reader;
use super::batch_limits::{BatchLimits, Sizes};
use super::call::{Call, PathPrefix};
use super::error::{CallError, CallErrorKind};
use super::rate_limit::{CallBudget, GaveUp, RateLimiter, Rates};
use super::token::TokenSource;
use super::transport::{Request, Response, Transport, TransportError};
use super::wire::{Envelope, Method};
use crate::backoff::Backoff;
use crate::secrets;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

/// How often a call is tried that never reached the service, or a read that got no clear answer.
const TRIES: u32 = 4;
/// How often a call is tried that the service turns away for its rate while it lets others of its method through. When it
/// lets none through the pace gives up long before.
const RATE_TRIES: u32 = 32;
/// Waits between these tries.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(10),
};
/// The longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What a client needs to know.
#[derive(Debug)]
pub struct ClientConfig {
    /// Scheme, host and port.
    pub base: Url,
    /// The app's part of every path.
    pub prefix: PathPrefix,
    /// The token of every call.
    pub token: TokenSource,
    /// Calls a second.
    pub rates: Rates,
    /// Calls in flight.
    pub concurrency: usize,
    /// The bound of one call.
    pub timeout: Duration,
    /// How many names go into one call.
    pub batch: BatchLimits,
    /// Whether members are taken from room detail, where it shows all of them.
    pub bulk_reads: bool,
    /// Who is told of every answer.
    pub observer: Option<Box<dyn Observer>>,
}

/// Is told of every call that was made.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// A call was answered with this HTTP status, or with nothing that is known, after so long.
    fn answered(&self, method: Method, status: Option<u16>, took: Duration);

    /// A success has just come, after so long; the service made it at this time in milliseconds since 1970, 0 where it says none.
    fn dated(&self, timestamp: u64, took: Duration) {
        let _ = (timestamp, took);
    }
}

/// A way to the service. Cheap to clone; all clones share one pace.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    transport: Box<dyn Transport>,
    base: Url,
    prefix: PathPrefix,
    token: TokenSource,
    rate_limiter: RateLimiter,
    observer: Option<Box<dyn Observer>>,
    timeout: Duration,
    sizes: Sizes,
    bulk_reads: bool,
    closed: watch::Sender<bool>,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    #[must_use]
    pub fn new(transport: Box<dyn Transport>, config: ClientConfig) -> Self {
        let ClientConfig {
            base,
            prefix,
            token,
            rates,
            concurrency,
            timeout,
            batch,
            bulk_reads,
            observer,
        } = config;
        Self(Arc::new(Shared {
            transport,
            base,
            prefix,
            token,
            rate_limiter: RateLimiter::new(&rates, concurrency),
            observer,
            timeout,
            sizes: Sizes::new(batch),
            bulk_reads,
            closed: watch::Sender::new(false),
        }))
    }

    /// The calls that change nothing.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// How many names go into one call: as configured, or fewer if the service taught so.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.0.sizes.now()
    }

    /// Puts no more names into one call than these.
    pub(super) fn lower_batch_limits(&self, most: BatchLimits) {
        self.0.sizes.limit(most);
    }

    /// Whether members are taken from room detail, where it shows all of them.
    pub(super) fn bulk_reads(&self) -> bool {
        self.0.bulk_reads
    }

    /// Lets no further call go, be it a first try or another one; those in flight end.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
    }

    /// Waits, unless the client is closed or the call's run is interrupted first.
    async fn while_open<T>(&self, call: &Call, wait: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.0.closed.subscribe();
        let mut interrupted = call.interrupted.clone();
        let interruption = async {
            let Some([one, other]) = &mut interrupted else {
                return std::future::pending::<()>().await;
            };
            tokio::select! {
                () = comes_true(one) => {}
                () = comes_true(other) => {}
            }
        };
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            () = interruption => None,
            done = wait => Some(done),
        }
    }

    /// How much of each method's call budget is in use now.
    #[must_use]
    pub fn budget(&self) -> Vec<CallBudget> {
        self.0.rate_limiter.budget()
    }

    /// The most names that the service was asked for in one call of this method without saying that they are too many.
    pub(super) fn largest_accepted(&self, method: Method) -> usize {
        self.0.sizes.largest_accepted(method)
    }

    /// How many calls of a method may count in a second by now.
    pub(super) fn calls_per_second(&self, method: Method) -> usize {
        self.0.rate_limiter.limit(method)
    }

    /// True if a call of this method would have to wait for its turn now.
    pub(super) fn would_wait(&self, method: Method) -> bool {
        self.0.rate_limiter.would_wait(method)
    }

    /// Makes a call and gives its `data` with what surrounds it.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<Envelope<T>, CallError> {
        Ok(self.call_at(call).await?.0)
    }

    /// The same, with when the call was sent that was answered.
    pub(super) async fn call_at<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<(Envelope<T>, Instant), CallError> {
        let method = call.method;
        let fail = |kind| CallError {
            method,
            room: call.room.clone(),
            kind,
        };
        let mut tries = 0;
        let mut rate_tries = 0;
        let mut renewed = false;
        let mut token = self.0.token.current().await;
        loop {
            let url = call
                .url(&self.0.base, &self.0.prefix)
                .ok_or_else(|| fail(CallErrorKind::NotAKnownCall))?;
            let request = Request {
                method: call.http_method(),
                url,
                token: token.clone(),
                body: call.body.clone(),
            };
            let too_late = || call.not_after.is_some_and(|instant| Instant::now() >= instant);
            if too_late() {
                return Err(fail(CallErrorKind::StaleRead));
            }
            let permit = self.while_open(&call, self.0.rate_limiter.permit(method));
            let permit = match call.not_after {
                None => permit.await,
                Some(instant) => match tokio::time::timeout_at(instant, permit).await {
                    Ok(permit) => permit,
                    Err(_) => return Err(fail(CallErrorKind::StaleRead)),
                },
            };
            let permit = match permit {
                None => return Err(fail(CallErrorKind::Interrupted)),
                Some(Err(GaveUp)) => return Err(fail(CallErrorKind::RateLimited)),
                Some(Ok(permit)) => permit,
            };
            // Only now is it certain when the call goes out.
            if too_late() {
                permit.give_back();
                return Err(fail(CallErrorKind::StaleRead));
            }
            let sent_at = Instant::now();
            let answer = self.exchange(request).await;
            let status = answer.as_ref().map(|answer| answer.status).ok();
            let room = call.room.as_ref().map(ToString::to_string);
            let took = sent_at.elapsed();
            tracing::debug!(%method, room, status, ?took, "call");
            if let Some(observer) = &self.0.observer {
                observer.answered(method, status, took);
            }
            let kind = match answer {
                Ok(Response {
                    status: 200..300,
                    body,
                    ..
                }) => {
                    permit.answered();
                    match serde_json::from_slice::<Envelope<T>>(&body) {
                        Ok(envelope) => {
                            if let Some(observer) = &self.0.observer {
                                observer.dated(envelope.timestamp, took);
                            }
                            self.0.sizes.answered(method, call.users.len(), None);
                            return Ok((envelope, sent_at));
                        }
                        Err(error) => CallErrorKind::NoClearAnswer(format!(
                            "an answer that is not the service's JSON: {error}"
                        )),
                    }
                }
                Ok(Response {
                    status,
                    body,
                    retry_after,
                }) => match CallErrorKind::from_answer(status, &body, &call.users) {
                    // Whoever stands in between may have given up before the service took the call.
                    Some(kind @ CallErrorKind::NoClearAnswer(_)) => {
                        drop(permit);
                        kind
                    }
                    Some(kind) => {
                        permit.answered();
                        kind
                    }
                    None => {
                        rate_tries += 1;
                        tracing::debug!(%method, ?retry_after, rate_tries, "over the call rate");
                        let retry_after = retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
                        if permit.turned_away(retry_after) && rate_tries < RATE_TRIES {
                            continue;
                        }
                        return Err(fail(CallErrorKind::RateLimited));
                    }
                },
                Err(error) => {
                    drop(permit);
                    match error {
                        TransportError::Unsent(why) => CallErrorKind::ServiceUnreachable(why),
                        TransportError::Unclear(why) => CallErrorKind::NoClearAnswer(why),
                        TransportError::TooLarge => CallErrorKind::AnswerTooLarge(error.to_string()),
                    }
                }
            };
            let kind = kind.map_text(|said| secrets::redact(&said).into_owned());
            match &kind {
                CallErrorKind::CredentialsRefused(_) if !renewed => {
                    renewed = true;
                    if let Some(other) = self.0.token.other_than(&token).await {
                        token = other;
                        continue;
                    }
                }
                // A write without a clear answer may have taken effect: whoever made it has to look first.
                CallErrorKind::ServiceUnreachable(_) | CallErrorKind::NoClearAnswer(_) => {
                    tries += 1;
                    let repeatable = matches!(kind, CallErrorKind::ServiceUnreachable(_)) || !method.writes();
                    if repeatable && tries < TRIES {
                        tracing::debug!(%method, fault = %kind, tries, "trying again");
                        if self
                            .while_open(
                                &call,
                                tokio::time::sleep(RETRY.jittered(tries, &mut fastrand::Rng::new())),
                            )
                            .await
                            .is_some()
                        {
                            continue;
                        }
                    }
                }
                _ => {}
            }
            self.0.sizes.answered(method, call.users.len(), Some(&kind));
            return Err(fail(kind));
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        match tokio::time::timeout(self.0.timeout, self.0.transport.send(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(TransportError::Unclear(format!(
                "no answer within {:?}",
                self.0.timeout
            ))),
        }
    }
}

/// Waits until it is true. Whoever can no longer make it so does not.
async fn comes_true(told: &mut watch::Receiver<bool>) {
    if told.wait_for(|is_so| *is_so).await.is_err() {
        std::future::pending::<()>().await;
    }
}
