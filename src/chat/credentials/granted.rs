//! Tokens that the service grants for client credentials: one request at a time, and kept until shortly before their end.

use super::super::classify::PathPrefix;
use super::cache::Cache;
use super::grant::{NoToken, TokenRequests, token_url};
use super::kept::{Age, Kept};
use super::secret::Secret;
use crate::clock::Clock;
use crate::model::log_code;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use url::Url;

/// The clients of this process, by the files their tokens are kept in: two connections of one client share its token.
static CLIENTS: Mutex<Vec<(PathBuf, Weak<Client>)>> = Mutex::new(Vec::new());

/// Token of a client.
#[derive(Debug)]
pub(super) struct GrantedToken {
    secret: Arc<Secret>,
    client: Arc<Client>,
}

#[derive(Debug)]
struct Client {
    client_id: String,
    /// `None`: the request would not be exactly the known one.
    url: Option<Url>,
    clock: Clock,
    cache: Cache,
    state: Mutex<State>,
    /// Held by the request on its way.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    kept: Kept,
    /// True once the file was read.
    read: bool,
    /// True while a token that still works is being renewed.
    renewing: bool,
}

impl GrantedToken {
    /// The token of this client, which is kept in this folder.
    pub(super) fn new(
        client_id: String,
        secret: Secret,
        folder: &Path,
        (base, prefix): (&Url, &PathPrefix),
        clock: Clock,
    ) -> Self {
        let cache = Cache::new(folder, base, prefix, &client_id);
        let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|(_, client)| client.strong_count() > 0);
        let known = clients.iter().find(|(path, _)| path == cache.path());
        let client = known.and_then(|(_, client)| client.upgrade()).unwrap_or_else(|| {
            let path = cache.path().to_owned();
            let client = Arc::new(Client {
                url: token_url(base, prefix),
                client_id,
                clock,
                cache,
                state: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
            });
            clients.push((path, Arc::downgrade(&client)));
            client
        });
        Self {
            secret: Arc::new(secret),
            client,
        }
    }

    /// The token for the next call.
    pub(super) async fn current(&self, requests: &TokenRequests) -> Result<SecretString, NoToken> {
        if !self.client.state().read {
            self.client.adopt().await;
        }
        let now = self.client.clock.steady();
        let age = self.client.state().kept.age(now);
        match age {
            Age::Fresh(token) => Ok(token),
            Age::Old(token) => {
                self.renew_in_background(requests, now);
                Ok(token)
            }
            Age::Ended => self.renewed(requests, None).await,
        }
    }

    /// The token for a call that goes out now, unless it has to be asked for first.
    pub(super) fn ready(&self) -> Option<SecretString> {
        let now = self.client.clock.steady();
        match self.client.state().kept.age(now) {
            Age::Fresh(token) | Age::Old(token) => Some(token),
            Age::Ended => None,
        }
    }

    /// Another token than the one that was refused.
    pub(super) async fn other_than(
        &self,
        refused: &SecretString,
        requests: &TokenRequests,
    ) -> Result<SecretString, NoToken> {
        self.renewed(requests, Some(refused.clone())).await
    }

    /// The service took this token.
    pub(super) fn worked(&self, token: &SecretString) {
        self.client.state().kept.worked(token);
    }

    /// End of the token's life, on the wall clock.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let end = self.client.state().kept.end()?;
        Some(self.client.clock.moment().wall_at(end))
    }

    /// Renews the token on a task of its own, so that a request is not cut off with the call that wanted it.
    async fn renewed(
        &self,
        requests: &TokenRequests,
        refused: Option<SecretString>,
    ) -> Result<SecretString, NoToken> {
        let (client, secret, requests) = (
            Arc::clone(&self.client),
            Arc::clone(&self.secret),
            requests.clone(),
        );
        let renewal = tokio::spawn(async move { client.renew(&requests, &secret, refused.as_ref()).await });
        renewal.await.unwrap_or_else(|_| {
            Err(NoToken::refused(
                "the request for one broke off; try again".to_owned(),
            ))
        })
    }

    fn renew_in_background(&self, requests: &TokenRequests, now: Timestamp) {
        let mut state = self.client.state();
        if state.renewing || !state.kept.may_ask(now) {
            return;
        }
        state.renewing = true;
        drop(state);
        let (client, secret, requests) = (
            Arc::clone(&self.client),
            Arc::clone(&self.secret),
            requests.clone(),
        );
        tokio::spawn(async move {
            // A failure was logged, and the token still works.
            let _ = client.renew(&requests, &secret, None).await;
            client.state().renewing = false;
        });
    }
}

impl Client {
    /// Asks for a token, unless somebody else has just done so.
    async fn renew(
        &self,
        requests: &TokenRequests,
        secret: &Secret,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, NoToken> {
        let fresh = || self.state().kept.fresh(self.clock.steady(), refused);
        let _turn = self.turn.lock().await;
        if let Some(token) = fresh() {
            return Ok(token);
        }
        let secret = secret.reread().await;
        let digest = self.cache.digest_of(secret.expose_secret());
        // Another process of these settings may ask as well: it may have a token by now, or have failed.
        let _lock = self.cache.lock(2 * requests.timeout).await;
        self.adopt().await;
        if let Some(token) = fresh() {
            return Ok(token);
        }
        let url = self.url.clone();
        let url =
            url.ok_or_else(|| NoToken::refused("the request's path would not be exactly that".to_owned()))?;
        let asked = self.clock.steady();
        let may_ask = self.state().kept.ask(asked, &digest, refused);
        if may_ask.is_ok() || refused.is_some() {
            // Before it goes out, so that no restart forgets it.
            self.keep().await;
        }
        may_ask?;
        let answer = requests.ask(url, &self.client_id, &secret).await;
        let outcome = match &answer {
            Ok(grant) => {
                let life = grant.life;
                tracing::info!(
                    code = log_code::TOKEN_GRANTED,
                    ?life,
                    "the service granted a token"
                );
                Ok(grant.token.clone())
            }
            Err(error) => {
                tracing::warn!(
                    code = log_code::TOKEN_REFUSED,
                    "there is no new token: {}",
                    error.text
                );
                Err(error.clone())
            }
        };
        self.state().kept.answered(asked, self.clock.steady(), answer);
        self.keep().await;
        outcome
    }

    /// Takes in what is kept on the disk, if another process has written there.
    async fn adopt(&self) {
        let kept = self.cache.read().await;
        let now = self.clock.steady();
        let mut state = self.state();
        state.read = true;
        if let Some(kept) = kept {
            state.kept.adopt(kept, now);
        }
    }

    async fn keep(&self) {
        let kept = self.state().kept.clone();
        self.cache.write(&kept).await;
    }

    /// Nobody panics while holding this lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
