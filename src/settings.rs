//! Flags, environment and `roomsync.yaml` → [`Settings`].

mod auth;
mod draft;
mod exposure;
mod file;
mod offline;
mod rates;
mod remarks;
mod schema;
mod token;
mod webhook;
mod words;
mod wrong_file;

use crate::chat::{Rates, Secret};
use crate::diagnostics::{Diagnostic, Invalid, Severity};
use crate::model::{Limit, RoomDefaults};
use crate::secrets;
use auth::Purpose;
use draft::read;
pub(crate) use file::SettingsSpec;
pub use offline::{Offline, load_offline, token_of_admin};
use secrecy::{ExposeSecret as _, SecretString};
use std::env::var_os;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
pub use webhook::Webhook;
pub(crate) use words::is_loopback;

/// Name of the settings file where nothing says otherwise.
pub const DEFAULT_FILE: &str = "roomsync.yaml";

/// Default of `guards.max_removals_total`.
const MAX_REMOVALS_TOTAL: Limit = Limit::Share(10_00);

/// Everything that the settings file and the environment say, with what they leave out filled in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The service and the way in.
    pub service: Service,
    /// Room files, and directories of them.
    pub rooms: Vec<PathBuf>,
    /// Limits of the calls.
    pub limits: Limits,
    /// What holds in a room for which no room file says otherwise.
    pub room_defaults: RoomDefaults,
    /// Removals of all rooms, against the members of all managed rooms.
    pub max_removals_total: Limit,
    /// When the daemon looks.
    pub sync: Timing,
    /// Where the service's events come in. `None`: nowhere.
    pub webhook: Option<Webhook>,
    /// Where the daemon keeps what it must not forget.
    pub state_dir: PathBuf,
    /// Where the daemon listens; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// True if the status page is served on a listener that is not loopback too.
    pub status_page: bool,
    /// Names beside IP addresses and `localhost` that a request for the page may have as its host, in lower case.
    pub allowed_hosts: Vec<String>,
    /// True if the app's rooms that no room file names are counted.
    pub report_unmanaged: bool,
    /// A file with the token that the page and its API ask for. `None`: they ask for none.
    pub status_token_file: Option<PathBuf>,
    /// Where the daemon and `apply` write a line a change.
    pub audit_log: Option<PathBuf>,
    /// Secret of callers who may give the daemon orders. `None`: nobody may.
    pub admin_token: Option<SecretFrom>,
}

impl Settings {
    /// Reads the token that the page and its API ask for, if the settings name one.
    pub fn status_token(&self) -> Result<Option<Secret>, Invalid> {
        self.status_token_file
            .as_deref()
            .map(|path| token::in_file_of("status_token_file", path))
            .transpose()
    }

    /// Reads every secret's file as it is now. The error names each that cannot be used.
    pub fn check_secrets(&self) -> Result<(), Invalid> {
        let mut diagnostics = Vec::new();
        token::check(&self.service.auth, &mut diagnostics);
        diagnostics.extend(self.secrets_of_callers());
        Invalid::unless_empty(diagnostics)
    }

    /// Problems of the secrets that the daemon's own callers must show.
    fn secrets_of_callers(&self) -> Vec<Diagnostic> {
        let of_webhook = self.webhook.as_ref().and_then(|webhook| webhook.secrets().err());
        let all = of_webhook
            .into_iter()
            .chain(self.status_token().err())
            .chain(self.admin_token().err());
        all.flat_map(|invalid| invalid.diagnostics).collect()
    }

    /// Reads the token of those who may give the daemon orders, if there is one.
    pub fn admin_token(&self) -> Result<Option<Secret>, Invalid> {
        self.admin_token.as_ref().map(admin_token).transpose()
    }
}

fn admin_token(from: &SecretFrom) -> Result<Secret, Invalid> {
    match from {
        SecretFrom::File(path) => token::in_file_of("admin_token_file", path),
        SecretFrom::Environment(token) => Ok(Secret::fixed(token.clone())),
    }
}

/// The service and the way in.
#[derive(Debug, Clone)]
pub struct Service {
    /// Scheme, host and port; the path is `/`.
    pub url: Url,
    /// The app that the rooms are of.
    pub app: App,
    /// Credentials for the service.
    pub auth: Auth,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
    /// Of one call.
    pub timeout: Duration,
}

/// The app, in one of the two ways in which the service names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum App {
    /// `app_key: "org#app"` → `/org/app/…`
    Key {
        /// Before the `#`.
        org: String,
        /// After it.
        app: String,
    },
    /// `app_id: ID` → `/app-id/ID/…`
    Id(String),
}

/// As plans name it.
impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { org, app } => write!(f, "{org}#{app}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}

/// Credentials for the service.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A file with a token, see [`crate::chat::read_secret`].
    TokenFile(PathBuf),
    /// A token of the environment.
    Token(SecretString),
    /// An app's certificate, from which tokens are minted here.
    App {
        /// The App ID.
        app_id: String,
        /// The certificate.
        certificate: SecretFrom,
    },
    /// A client that the service grants tokens to.
    Client {
        /// The client's id.
        client_id: String,
        /// Its secret.
        secret: SecretFrom,
    },
}

/// Origin of a secret.
#[derive(Debug, Clone)]
pub enum SecretFrom {
    /// A file with it, see [`crate::chat::read_secret`].
    File(PathBuf),
    /// The environment.
    Environment(SecretString),
}

impl Auth {
    /// The file with the secret, if it is from one.
    #[must_use]
    pub fn secret_file(&self) -> Option<&Path> {
        match self {
            Self::TokenFile(path)
            | Self::App {
                certificate: SecretFrom::File(path),
                ..
            }
            | Self::Client {
                secret: SecretFrom::File(path),
                ..
            } => Some(path),
            Self::Token(_) | Self::App { .. } | Self::Client { .. } => None,
        }
    }

    /// True if both are the same credentials from the same place.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Token(a), Self::Token(b)) => a.expose_secret() == b.expose_secret(),
            (Self::TokenFile(a), Self::TokenFile(b)) => a == b,
            (
                Self::App {
                    app_id: a,
                    certificate,
                },
                Self::App {
                    app_id: b,
                    certificate: other,
                },
            ) => a == b && certificate.is_same(other),
            (
                Self::Client { client_id: a, secret },
                Self::Client {
                    client_id: b,
                    secret: other,
                },
            ) => a == b && secret.is_same(other),
            (Self::Token(_) | Self::TokenFile(_) | Self::App { .. } | Self::Client { .. }, _) => false,
        }
    }
}

impl SecretFrom {
    /// The file, if it is from one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Environment(_) => None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => a == b,
            (Self::Environment(a), Self::Environment(b)) => a.expose_secret() == b.expose_secret(),
            (Self::File(_), Self::Environment(_)) | (Self::Environment(_), Self::File(_)) => false,
        }
    }
}

/// Limits of the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls a second that this process makes: its share of what is configured.
    pub calls_per_second: Rates,
    /// Calls in flight in all.
    pub concurrency: usize,
    /// Names in one `add_many`.
    pub add_batch: usize,
    /// Names in one `remove_many`.
    pub remove_batch: usize,
    /// True if members are taken from room detail if it shows all of them.
    pub bulk_reads: bool,
    /// True if a call counts until a full second after its answer.
    pub strict: bool,
}

/// When the daemon looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two looks at all rooms.
    pub interval: Duration,
    /// Time for which changed files must be unchanged before they are read.
    pub settle: Duration,
    /// Time for which room files must be unchanged before somebody is removed or demoted.
    pub settle_removals: Duration,
    /// True if the daemon only reads and shows.
    pub paused: bool,
}

/// The environment variables that settings can come from.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// `ROOMSYNC_URL`
    pub url: Option<OsString>,
    /// `ROOMSYNC_TOKEN`
    pub token: Option<SecretString>,
    /// `ROOMSYNC_ADMIN_TOKEN`
    pub admin_token: Option<SecretString>,
    /// `ROOMSYNC_APP_CERTIFICATE`
    pub app_certificate: Option<SecretString>,
    /// `ROOMSYNC_CLIENT_SECRET`
    pub client_secret: Option<SecretString>,
    /// `ROOMSYNC_CONFIG`
    pub config: Option<OsString>,
    /// `CREDENTIALS_DIRECTORY`, which systemd sets.
    pub credentials_directory: Option<OsString>,
}

impl Env {
    /// Reads the environment of this process.
    #[must_use]
    pub fn from_process() -> Self {
        // A token is ASCII; what is not comes out as something that is refused.
        let token = |name| var_os(name).map(|token| token.to_string_lossy().into_owned().into());
        for name in [
            "ROOMSYNC_TOKEN",
            "ROOMSYNC_ADMIN_TOKEN",
            "ROOMSYNC_APP_CERTIFICATE",
            "ROOMSYNC_CLIENT_SECRET",
        ] {
            if let Some(secret) = var_os(name) {
                secrets::register(&secret.to_string_lossy());
            }
        }
        Self {
            url: var_os("ROOMSYNC_URL"),
            token: token("ROOMSYNC_TOKEN"),
            admin_token: token("ROOMSYNC_ADMIN_TOKEN"),
            app_certificate: token("ROOMSYNC_APP_CERTIFICATE"),
            client_secret: token("ROOMSYNC_CLIENT_SECRET"),
            config: var_os("ROOMSYNC_CONFIG"),
            credentials_directory: var_os("CREDENTIALS_DIRECTORY"),
        }
    }
}

/// Reads the settings for a command that calls the service. Paths in them are relative to their file.
pub fn load(path: &Path, env: &Env) -> Result<Settings, Invalid> {
    let (settings, diagnostics) = load_for(path, env, Purpose::Calls);
    valid(settings, &diagnostics).ok_or(Invalid { diagnostics })
}

/// Checks the settings with their secrets, as [`load`] reads them. Gives the warnings.
pub fn check(path: &Path, env: &Env) -> Result<Vec<Diagnostic>, Invalid> {
    let (settings, mut diagnostics) = load_for(path, env, Purpose::Secrets);
    diagnostics.extend(settings.iter().flat_map(Settings::secrets_of_callers));
    match valid(settings, &diagnostics) {
        Some(_) => Ok(diagnostics),
        None => Err(Invalid { diagnostics }),
    }
}

fn load_for(path: &Path, env: &Env, purpose: Purpose) -> (Option<Settings>, Vec<Diagnostic>) {
    let (draft, mut diagnostics) = read(path, env, purpose);
    let auth = draft
        .as_ref()
        .and_then(|draft| token::find(draft.auth.clone(), env, &mut diagnostics));
    let admin_token = draft
        .as_ref()
        .and_then(|draft| token::of_admin(draft.admin_token_file.clone(), env, &mut diagnostics));
    let settings = draft
        .zip(auth)
        .and_then(|(draft, auth)| draft.with(auth, admin_token));
    (settings, diagnostics)
}

/// The value, if there is one and no error with it.
fn valid<T>(value: Option<T>, diagnostics: &[Diagnostic]) -> Option<T> {
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    value.filter(|_| !diagnostics.iter().any(is_error))
}
