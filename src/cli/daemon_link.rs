//! The way to a running daemon: that of the settings, or the one at `--url`.

use super::{Exit, Globals};
use crate::chat::{HttpTransport, Request, Response, Secret, Transport as _, TransportError};
use crate::disk::user_name;
use crate::settings::{self, Offline, is_loopback};
use crate::web::Order;
use anyhow::{Context as _, anyhow, bail};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use url::Url;

/// Longest time of one request. The daemon answers each within 6 s, or says that it is busy.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The daemon that is meant
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DaemonArgs {
    /// Where the daemon listens, such as http://127.0.0.1:9464; the default is `listen` of the settings
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<Url>,
}

/// Whoever gives an order
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Your name, for the log and the page; the default is your login name
    #[arg(long = "as", value_name = "NAME")]
    pub(super) by: Option<String>,
}

/// A daemon, as far as it is known before it is asked.
pub(super) struct DaemonLink {
    transport: HttpTransport,
    base: Url,
    settings: Option<Offline>,
}

/// Address at which a listener of this address is reached from here.
pub(super) fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Reads the settings of a command that asks the daemon. With `--url` they need not be there.
fn settings_of(globals: &Globals, args: &DaemonArgs) -> anyhow::Result<Option<Offline>> {
    if args.url.is_some() && !globals.config.exists() {
        return Ok(None);
    }
    Ok(Some(settings::load_offline(&globals.config, &globals.env)?))
}

impl DaemonLink {
    pub(super) fn new(globals: &Globals, args: &DaemonArgs) -> anyhow::Result<Self> {
        let settings = settings_of(globals, args)?;
        let base = match (&args.url, &settings) {
            (Some(url), _) => {
                let is_base = matches!(url.scheme(), "http" | "https") && url.host().is_some();
                let has_more =
                    url.query().is_some() || url.fragment().is_some() || !url.username().is_empty();
                if !is_base || has_more || url.password().is_some() {
                    bail!("--url takes http://HOST:PORT or https://HOST");
                }
                url.clone()
            }
            (None, Some(settings)) => {
                let listen = settings.listen.context(
                    "`listen` is off in the settings, so the daemon cannot be asked; give it an address, or use --url",
                )?;
                Url::parse(&format!("http://{}/", reached(listen)))?
            }
            (None, None) => bail!("there are no settings"),
        };
        let ca_file = settings.as_ref().and_then(|settings| settings.ca_file.as_deref());
        Ok(Self {
            transport: HttpTransport::new(&base, ca_file, TIMEOUT)?,
            base,
            settings,
        })
    }

    /// App that the settings name. `None`: there are no settings, or they name none.
    pub(super) fn app(&self) -> Option<String> {
        let app = self.settings.as_ref()?.app.as_ref()?;
        Some(app.to_string())
    }

    /// Asks for what the page shows.
    pub(super) async fn status(&self) -> anyhow::Result<Response> {
        let token = match &self.settings {
            Some(settings) => settings.status_token()?,
            None => None,
        };
        self.send(http::Method::GET, "/api/status", token.as_ref(), None)
            .await
    }

    /// Gives an order. Returns the exit code, with the daemon's words.
    pub(super) async fn order(
        &self,
        globals: &Globals,
        path: &str,
        order: Order,
    ) -> anyhow::Result<(Exit, String)> {
        let token = self.admin_token(globals)?;
        let order = Order {
            app: self.app(),
            ..order
        };
        let body = serde_json::to_vec(&order)?;
        let answer = self
            .send(http::Method::POST, path, Some(&token), Some(body))
            .await?;
        let said = words(&answer);
        match answer.status {
            200 | 202 => Ok((Exit::Done, said)),
            409 => Ok((Exit::Blocked, said)),
            status => Err(self.refused(status, &said)),
        }
    }

    /// Asks for what only people with the admin token see. `Err` within: the daemon's words on why there is nothing to show.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        globals: &Globals,
        path: &str,
    ) -> anyhow::Result<Result<T, String>> {
        let token = self.admin_token(globals)?;
        let answer = self.send(http::Method::GET, path, Some(&token), None).await?;
        match answer.status {
            200 => {
                let value = serde_json::from_slice(&answer.body);
                Ok(Ok(value.with_context(|| {
                    format!(
                        "{} answers with something else; is it roomsync that listens there?",
                        self.base
                    )
                })?))
            }
            409 => Ok(Err(words(&answer))),
            status => Err(self.refused(status, &words(&answer))),
        }
    }

    fn admin_token(&self, globals: &Globals) -> anyhow::Result<Secret> {
        let token = match &self.settings {
            Some(settings) => settings.admin_token(&globals.env)?,
            None => settings::token_of_admin(None, &globals.env)?,
        };
        token.context(
            "this takes the daemon's admin token: set ROOMSYNC_ADMIN_TOKEN, or name its file, `admin_token_file: PATH`, in the settings",
        )
    }

    /// Error of an answer that is none of those expected.
    pub(super) fn refused(&self, status: u16, said: &str) -> anyhow::Error {
        match said {
            _ if status == 401 => anyhow!(
                "the daemon at {} does not take this admin token; is it the one the daemon was started with?",
                self.base
            ),
            "" => anyhow!(
                "{} answers {status}; is it roomsync that listens there?",
                self.base
            ),
            said => anyhow!("the daemon at {} answers {status}: {said}", self.base),
        }
    }

    async fn send(
        &self,
        method: http::Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Response> {
        let token: Option<SecretString> = match token {
            Some(token) => Some(token.current().await),
            None => None,
        };
        if token.is_some() && self.base.scheme() == "http" && !is_loopback(&self.base) {
            bail!(
                "{} is plain http to another machine, which would show the token to everybody on the way; use https with --url, or run this where the daemon runs",
                self.base
            );
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let request = Request {
            method,
            url,
            token,
            body: body.map(Into::into),
        };
        self.transport.send(request).await.map_err(|error| match error {
            TransportError::Unsent(_) => {
                anyhow!("no daemon answers: {error}; is `roomsync run` running there?")
            }
            error => anyhow!("{error}"),
        })
    }
}

/// The words of an answer, if it is a text as the daemon writes it.
pub(super) fn words(answer: &Response) -> String {
    /// Longest text that a daemon answers with.
    const MOST: usize = 4096;
    let text = String::from_utf8_lossy(&answer.body);
    let is_ours = text.len() <= MOST && !text.trim_start().starts_with('<');
    if is_ours {
        text.trim().to_owned()
    } else {
        String::new()
    }
}

/// Name of whoever gives an order.
pub(super) fn orderer(args: &OrderArgs) -> String {
    let by = args.by.clone();
    by.unwrap_or_else(|| user_name(rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_on_this_machine() {
        for (listen, expected) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reached(listen.parse().unwrap()), expected.parse().unwrap());
        }
    }
}
