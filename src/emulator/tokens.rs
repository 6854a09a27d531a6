//! Tokens: which are good, and those that the service makes itself.

use super::State;
use super::access_token::{self, BadAccessToken};
use super::caller::Caller;
use super::refusal::Refusal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// The app's internal id, "You can safely ignore this parameter" (seed, "Common parameters").
pub(super) const APPLICATION: &str = "8be024f0-e978-11e8-b697-5d598d5f8402";
/// Beginning of the service's own tokens, so that one that has expired is never taken for one from elsewhere.
const OWN: &str = "YWMt-emulator-";
/// Life of such a token in seconds, if nobody asks for less: 60 days. [P]
const DEFAULT_TTL_S: u32 = 60 * 24 * 60 * 60;

/// Body of `POST /token`. [P]
#[derive(Debug, Deserialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
pub(super) enum Grant {
    ClientCredentials {
        client_id: String,
        client_secret: String,
        ttl: Option<u32>,
    },
    Password {
        username: String,
        password: String,
        ttl: Option<u32>,
    },
}

/// Answer of `POST /token`. [P]
#[derive(Debug, Serialize)]
pub(super) struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u32,
    application: &'static str,
}

/// The tokens that the service made.
#[derive(Debug, Default)]
pub(super) struct TokenStore {
    granted: HashMap<String, (Caller, Instant)>,
    /// The longest life of one that is granted, in whole seconds; `None`: as long as the service's own.
    ttl: Option<Duration>,
}

/// Time of a request: of the service's own tokens, and of those that say themselves when they were made.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestTime {
    pub(super) now: Instant,
    /// Milliseconds since 1970.
    pub(super) now_ms: u64,
}

impl TokenStore {
    pub(super) fn new(ttl: Option<Duration>) -> Self {
        Self {
            ttl,
            ..Self::default()
        }
    }

    /// Whom the request's token stands for.
    pub(super) fn caller(
        &self,
        state: &State,
        headers: &HeaderMap,
        now: RequestTime,
    ) -> Result<Caller, Refusal> {
        let token = bearer(headers).ok_or(Refusal::Unauthorized)?;
        let caller = self.holder(state, token, now)?;
        match &caller {
            Caller::User(user) if !state.knows(user) => Err(Refusal::Unauthorized),
            _ => Ok(caller),
        }
    }

    fn holder(&self, state: &State, token: &str, time: RequestTime) -> Result<Caller, Refusal> {
        if let Some(user) = state.user_tokens.get(token) {
            return Ok(Caller::User(user.clone()));
        }
        if state.tokens.as_ref().is_some_and(|tokens| tokens.contains(token)) {
            return Ok(Caller::App);
        }
        if token.starts_with(OWN) {
            let live = self.granted.get(token).filter(|(_, end)| time.now < *end);
            return live
                .map(|(holder, _)| holder.clone())
                .ok_or(Refusal::Unauthorized);
        }
        if let (Some(app_id), Some(certificate)) = (&state.app_id, &state.app_certificate) {
            return match access_token::check(token, app_id, certificate, time.now_ms / 1000) {
                Ok(()) => Ok(Caller::App),
                Err(BadAccessToken::Expired) => Err(Refusal::Unauthorized),
                Err(BadAccessToken::Corrupt) => Err(Refusal::BadToken),
            };
        }
        match state.tokens {
            None => Ok(Caller::App),
            Some(_) => Err(Refusal::BadToken),
        }
    }

    /// Makes a token for whoever proves who they are.
    pub(super) fn grant(&mut self, state: &State, grant: Grant, now: Instant) -> Result<Granted, Refusal> {
        let (holder, ttl) = match grant {
            Grant::ClientCredentials {
                client_id,
                client_secret,
                ttl,
            } => {
                let right = |clients: &std::collections::BTreeMap<_, _>| {
                    clients.get(&client_id) == Some(&client_secret)
                };
                if !state.clients.as_ref().is_none_or(right) {
                    return Err(Refusal::BadGrant("invalid client_id or client_secret"));
                }
                (Caller::App, ttl)
            }
            Grant::Password {
                username,
                password,
                ttl,
            } => {
                if state.passwords.get(&username.to_ascii_lowercase()) != Some(&password) {
                    return Err(Refusal::BadGrant("invalid username or password"));
                }
                (Caller::User(username), ttl)
            }
        };
        let most = self.ttl.and_then(|ttl| u32::try_from(ttl.as_secs()).ok());
        let most = most.unwrap_or(DEFAULT_TTL_S);
        let expires_in = ttl.unwrap_or(most).min(most);
        self.granted.retain(|_, (_, end)| now < *end);
        let access_token = format!("{OWN}{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let end = now + Duration::from_secs(u64::from(expires_in));
        self.granted.insert(access_token.clone(), (holder, end));
        Ok(Granted {
            access_token,
            expires_in,
            application: APPLICATION,
        })
    }
}

/// The token of a request. "Bearer is a fixed character, followed by an English space, and then the obtained token value"
/// (seed, "Request header").
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}
