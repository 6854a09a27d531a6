//! The way of every call: token, call rate, transport, bounded retries.

use super::batch_limits::{BatchLimits, LearnedBatchLimits};
use super::call::Call;
use super::classify::PathPrefix;
use super::credentials::{TokenRequests, TokenSource};
use super::detail_support::DetailSupport;
use super::error::{CallError, CallErrorKind};
use super::rate_limit::{GaveUp, Permit, RateLimiter, Rates};
use super::transport::{Request, Response, Transport, TransportError};
use super::wire::{Envelope, Method, decode};
use crate::backoff::Backoff;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

/// Tries of a call that never reached the service, or of a read that got no clear answer.
const TRIES: u32 = 4;
/// Waits between these tries.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(10),
};
/// Tries of a call that the service turns away for its rate while it lets others of its method through. If it lets none
/// through, the rate limit gives up long before.
const RATE_TRIES: u32 = 32;
/// Longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Longest time after which a call is tried again whose answer can be done without: what it is for must not grow old meanwhile.
const DISPENSABLE: Duration = Duration::from_secs(5);

/// Settings of a client.
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
    /// Most calls in flight.
    pub concurrency: usize,
    /// Longest time from sending a call to the end of its answer.
    pub timeout: Duration,
    /// Most names in one call.
    pub batch: BatchLimits,
    /// True if members are taken from room detail where it shows all of them.
    pub bulk_reads: bool,
    /// True if a call counts until a full second after its answer, and not part of a round trip less.
    pub strict: bool,
    /// Told of every answer.
    pub observer: Option<Box<dyn Observer>>,
}

/// Told of every call that was made.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// A call was answered with this HTTP status, or with nothing that is known, after so long.
    fn answered(&self, method: Method, status: Option<u16>, took: Duration);

    /// An answer has just come, after so long; the service made it at this time in milliseconds since 1970, 0 if it says none.
    fn dated(&self, timestamp: u64, took: Duration) {
        let _ = (timestamp, took);
    }
}

/// Answer to a call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Rows of the answer, in no order.
    pub data: T,
    /// Number of rows that the answer says it has.
    pub count: Option<u64>,
    /// Begin of the next page, with lists in cursor form; `None` on the last page.
    pub cursor: Option<String>,
    /// The time at which the call was sent that this answers.
    pub sent_at: Instant,
}

/// Parts that all calls share.
#[derive(Debug)]
pub(super) struct Caller {
    transport: Arc<dyn Transport>,
    pub(super) config: ClientConfig,
    pub(super) rate_limiter: RateLimiter,
    pub(super) batch_limits: LearnedBatchLimits,
    pub(super) detail_support: DetailSupport,
    closed: watch::Sender<bool>,
}

impl Caller {
    pub(super) fn new(transport: Arc<dyn Transport>, config: ClientConfig) -> Self {
        Self {
            transport,
            rate_limiter: RateLimiter::new(&config.rates, config.concurrency, config.strict),
            batch_limits: LearnedBatchLimits::new(config.batch),
            detail_support: DetailSupport::default(),
            config,
            closed: watch::Sender::new(false),
        }
    }

    /// Lets no further call go, be it a first try or another one; those in flight end.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Makes a call.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<Answer<T>, CallError> {
        let result = self.try_call(call).await;
        let error = result.as_ref().err();
        self.batch_limits.answered(call.method, call.users.len(), error);
        result.map_err(|kind| call.error(kind))
    }

    async fn try_call<T: DeserializeOwned>(&self, call: &Call) -> Result<Answer<T>, CallErrorKind> {
        let method = call.method;
        let url = call.url(&self.config.base, &self.config.prefix);
        let mut request = Request {
            method: call.http_method(),
            url: url.ok_or(CallErrorKind::NotAKnownCall)?,
            token: Some(self.token(call).await?),
            body: call.body.clone(),
        };
        let (mut tries, mut rate_tries, mut renewed) = (0, 0, false);
        let begun = Instant::now();
        let may_retry = || !method.is_dispensable() || begun.elapsed() <= DISPENSABLE;
        loop {
            let permit = self.permit(call).await?;
            // The wait may have been longer than the life of the token before it.
            request.token = self.config.token.ready().or(request.token);
            let sent_at = Instant::now();
            let answer = self.exchange(call, request.clone()).await;
            let took = sent_at.elapsed();
            if let (Ok(Response { status: 200..300, .. }), Some(token)) = (&answer, &request.token) {
                self.config.token.worked(token);
            }
            let kind = match answer {
                Ok(Response {
                    status: 200..300,
                    body,
                    date,
                    ..
                }) => {
                    permit.answered();
                    match decode::<Envelope<T>>(&body) {
                        Ok(envelope) => {
                            let said = Some(envelope.timestamp).filter(|said| *said > 0);
                            self.dated(said.or(date).or(Some(0)), took);
                            return Ok(Answer {
                                data: envelope.data,
                                count: envelope.count,
                                cursor: envelope.cursor.filter(|cursor| !cursor.is_empty()),
                                sent_at,
                            });
                        }
                        Err(error) => CallErrorKind::not_json(&self.config.base, &body, &error),
                    }
                }
                Ok(Response {
                    status,
                    body,
                    retry_after,
                    date,
                }) => match CallErrorKind::from_answer(status, &body, method, &call.users) {
                    // Whatever stands in between may have given up before the service took the call.
                    Some(kind) if kind.may_be_done() => {
                        drop(permit);
                        kind
                    }
                    Some(kind) => {
                        permit.answered();
                        self.dated(date, took);
                        kind
                    }
                    None => {
                        rate_tries += 1;
                        tracing::debug!(%method, ?retry_after, rate_tries, "over the call rate");
                        let retry_after = retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
                        let again = rate_tries < RATE_TRIES && may_retry();
                        if permit.turned_away(retry_after) && again {
                            continue;
                        }
                        return Err(CallErrorKind::RateLimited);
                    }
                },
                Err(error) => {
                    drop(permit);
                    CallErrorKind::from_transport(&error, method)
                }
            };
            let again = match &kind {
                CallErrorKind::CredentialsRefused(words) if !renewed => {
                    renewed = true;
                    let other = self.other_token(call, request.token.as_ref(), words).await?;
                    other.map(|token| request.token = Some(token)).is_some()
                }
                // A write without a clear answer may have taken effect: whoever made it has to check first.
                kind if kind.may_be_done() && method.writes() => false,
                _ if !may_retry() => false,
                kind if tries + 1 < TRIES
                    && (kind.may_be_done() || matches!(kind, CallErrorKind::ServiceUnreachable(_))) =>
                {
                    tries += 1;
                    tracing::debug!(%method, fault = %kind, tries, "trying again");
                    let wait = RETRY.jittered(tries, &mut fastrand::Rng::new());
                    self.while_open(call, sleep(wait)).await.is_some()
                }
                _ => false,
            };
            if !again {
                return Err(kind);
            }
        }
    }

    /// Passes on when the service made an answer, if there is something to pass on.
    fn dated(&self, timestamp: Option<u64>, took: Duration) {
        if let (Some(observer), Some(timestamp)) = (&self.config.observer, timestamp) {
            observer.dated(timestamp, took);
        }
    }

    /// The token for this call.
    async fn token(&self, call: &Call) -> Result<SecretString, CallErrorKind> {
        let requests = self.token_requests();
        let token = self.while_open(call, self.config.token.current(&requests));
        Ok(token.await.ok_or(CallErrorKind::Interrupted)??)
    }

    /// Another token than the one that the service refused with these words. `None`: there is no other.
    async fn other_token(
        &self,
        call: &Call,
        refused: Option<&SecretString>,
        words: &str,
    ) -> Result<Option<SecretString>, CallErrorKind> {
        let Some(refused) = refused else { return Ok(None) };
        let requests = self.token_requests();
        let other = self.config.token.other_than(refused, &requests);
        match self.while_open(call, other).await {
            None => Ok(None),
            Some(Ok(other)) => Ok(other),
            Some(Err(no_token)) => Err(no_token.after_refusal(words)),
        }
    }

    fn token_requests(&self) -> TokenRequests {
        TokenRequests {
            transport: Arc::clone(&self.transport),
            timeout: self.config.timeout,
        }
    }

    /// Waits until this call may go, with a token that has not ended.
    async fn permit(&self, call: &Call) -> Result<Permit<'_>, CallErrorKind> {
        let too_late = || call.not_after.is_some_and(|instant| Instant::now() >= instant);
        if too_late() {
            return Err(CallErrorKind::StaleRead);
        }
        let permit = self.while_open(call, self.rate_limiter.permit(call.method));
        let permit = match call.not_after {
            None => permit.await,
            Some(instant) => timeout_at(instant, permit)
                .await
                .map_err(|_| CallErrorKind::StaleRead)?,
        };
        let permit = permit
            .ok_or(CallErrorKind::Interrupted)?
            .map_err(|GaveUp| CallErrorKind::RateLimited)?;
        if self.config.token.ready().is_none()
            && let Err(error) = self.token(call).await
        {
            permit.give_back();
            return Err(error);
        }
        // Only now is it certain when the call goes out.
        if too_late() {
            permit.give_back();
            return Err(CallErrorKind::StaleRead);
        }
        Ok(permit)
    }

    /// Waits, unless the client is closed or the call's run is interrupted first.
    async fn while_open<T>(&self, call: &Call, wait: impl Future<Output = T>) -> Option<T> {
        let mut closed = self.closed.subscribe();
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

    /// Sends a request once.
    async fn exchange(&self, call: &Call, request: Request) -> Result<Response, TransportError> {
        let Call { method, room, .. } = call;
        let longest = self.config.timeout;
        let begun = Instant::now();
        let answer = self.transport.send_within(request, longest).await;
        let status = answer.as_ref().map(|answer| answer.status).ok();
        let room = room.as_ref().map(ToString::to_string);
        let took = begun.elapsed();
        tracing::debug!(%method, room, status, ?took, "call");
        if let Some(observer) = &self.config.observer {
            observer.answered(*method, status, took);
        }
        answer
    }
}

/// Waits until it is true, for ever if nobody is left who could make it so.
async fn comes_true(condition: &mut watch::Receiver<bool>) {
    if condition.wait_for(|is_so| *is_so).await.is_err() {
        std::future::pending::<()>().await;
    }
}
