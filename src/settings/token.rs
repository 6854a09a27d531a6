//! The credentials, with the secret from the environment or a file.

use super::auth::{WrittenAuth, set};
use super::words::is_hex_id;
use super::{Auth, Env, SecretFrom};
use crate::chat::{BadSecret, Secret, clean_secret, read_secret};
use crate::diagnostics::{Diagnostic, Invalid, RawDiagnostic};
use crate::disk::{self, described};
use crate::source;
use crate::telemetry::NOTICE;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{fs, io};

/// Decides where the secret comes from, and whether it is one: the environment wins over the file.
pub(super) fn find(written: WrittenAuth, env: &Env, diagnostics: &mut Vec<Diagnostic>) -> Option<Auth> {
    match find_secret(written, env) {
        Ok(auth) => auth,
        Err(raw) => {
            diagnostics.push(Diagnostic::without_file(raw));
            None
        }
    }
}

/// The credentials. `None`: what is missing was recorded where it was read.
fn find_secret(written: WrittenAuth, env: &Env) -> Result<Option<Auth>, RawDiagnostic> {
    if let Some(token) = set(env.token.as_ref()) {
        let token = clean_secret(token.expose_secret());
        let token = token.map_err(|error| bad_token("ROOMSYNC_TOKEN", &error))?;
        if !matches!(written, WrittenAuth::Nothing) {
            // Once, not whenever the settings are read again.
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                tracing::info!(
                    target: NOTICE,
                    "ROOMSYNC_TOKEN is set and is used; what `service.auth` names is not"
                );
            });
        }
        return Ok(Some(Auth::Token(token)));
    }
    match written {
        WrittenAuth::Nothing => {
            let raw = RawDiagnostic::new("no-token", "there is no token for the service")
                .help("name a file with one, `service: {auth: {token_file: PATH}}`, or set ROOMSYNC_TOKEN");
            Err(raw)
        }
        WrittenAuth::Wrong | WrittenAuth::TokenFile(None) => Ok(None),
        WrittenAuth::TokenFile(Some(path)) => match read_secret(&path) {
            Ok(_) => Ok(Some(Auth::TokenFile(path))),
            Err(error) => Err(bad_token(&in_file("service.auth.token_file", &path), &error)),
        },
        WrittenAuth::App { app_id, certificate } => {
            let variable = ("ROOMSYNC_APP_CERTIFICATE", set(env.app_certificate.as_ref()));
            let file = ("service.auth.app_certificate_file", certificate);
            let help = "put the app's certificate there, alone on a line";
            let Some((whence, from, certificate)) = secret_from(variable, file, ("certificate", help))?
            else {
                return Ok(None);
            };
            if !is_hex_id(certificate.expose_secret()) {
                let message = format!("{whence}: this is no app certificate, which is 32 hexadecimal digits");
                return Err(RawDiagnostic::new("bad-secret", message).help(help));
            }
            Ok(Some(Auth::App {
                app_id,
                certificate: from,
            }))
        }
        WrittenAuth::Client { client_id, secret } => {
            let variable = ("ROOMSYNC_CLIENT_SECRET", set(env.client_secret.as_ref()));
            let file = ("service.auth.client_secret_file", secret);
            let help = "put the client's secret there, alone on a line";
            let found = secret_from(variable, file, ("client secret", help))?;
            Ok(found.map(|(_, secret, _)| Auth::Client { client_id, secret }))
        }
    }
}

/// Where the secret was found, in words and as it is kept, and the secret.
type Found = (String, SecretFrom, SecretString);

/// A secret of the environment, or of the file.
fn secret_from(
    (variable, value): (&str, Option<&SecretString>),
    (key, file): (&str, Option<PathBuf>),
    (what, help): (&str, &str),
) -> Result<Option<Found>, RawDiagnostic> {
    match (value, file) {
        (Some(value), _) => {
            let secret = clean_secret(value.expose_secret());
            let secret = secret.map_err(|error| bad_secret(variable, &error, what, help))?;
            let from = SecretFrom::Environment(secret.clone());
            Ok(Some((variable.to_owned(), from, secret)))
        }
        (None, Some(path)) => {
            let whence = in_file(key, &path);
            let secret = read_secret(&path).map_err(|error| bad_secret(&whence, &error, what, help))?;
            Ok(Some((whence, SecretFrom::File(path), secret)))
        }
        (None, None) => Ok(None),
    }
}

/// A key with the file that it names. What is no file is not shown: it may be the secret itself.
pub(super) fn in_file(key: &str, path: &Path) -> String {
    let exists = disk::bounded(path, |path| fs::symlink_metadata(path).map(|_| ()));
    match exists {
        Ok(()) => format!("`{key}` ({})", source::name_of(path)),
        Err(_) => format!("`{key}`"),
    }
}

/// Says where a file was searched for without its own name.
fn no_such_file(path: &Path) -> String {
    let folder = disk::bounded(path, |path| {
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
        Ok(folder.map(Path::to_owned))
    });
    match folder {
        Ok(Some(folder)) => format!("there is no such file below {}", source::name_of(&folder)),
        Ok(None) | Err(_) => "there is no such file".to_owned(),
    }
}

/// The token that the daemon's own callers must show: the environment wins over the file. A variable that is no token is an error, not
/// the lack of one.
pub(super) fn of_admin(
    file: Option<PathBuf>,
    env: &Env,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SecretFrom> {
    let Some(variable) = &env.admin_token else {
        return file.map(SecretFrom::File);
    };
    match clean_secret(variable.expose_secret()) {
        Ok(token) => Some(SecretFrom::Environment(token)),
        Err(error) => {
            let raw = bad_token("ROOMSYNC_ADMIN_TOKEN", &error);
            diagnostics.push(Diagnostic::without_file(raw));
            None
        }
    }
}

/// The token in the file that this key names.
pub(super) fn in_file_of(key: &str, path: &Path) -> Result<Secret, Invalid> {
    let read = Secret::file(path.to_owned());
    read.map_err(|error| {
        let raw = bad_token(&in_file(key, path), &error);
        Invalid {
            diagnostics: vec![Diagnostic::without_file(raw)],
        }
    })
}

fn bad_token(whence: &str, error: &BadSecret) -> RawDiagnostic {
    let message = format!("{whence}: {}", why(error, "token"));
    RawDiagnostic::new("bad-token", message).help("put one token there, alone on a line")
}

pub(super) fn bad_secret(whence: &str, error: &BadSecret, what: &str, help: &str) -> RawDiagnostic {
    RawDiagnostic::new("bad-secret", format!("{whence}: {}", why(error, what))).help(help)
}

fn why(error: &BadSecret, what: &str) -> String {
    match error {
        BadSecret::Unreadable { path, source }
            if matches!(
                source.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            no_such_file(path)
        }
        // Its own words name the path.
        BadSecret::Unreadable { path: _, source } if source.kind() == io::ErrorKind::TimedOut => {
            "the file cannot be read: its disk does not answer".to_owned()
        }
        BadSecret::Unreadable { path: _, source } => {
            format!("the file cannot be read: {}", described(source))
        }
        BadSecret::TooLarge => format!("the {what} file is larger than 64 KiB: is it the right file?"),
        BadSecret::Empty => format!("the {what} is empty"),
        BadSecret::BadChar => {
            format!("the {what} holds a space, a line break or another character that no {what} has")
        }
    }
}
