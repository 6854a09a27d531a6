//! The webhook: where the service's events come in, and the secrets that sign them.

use super::auth::AuthReader;
use super::schema;
use super::token::{bad_secret, in_file};
use super::words::{listen, path};
use crate::chat::Secret;
use crate::desired::names::bad_value;
use crate::diagnostics::{Diagnostic, Invalid, RawDiagnostic};
use crate::yaml::{Field, FieldsOf, Kind, ReadContext, Shape, fields};
use serde::de::MapAccess;
use std::iter;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

const LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9465);
const PATH: &str = "/hooks/agora";
/// Longest path of a request, in bytes.
const MAX_PATH: usize = 256;

/// Receiver of the service's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it listens, for a proxy that speaks TLS with the service.
    pub listen: SocketAddr,
    /// Path of its requests.
    pub path: String,
    /// A file with the secret that signs events.
    pub secret_file: PathBuf,
    /// A file with the secret before, while the two are exchanged.
    pub previous_secret_file: Option<PathBuf>,
}

fields! {
    /// Where the service's events come in, which have rooms looked at without waiting for the interval.
    #[schemars(rename = "Webhook", default, deny_unknown_fields)]
    #[schemars(extend("required" = ["secret_file"]))]
    pub(super) struct WebhookSpec("`webhook`", secrecy: All, finish: Self::check) {
        /// Where the daemon listens for events, by plain HTTP: an address with its port, behind a proxy that speaks TLS.
        #[schemars(schema_with = "schema::address", extend("default" = "127.0.0.1:9465"))]
        listen: SocketAddr = |value| value.scalar("an address", address),
        /// The path to which events are posted.
        #[schemars(schema_with = "schema::request_path", extend("default" = "/hooks/agora"))]
        path: String = |value| value.scalar("a path", request_path),
        /// A file with the secret of the webhook, as the service's console shows it. It is read again when it changes.
        #[schemars(schema_with = "schema::path")]
        secret_file: PathBuf = |value| value.scalar("a path", path),
        /// A file with the secret before, which is taken as well while the secret is exchanged.
        #[schemars(schema_with = "schema::path_or_null", extend("default" = null))]
        previous_secret_file: Option<PathBuf> = |value| value.nullable("a path", path),
    }
}

impl WebhookSpec {
    fn check(&mut self, cx: &mut ReadContext) {
        if self.secret_file.entry.is_none() {
            let raw = RawDiagnostic::new("no-webhook-secret", "`webhook` names no `secret_file`").help(
                "write `secret_file: PATH`, a file with the secret that the service's console shows for the webhook",
            );
            cx.error_in_map(raw);
        }
    }

    /// The webhook. `None`: something is missing, which was recorded.
    pub(super) fn read(self, reader: &mut AuthReader<'_>) -> Option<Webhook> {
        let Self {
            listen,
            path,
            secret_file,
            previous_secret_file: Field { entry, value },
        } = self;
        let previous = Field {
            entry,
            value: value.flatten(),
        };
        let secret_file = reader.path("secret_file", secret_file)?;
        Some(Webhook {
            listen: listen.value.unwrap_or(LISTEN.into()),
            path: path.value.unwrap_or_else(|| PATH.to_owned()),
            secret_file,
            previous_secret_file: reader.path("previous_secret_file", previous),
        })
    }
}

/// A map, or `null` for no webhook.
pub(super) struct WebhookOrNull;

impl<'de> Shape<'de> for WebhookOrNull {
    type Value = Option<WebhookSpec>;

    fn wants(&self) -> &'static str {
        "a map of keys and values, or `null`"
    }
    fn map<A: MapAccess<'de>>(&self, cx: &mut ReadContext, map: A) -> Result<Option<Self::Value>, A::Error> {
        Ok(FieldsOf::<WebhookSpec>::new().map(cx, map)?.map(Some))
    }
    fn other(&self, cx: &mut ReadContext, kind: Kind) -> Option<Self::Value> {
        match kind {
            Kind::Null => Some(None),
            _ => FieldsOf::<WebhookSpec>::new().other(cx, kind).map(Some),
        }
    }
}

impl Webhook {
    /// Files with the secrets.
    pub fn secret_files(&self) -> impl Iterator<Item = &Path> {
        let previous = self.previous_secret_file.as_deref();
        iter::once(self.secret_file.as_path()).chain(previous)
    }

    /// Reads the secrets, the present one first. The error names each that cannot be used.
    pub fn secrets(&self) -> Result<Vec<Secret>, Invalid> {
        let (mut secrets, mut diagnostics) = (Vec::new(), Vec::new());
        for (key, file) in ["secret_file", "previous_secret_file"]
            .into_iter()
            .zip(self.secret_files())
        {
            match Secret::file(file.to_owned()) {
                Ok(secret) => secrets.push(secret),
                Err(error) => {
                    let whence = in_file(&format!("webhook.{key}"), file);
                    let help =
                        "put the webhook's secret there, alone on a line, as the service's console shows it";
                    diagnostics.push(Diagnostic::without_file(bad_secret(
                        &whence, &error, "secret", help,
                    )));
                }
            }
        }
        Invalid::unless_empty(diagnostics).map(|()| secrets)
    }
}

fn address(text: &str) -> Result<SocketAddr, RawDiagnostic> {
    match listen(text)? {
        Some(address) => Ok(address),
        None => Err(bad_value(
            text,
            "an address with a port",
            "for no webhook write `webhook: null`, or remove the key",
        )),
    }
}

/// Characters that mean themselves in every URL, and nothing to a router.
fn request_path(text: &str) -> Result<String, RawDiagnostic> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.' | b'~');
    let dots = |part: &str| matches!(part, "." | "..");
    let good = text.starts_with('/')
        && text.len() <= MAX_PATH
        && text.bytes().all(plain)
        && !text.contains("//")
        && !text.split('/').any(dots);
    if good {
        return Ok(text.to_owned());
    }
    // Not what stands there: it may be the secret.
    let raw = RawDiagnostic::new("bad-value", "this is not the path of a request");
    Err(raw.help(format!(
        "begin it with a slash, and use a-z, A-Z, 0-9, `/`, `_`, `-`, `.` and `~`, such as {PATH}"
    )))
}

/// The error of a webhook on the address of the status page.
pub(super) fn same_address(webhook: &Webhook, listen: Option<SocketAddr>) -> Option<RawDiagnostic> {
    let is_same = webhook.listen.port() != 0 && listen == Some(webhook.listen);
    is_same.then(|| {
        let message = "`webhook.listen` is the address of `listen`, where the status page is";
        RawDiagnostic::new("same-address", message)
            .help("give the webhook an address of its own, since its requests come from the internet")
    })
}
