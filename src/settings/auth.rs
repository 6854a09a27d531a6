//! The credentials as the file names them: exactly one kind, and whole.

use super::file::AuthSpec;
use super::{Env, exposure};
use crate::diagnostics::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target};
use crate::yaml::{Field, ReadContext};
use secrecy::{ExposeSecret as _, SecretString};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The three kinds, for advice.
const KINDS: &str = "`{token_file: PATH}`, `{app_id: ID, app_certificate_file: PATH}` or `{client_id: ID, client_secret_file: PATH}`";
/// Beginnings of a path in the folder that systemd puts credentials into.
const CREDENTIALS: [&str; 2] = ["$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/"];

/// Purpose of reading the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To call the service: everything has to be there.
    Calls,
    /// To check files, perhaps on another machine than the one that has the secrets.
    Files,
    /// To check settings and secrets where roomsync is to run.
    Secrets,
}

impl Purpose {
    /// True if a secret may be missing.
    fn is_lenient(self) -> bool {
        self == Self::Files
    }
}

/// The credentials that the file names.
#[derive(Debug, Clone, Default)]
pub(super) enum WrittenAuth {
    #[default]
    Nothing,
    /// Some, but what is wrong with them was recorded.
    Wrong,
    TokenFile(Option<PathBuf>),
    App {
        app_id: String,
        certificate: Option<PathBuf>,
    },
    Client {
        client_id: String,
        secret: Option<PathBuf>,
    },
}

impl WrittenAuth {
    /// The file with the secret, if one is named.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Nothing | Self::Wrong => None,
            Self::TokenFile(file) => file.as_deref(),
            Self::App { certificate, .. } => certificate.as_deref(),
            Self::Client { secret, .. } => secret.as_deref(),
        }
    }
}

/// A variable of the environment that is set. One that is empty counts as not set.
pub(super) fn set(variable: Option<&SecretString>) -> Option<&SecretString> {
    variable.filter(|secret| !secret.expose_secret().is_empty())
}

// The lines of `auth` are not shown: somebody may have put a secret where its file should be named.

/// Checks that `auth` names one kind of credentials, and no file without the id that it belongs to.
pub(super) fn check(spec: &mut AuthSpec, cx: &mut ReadContext) {
    let AuthSpec {
        token_file,
        app_id,
        app_certificate_file,
        client_id,
        client_secret_file,
    } = spec;
    let app = app_id.entry.or(app_certificate_file.entry);
    let client = client_id.entry.or(client_secret_file.entry);
    let mut kinds: Vec<u32> = [token_file.entry, app, client].into_iter().flatten().collect();
    kinds.sort_unstable();
    if let [_, second, ..] = kinds.as_slice() {
        let message = "`auth` names more than one kind of credentials";
        let raw = RawDiagnostic::new("two-credentials", message)
            .help(format!("write one of {KINDS}"))
            .secret();
        return cx.error_at_entry(*second, raw);
    }
    let halves = [
        (
            app_id.entry,
            app_certificate_file.entry,
            "app_certificate_file",
            "app_id",
        ),
        (
            client_id.entry,
            client_secret_file.entry,
            "client_secret_file",
            "client_id",
        ),
    ];
    for (id, file, file_key, id_key) in halves {
        if let (None, Some(file)) = (id, file) {
            let raw = RawDiagnostic::new("half-credentials", format!("`{file_key}` without `{id_key}`"))
                .help(format!("write `{id_key}: ID` beside it"))
                .secret();
            cx.error_at_entry(file, raw);
        }
    }
}

/// Reads what `auth` says, and the paths of other secrets.
pub(super) struct AuthReader<'a> {
    pub(super) env: &'a Env,
    pub(super) purpose: Purpose,
    /// The folder of the settings file.
    pub(super) folder: &'a Path,
    /// True if the secrets are those of an emulator.
    pub(super) is_rehearsal: bool,
    /// The room files and the folders of them.
    pub(super) rooms: &'a [PathBuf],
    /// Place of the map that is read.
    pub(super) steps: Vec<u32>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl AuthReader<'_> {
    pub(super) fn read(&mut self, spec: AuthSpec) -> WrittenAuth {
        if spec.token_file.entry.is_some() {
            let is_needed = set(self.env.token.as_ref()).is_none();
            return WrittenAuth::TokenFile(self.path_if(is_needed, "token_file", spec.token_file));
        }
        let (app, client) = (spec.app_id, spec.client_id);
        match (app.value, client.value) {
            (Some(app_id), _) => {
                let variable = ("ROOMSYNC_APP_CERTIFICATE", self.env.app_certificate.clone());
                let file = ("app_certificate_file", spec.app_certificate_file);
                let certificate = self.half(file, app.entry, variable);
                WrittenAuth::App { app_id, certificate }
            }
            (None, Some(client_id)) => {
                let variable = ("ROOMSYNC_CLIENT_SECRET", self.env.client_secret.clone());
                let file = ("client_secret_file", spec.client_secret_file);
                let secret = self.half(file, client.entry, variable);
                WrittenAuth::Client { client_id, secret }
            }
            (None, None) => WrittenAuth::Nothing,
        }
    }

    /// The file of the secret that belongs to an id, unless the secret comes from the environment.
    fn half(
        &mut self,
        (key, file): (&str, Field<PathBuf>),
        id: Option<u32>,
        (name, variable): (&str, Option<SecretString>),
    ) -> Option<PathBuf> {
        let is_needed = set(variable.as_ref()).is_none() && set(self.env.token.as_ref()).is_none();
        if file.entry.is_some() {
            return self.path_if(is_needed, key, file);
        }
        if !is_needed {
            return None;
        }
        let place = self.place(id, EntryPart::Key);
        let raw = RawDiagnostic::new("half-credentials", format!("there is no `{key}` beside it")).secret();
        self.problems.push(match self.purpose.is_lenient() {
            false => Problem::error(
                place,
                raw.help(format!("write `{key}: PATH` beside it, or set {name}")),
            ),
            true => {
                let help =
                    format!("roomsync takes the secret from {name} then, which has to be set where it runs");
                Problem::warning(place, raw.help(help))
            }
        });
        None
    }

    /// The path from here. `None`: it was no path, or its folder is not known here.
    pub(super) fn path(&mut self, key: &str, field: Field<PathBuf>) -> Option<PathBuf> {
        self.path_if(true, key, field)
    }

    /// A path that is not needed, because a variable wins over the file, may lie in a folder that is not known.
    fn path_if(
        &mut self,
        is_needed: bool,
        key: &str,
        Field { entry, value }: Field<PathBuf>,
    ) -> Option<PathBuf> {
        let path = self.expanded(is_needed, entry, value?)?;
        if self.purpose != Purpose::Calls && !self.is_rehearsal {
            let place = self.place(entry, EntryPart::Value);
            // The line may hold the secret itself in the place of its file.
            let found = exposure::warnings(key, &path, self.rooms).into_iter();
            self.problems
                .extend(found.map(|raw| Problem::warning(place.clone(), raw.secret())));
        }
        Some(path)
    }

    fn expanded(&mut self, is_needed: bool, entry: Option<u32>, path: PathBuf) -> Option<PathBuf> {
        let text = path.to_str().unwrap_or_default();
        let Some(rest) = CREDENTIALS.iter().find_map(|begin| text.strip_prefix(begin)) else {
            return Some(self.folder.join(path));
        };
        let folder = self.env.credentials_directory.clone();
        match folder.filter(|folder: &OsString| !folder.is_empty()) {
            Some(folder) => Some(Path::new(&folder).join(rest)),
            None => {
                if is_needed && !self.purpose.is_lenient() {
                    let raw = RawDiagnostic::new(
                        "no-credentials-directory",
                        "CREDENTIALS_DIRECTORY is not set",
                    )
                    .help(
                        "systemd sets it for a unit with `LoadCredential=`; elsewhere set it to the folder with the secrets",
                    );
                    let place = self.place(entry, EntryPart::Value);
                    self.problems.push(Problem::error(place, raw.secret()));
                }
                None
            }
        }
    }

    pub(super) fn place(&self, entry: Option<u32>, part: EntryPart) -> Place {
        let steps = self.steps.iter().copied().chain(entry).collect();
        Place {
            file: 0,
            at: Target::Node(NodePath { steps, part }),
        }
    }
}
