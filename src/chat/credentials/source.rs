//! Source of the bearer token, of whatever kind.

use super::super::classify::PathPrefix;
use super::access_token::end_of;
use super::grant::{NoToken, TokenRequests};
use super::granted::GrantedToken;
use super::minted::Minter;
use super::secret::{BadSecret, Secret};
use crate::clock::Clock;
use jiff::Timestamp;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// The token of every call.
#[derive(Debug)]
pub struct TokenSource(Kind);

#[derive(Debug)]
enum Kind {
    Ready(Secret),
    Minted(Minter),
    Granted(GrantedToken),
}

/// A client of the service that tokens are granted to, and the folder they are kept in.
#[derive(Debug)]
pub struct ClientCredentials<'a> {
    /// The client's id.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
    /// Folder of the token. It is made when there is one.
    pub folder: &'a Path,
    /// Scheme, host and port of the service.
    pub base: &'a Url,
    /// The app's part of every path.
    pub prefix: &'a PathPrefix,
}

/// End of a token's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenExpiry {
    /// Time of the end.
    pub at: Timestamp,
    /// True if roomsync renews the token before by itself.
    pub renewed: bool,
}

impl TokenSource {
    /// A token that stays as it is.
    #[must_use]
    pub fn fixed(token: SecretString) -> Self {
        Self(Kind::Ready(Secret::fixed(token)))
    }

    /// A token in a file, which is read now, again when it changes, and when the service refuses the token.
    pub fn file(path: PathBuf) -> Result<Self, BadSecret> {
        Ok(Self(Kind::Ready(Secret::file(path)?)))
    }

    /// Tokens that are minted here for an app, each of this life (whole seconds). They are renewed at half of it, and when the
    /// service refuses one.
    #[must_use]
    pub fn minted(app_id: String, certificate: Secret, life: Duration, clock: Clock) -> Self {
        Self(Kind::Minted(Minter::new(app_id, certificate, life, clock)))
    }

    /// Tokens that the service grants for client credentials. Each is kept in a file and renewed shortly before its end, and when
    /// the service refuses it. There is one request at a time, and after a failure none for a minute or longer.
    #[must_use]
    pub fn granted(credentials: ClientCredentials<'_>, clock: Clock) -> Self {
        let ClientCredentials {
            client_id,
            secret,
            folder,
            base,
            prefix,
        } = credentials;
        let token = GrantedToken::new(client_id, secret, folder, (base, prefix), clock);
        Self(Kind::Granted(token))
    }

    /// The token for the next call.
    pub(crate) async fn current(&self, requests: &TokenRequests) -> Result<SecretString, NoToken> {
        match &self.0 {
            Kind::Ready(secret) => Ok(secret.current().await),
            Kind::Minted(minter) => minter.current().await,
            Kind::Granted(token) => token.current(requests).await,
        }
    }

    /// The token for a call that goes out now. `None`: the last one has ended.
    pub(crate) fn ready(&self) -> Option<SecretString> {
        match &self.0 {
            Kind::Ready(secret) => Some(secret.held()),
            Kind::Minted(minter) => minter.ready(),
            Kind::Granted(token) => token.ready(),
        }
    }

    /// Another token than the one that was refused. `None`: there is no other yet.
    pub(crate) async fn other_than(
        &self,
        refused: &SecretString,
        requests: &TokenRequests,
    ) -> Result<Option<SecretString>, NoToken> {
        match &self.0 {
            Kind::Ready(secret) => Ok(secret.other_than(refused).await),
            Kind::Minted(minter) => minter.other_than(refused).await.map(Some),
            Kind::Granted(token) => token.other_than(refused, requests).await.map(Some),
        }
    }

    /// The service took this token.
    pub(crate) fn worked(&self, token: &SecretString) {
        if let Kind::Granted(granted) = &self.0 {
            granted.worked(token);
        }
    }

    /// End of the token's life. `None`: there is no token yet, or nothing is known of its end.
    #[must_use]
    pub fn expiry(&self) -> Option<TokenExpiry> {
        let (at, renewed) = match &self.0 {
            Kind::Ready(secret) => {
                let end = i64::try_from(end_of(&secret.held())?).ok()?;
                (Timestamp::from_second(end).ok(), false)
            }
            Kind::Minted(minter) => (minter.expires(), true),
            Kind::Granted(token) => (token.expires(), true),
        };
        at.map(|at| TokenExpiry { at, renewed })
    }
}
