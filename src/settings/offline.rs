//! The settings as far as commands need them that call the daemon or only read files.

use super::auth::Purpose;
use super::draft::read;
use super::{App, Env, Webhook, admin_token, token, valid};
use crate::chat::{Secret, read_secret};
use crate::diagnostics::{Diagnostic, Invalid};
use crate::model::{Limit, RoomDefaults};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Settings that need no credentials for the service: those that judge room files, and where the daemon is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    /// Room files, and directories of them.
    pub rooms: Vec<PathBuf>,
    /// What holds in a room for which no room file says otherwise.
    pub room_defaults: RoomDefaults,
    /// Most removals in all rooms together.
    pub max_removals_total: Limit,
    /// Where the daemon serves status page, probes and metrics. `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// The app that the rooms are of. `None`: the file names none.
    pub app: Option<App>,
    /// An extra root certificate.
    pub ca_file: Option<PathBuf>,
    /// A file with the token that the page and its API ask for.
    pub status_token_file: Option<PathBuf>,
    /// A file with the token of those who may give the daemon orders.
    pub admin_token_file: Option<PathBuf>,
    /// Remarks about what is probably not meant.
    pub warnings: Vec<Diagnostic>,
}

impl Offline {
    /// Reads the token that the page and its API ask for, if there is one.
    pub fn status_token(&self) -> Result<Option<Secret>, Invalid> {
        let file = self.status_token_file.as_deref();
        file.map(|path| token::in_file_of("status_token_file", path))
            .transpose()
    }

    /// Reads the token of those who may give the daemon orders, if there is one: that of the environment, or else of the file.
    pub fn admin_token(&self, env: &Env) -> Result<Option<Secret>, Invalid> {
        token_of_admin(self.admin_token_file.clone(), env)
    }
}

/// Reads the token of those who may give the daemon orders: that of the environment, or else of this file.
pub fn token_of_admin(file: Option<PathBuf>, env: &Env) -> Result<Option<Secret>, Invalid> {
    let mut diagnostics = Vec::new();
    let from = token::of_admin(file, env, &mut diagnostics);
    Invalid::unless_empty(diagnostics)?;
    from.as_ref().map(admin_token).transpose()
}

/// Reads the settings for a command that only looks at files: a token need not be there.
pub fn load_offline(path: &Path, env: &Env) -> Result<Offline, Invalid> {
    let (draft, diagnostics) = read(path, env, Purpose::Files);
    let webhook = draft.as_ref().and_then(|draft| draft.webhook.as_ref());
    let of_webhook = webhook.into_iter().flat_map(Webhook::secret_files);
    let of_service = draft.as_ref().and_then(|draft| draft.auth.file());
    let of_web = draft
        .iter()
        .flat_map(|draft| [&draft.status_token_file, &draft.admin_token_file]);
    let of_web = of_web.filter_map(Option::as_deref);
    for file in of_webhook.chain(of_service).chain(of_web) {
        // It need not be there; if it is, it is known from then on as what must not be shown.
        let _ = read_secret(file);
    }
    let offline = draft.map(|draft| Offline {
        rooms: draft.rooms,
        room_defaults: draft.room_defaults,
        max_removals_total: draft.max_removals_total,
        listen: draft.listen,
        app: draft.app,
        ca_file: draft.ca_file,
        status_token_file: draft.status_token_file,
        admin_token_file: draft.admin_token_file,
        warnings: Vec::new(),
    });
    match valid(offline, &diagnostics) {
        Some(offline) => Ok(Offline {
            warnings: diagnostics,
            ..offline
        }),
        None => Err(Invalid { diagnostics }),
    }
}
