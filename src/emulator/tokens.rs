//! Tokens: which are good, and those that the service makes itself.

use super::access_token::{self, BadAccessToken, Holder};
use super::admin_api::{self, CreateUsers, NewUser, UserEntity};
use super::caller::Caller;
use super::refusal::Refusal;
use super::{Names, Profile, State};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// The app's internal id, "You can safely ignore this parameter" (seed, "Common parameters").
pub(super) const APPLICATION: &str = "8be024f0-e978-11e8-b697-5d598d5f8402";
/// Beginning of the service's own tokens, so that one that has expired is never taken for one from elsewhere.
const OWN: &str = "YWMt-emulator-";
/// Life of such a token in seconds, if no other is asked for: 60 days. [P]
const DEFAULT_TTL_S: u32 = 60 * 24 * 60 * 60;

/// Body of `POST /token`. [P]
#[derive(Debug, Deserialize)]
pub(super) struct TokenRequest {
    #[serde(flatten)]
    grant: Grant,
    #[serde(default, deserialize_with = "seconds")]
    ttl: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
enum Grant {
    ClientCredentials {
        client_id: Option<String>,
        client_secret: Option<String>,
    },
    Password {
        username: String,
        password: String,
    },
    /// The app asks for a user's token.
    Inherit {
        username: String,
        #[serde(default, rename = "autoCreateUser")]
        create: bool,
    },
    /// An AccessToken2 stands in the header, and one of the service's own is wanted for it.
    Agora,
}

/// Answer of `POST /token`. [P]
#[derive(Debug, Serialize)]
pub(super) struct Granted {
    access_token: String,
    #[serde(flatten)]
    about: About,
}

/// What else an answer tells, by who asked. [P]
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum About {
    App {
        /// Seconds; 0: it never ends.
        expires_in: u32,
        application: &'static str,
    },
    User {
        expires_in: u32,
        user: UserEntity,
    },
    Exchanged {
        /// Milliseconds since 1970. [?]
        expire_timestamp: u64,
    },
}

/// The tokens that the service made.
#[derive(Debug, Default)]
pub(super) struct TokenStore {
    /// Holder and end of each; one without an end is good for ever.
    granted: HashMap<String, (Caller, Option<Instant>)>,
    /// The longest life of one that is granted, in whole seconds; `None`: as long as is asked for.
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
        let token = bearer(headers).ok_or_else(|| no_token(headers))?;
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
            let live = self.granted.get(token).filter(|(_, end)| is_live(*end, time.now));
            return live
                .map(|(holder, _)| holder.clone())
                .ok_or(Refusal::Unauthorized);
        }
        if let (Some(app_id), Some(certificate)) = (&state.app_id, &state.app_certificate) {
            return match access_token::check(token, app_id, certificate, time.now_ms / 1000) {
                Ok(Holder::App) => Ok(Caller::App),
                Ok(Holder::User(id)) => Ok(Caller::User(name_of(state, id))),
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
    pub(super) fn grant(
        &mut self,
        state: &mut State,
        profile: Profile,
        headers: &HeaderMap,
        request: TokenRequest,
        time: RequestTime,
    ) -> Result<Granted, Refusal> {
        let TokenRequest { grant, ttl } = request;
        // 0 would be a token without an end.
        let longest = |ttl: Duration| u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX).max(1);
        let longest = self.ttl.map(longest);
        let expires_in = match (ttl.unwrap_or(DEFAULT_TTL_S), longest) {
            (0, Some(longest)) => longest,
            (asked, Some(longest)) => asked.min(longest),
            (asked, None) => asked,
        };
        let (holder, about) = match grant {
            Grant::ClientCredentials {
                client_id,
                client_secret,
            } => {
                check_client(state, client_id, client_secret)?;
                let application = APPLICATION;
                (
                    Caller::App,
                    About::App {
                        expires_in,
                        application,
                    },
                )
            }
            Grant::Password { username, password } => {
                if !state.knows(&username) {
                    return Err(Refusal::NoSuchGrantee);
                }
                if state.passwords.get(&username.to_ascii_lowercase()) != Some(&password) {
                    return Err(Refusal::BadGrant("invalid username or password"));
                }
                of_user(&username, expires_in, time)
            }
            Grant::Inherit { username, create } => {
                // With a user's token it is refused like a corrupt one. [P]
                match self.caller(state, headers, time) {
                    Ok(Caller::App) => {}
                    Ok(Caller::User(_)) => return Err(Refusal::BadToken),
                    Err(Refusal::BlankToken) => return Err(Refusal::Unauthorized),
                    Err(refusal) => return Err(refusal),
                }
                if !state.knows(&username) {
                    if !create {
                        return Err(Refusal::NoSuchGrantee);
                    }
                    let new = NewUser::named(&username);
                    admin_api::create_users(state, profile, CreateUsers::One(new), time.now_ms)?;
                }
                of_user(&username, expires_in, time)
            }
            Grant::Agora => {
                let token = bearer(headers).filter(|token| token.starts_with(access_token::VERSION));
                let holder = self.holder(state, token.ok_or(Refusal::Unauthorized)?, time)?;
                let expire_timestamp = time.now_ms + 1000 * u64::from(expires_in);
                (holder, About::Exchanged { expire_timestamp })
            }
        };
        self.granted.retain(|_, (_, end)| is_live(*end, time.now));
        let access_token = format!("{OWN}{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let end = (expires_in > 0).then(|| time.now + Duration::from_secs(u64::from(expires_in)));
        self.granted.insert(access_token.clone(), (holder, end));
        Ok(Granted { access_token, about })
    }
}

fn is_live(end: Option<Instant>, now: Instant) -> bool {
    end.is_none_or(|end| now < end)
}

fn of_user(username: &str, expires_in: u32, time: RequestTime) -> (Caller, About) {
    let user = UserEntity::new(username, time.now_ms);
    (
        Caller::User(username.to_owned()),
        About::User { expires_in, user },
    )
}

/// Which of the two is wrong is told (`[P]`).
fn check_client(state: &State, id: Option<String>, secret: Option<String>) -> Result<(), Refusal> {
    let missing = |field: &str| Refusal::BadArgument(format!("{field} must be provided."));
    let id = id.ok_or_else(|| missing("client_id"))?;
    let secret = secret.ok_or_else(|| missing("client_secret"))?;
    let Some(clients) = &state.clients else {
        return Ok(());
    };
    match clients.get(&id) {
        None => Err(Refusal::BadGrant("client_id does not match")),
        Some(right) if *right != secret => Err(Refusal::BadGrant("client_secret does not match")),
        Some(_) => Ok(()),
    }
}

/// Name of the user whom a token means by their name or their UUID.
fn name_of(state: &State, id: String) -> String {
    let users = state.users.as_ref().filter(|users| !users.contains(&id));
    let mut names = users.into_iter().flat_map(Names::iter);
    let name = names.find(|name| admin_api::user_uuid(name) == id);
    name.map_or(id, str::to_owned)
}

/// Reads a number of seconds, as a number or a text: the documents' samples have both (`[P]`).
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u32),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => None,
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => Some(text.parse().map_err(D::Error::custom)?),
    })
}

/// Nothing in a token's place, or something of another form.
fn no_token(headers: &HeaderMap) -> Refusal {
    let value = headers.get(AUTHORIZATION);
    let value = value.map_or("", |value| value.to_str().unwrap_or("?"));
    let token = value.strip_prefix("Bearer").unwrap_or(value);
    if token.trim().is_empty() {
        Refusal::BlankToken
    } else {
        Refusal::Unauthorized
    }
}

/// The token of a request. "Bearer is a fixed character, followed by an English space, and then the obtained token value"
/// (seed, "Request header").
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value
        .strip_prefix("Bearer ")
        .filter(|token| !token.trim().is_empty())
}
