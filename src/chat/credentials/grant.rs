//! The request for a token, and its answer.

use super::super::classify::{PathPrefix, is_token_request};
use super::super::error::CallErrorKind;
use super::super::service_message::cleaned;
use super::super::transport::{Request, Response, Transport};
use super::super::wire::{ErrorBody, Granted, decode};
use super::secret::clean_secret;
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Reason for which there is no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoToken {
    /// True if the service has refused, false if it could not be asked.
    pub(super) refused: bool,
    /// In words, with what to do.
    pub(super) text: String,
}

impl NoToken {
    pub(super) fn refused(text: String) -> Self {
        Self { refused: true, text }
    }

    /// The failure of a call whose token the service refused with these words, when there is no new one.
    pub(crate) fn after_refusal(self, words: &str) -> CallErrorKind {
        CallErrorKind::CredentialsRefused(format!("{words}; and there is no new one: {}", self.text))
    }

    fn unanswered(text: &str) -> Self {
        Self {
            refused: false,
            text: cleaned(text),
        }
    }
}

impl From<NoToken> for CallErrorKind {
    fn from(NoToken { refused, text }: NoToken) -> Self {
        match refused {
            true => Self::NoToken(text),
            false => Self::ServiceUnreachable(text),
        }
    }
}

/// The way on which tokens are asked for.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequests {
    pub(crate) transport: Arc<dyn Transport>,
    /// Longest time from sending a request to the end of its answer.
    pub(crate) timeout: Duration,
}

/// A token that the service granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: SecretString,
    /// `None`: it never ends, as far as the service says.
    pub(super) life: Option<Duration>,
}

#[derive(Serialize)]
struct Asked<'a> {
    grant_type: &'static str,
    client_id: &'a str,
    client_secret: &'a str,
}

impl TokenRequests {
    /// Asks once. The secret is in the body alone.
    pub(super) async fn ask(
        &self,
        url: Url,
        client_id: &str,
        client_secret: &SecretString,
    ) -> Result<Grant, NoToken> {
        let asked = Asked {
            grant_type: "client_credentials",
            client_id,
            client_secret: client_secret.expose_secret(),
        };
        let body = serde_json::to_vec(&asked)
            .map_err(|_| NoToken::refused("the client's id cannot be sent".to_owned()))?;
        let request = Request {
            method: http::Method::POST,
            url,
            token: None,
            body: Some(Bytes::from(body)),
        };
        match self.transport.send_within(request, self.timeout).await {
            Err(error) => Err(NoToken::unanswered(&format!("the token request failed: {error}"))),
            Ok(answer) => read(&answer),
        }
    }
}

/// The address of the request at this host, if it is certainly that.
pub(super) fn token_url(base: &Url, prefix: &PathPrefix) -> Option<Url> {
    let [first, second] = &prefix.0;
    let mut url = base.clone();
    url.set_path(&format!("/{first}/{second}/token"));
    url.set_query(None);
    url.set_fragment(None);
    let same_place = url.origin() == base.origin();
    (same_place && is_token_request(&http::Method::POST, &url, prefix)).then_some(url)
}

fn read(answer: &Response) -> Result<Grant, NoToken> {
    let Response { status, body, .. } = answer;
    if let 200..300 = status {
        let granted = decode::<Granted>(body).ok();
        let token = granted.and_then(|granted| Some((clean_secret(&granted.access_token).ok()?, granted)));
        return token
            .map(|(token, granted)| Grant {
                token,
                life: granted
                    .expires_in
                    .filter(|life| *life > 0)
                    .map(Duration::from_secs),
            })
            .ok_or_else(|| {
                NoToken::unanswered(
                    "the token request was answered without a token; is `service.url` the chat service?",
                )
            });
    }
    let words = match decode::<ErrorBody>(body) {
        Ok(said) => format!("status {status}, {}: {}", said.error, said.error_description),
        Err(_) => format!("status {status} without the service's JSON"),
    };
    let words = cleaned(&words);
    Err(match status {
        400 | 401 | 403 => NoToken::refused(format!(
            "the request for one was refused ({words}); check `auth.client_id`, and the client secret where `service.auth` names it"
        )),
        404 => NoToken::refused(format!(
            "the request for one was refused ({words}); check `service.app_key` or `service.app_id`"
        )),
        300..400 => NoToken::refused(format!(
            "the request for one was answered with a redirect (status {status}), and redirects are not followed; \
             check `service.url`"
        )),
        _ => NoToken::unanswered(&format!("the token request failed: {words}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<(String, Option<u64>), NoToken> {
        let read = read(&Response {
            status,
            retry_after: None,
            date: None,
            body: Bytes::from(body.to_owned()),
        });
        read.map(|grant| {
            let seconds = grant.life.map(|life| life.as_secs());
            (grant.token.expose_secret().to_owned(), seconds)
        })
    }

    #[test]
    fn answers_are_read_for_what_they_are() {
        let granted = |life| Ok(("YWMt-x".to_owned(), life));
        for (body, life) in [
            (
                r#"{"access_token": "YWMt-x", "expires_in": 5184000, "application": "a"}"#,
                Some(5_184_000),
            ),
            (r#"{"access_token": "YWMt-x", "expires_in": 0}"#, None),
            (r#"{"access_token": "YWMt-x"}"#, None),
            (r#"{"access_token": "YWMt-x", "expires_in": "60"}"#, Some(60)),
            (
                r#"{"access_token": "YWMt-x", "expires_in": [1], "application": "\ud83c"}"#,
                None,
            ),
            ("\u{feff}{\"access_token\": \" YWMt-x\\n\"}", None),
        ] {
            assert_eq!(answer(200, body), granted(life), "{body}");
        }
        for (status, body, refused) in [
            (200, r#"{"access_token": ""}"#, false),
            (200, r#"{"access_token": "two words"}"#, false),
            (200, "<html>", false),
            (
                400,
                r#"{"error": "invalid_grant", "error_description": "client_secret does not match"}"#,
                true,
            ),
            (401, "", true),
            (401, r#"{"error": 7, "error_description": null}"#, true),
            (302, "", true),
            (404, r#"{"error": "organization_application_not_found"}"#, true),
            (429, r#"{"error": "reach_limit"}"#, false),
            (500, "", false),
        ] {
            let failure = answer(status, body).unwrap_err();
            assert_eq!(failure.refused, refused, "{status} {body}: {}", failure.text);
        }
    }

    #[test]
    fn the_request_goes_to_this_host_and_path_alone() {
        let prefix = PathPrefix::new("app-id", "8be0").unwrap();
        let base = Url::parse("https://chat.example:8443/?x=1#y").unwrap();
        let url = token_url(&base, &prefix).unwrap();
        assert_eq!(url.as_str(), "https://chat.example:8443/app-id/8be0/token");
    }
}
