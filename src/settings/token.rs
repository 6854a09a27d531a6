//! The credentials, with the secret from the environment or a file.

use super::auth::{WrittenAuth, set};
use super::words::is_hex_id;
use super::{Auth, Env, SecretFrom};
use crate::chat::{BadSecret, clean_secret, read_secret};
use crate::diagnostics::{Diagnostic, RawDiagnostic};
use crate::disk::described;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::path::{Path, PathBuf};

/// A longer path may be a token; one in use as a token file is hardly ever that long.
const LONGEST_PATH_SHOWN: usize = 120;

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
            tracing::info!(
                target: "roomsync::notice",
                "ROOMSYNC_TOKEN is set and is used; what `service.auth` names is not"
            );
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
            Err(error) => Err(bad_token(&token_file_shown(&path), &error)),
        },
        WrittenAuth::App { app_id, certificate } => {
            let variable = ("ROOMSYNC_APP_CERTIFICATE", set(env.app_certificate.as_ref()));
            let file = ("`service.auth.app_certificate_file`", certificate);
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
            let file = ("`service.auth.client_secret_file`", secret);
            let help = "put the client's secret there, alone on a line";
            let found = secret_from(variable, file, ("client secret", help))?;
            Ok(found.map(|(_, secret, _)| Auth::Client { client_id, secret }))
        }
    }
}

type Found = (&'static str, SecretFrom, SecretString);

/// A secret of the environment, or of the file. The file's path is not shown: somebody may have put the secret itself there.
fn secret_from(
    (variable, value): (&'static str, Option<&SecretString>),
    (key, file): (&'static str, Option<PathBuf>),
    (what, help): (&str, &str),
) -> Result<Option<Found>, RawDiagnostic> {
    match (value, file) {
        (Some(value), _) => {
            let secret = clean_secret(value.expose_secret());
            let secret = secret.map_err(|error| bad_secret(variable, &error, what, help))?;
            Ok(Some((variable, SecretFrom::Environment(secret.clone()), secret)))
        }
        (None, Some(path)) => {
            let secret = read_secret(&path).map_err(|error| bad_secret(key, &error, what, help))?;
            Ok(Some((key, SecretFrom::File(path), secret)))
        }
        (None, None) => Ok(None),
    }
}

fn token_file_shown(path: &Path) -> String {
    let shown = path.display().to_string();
    // Somebody may have put the token where its file should be named.
    if shown.contains("007") || shown.len() > LONGEST_PATH_SHOWN {
        "`service.auth.token_file`".to_owned()
    } else {
        format!("`service.auth.token_file` ({})", shown.escape_debug())
    }
}

/// The token that the daemon's own callers must show. One that is no token is an error, not the lack of one.
pub(super) fn of_admin(env: &Env, diagnostics: &mut Vec<Diagnostic>) -> Option<SecretString> {
    match clean_secret(env.admin_token.as_ref()?.expose_secret()) {
        Ok(token) => Some(token),
        Err(error) => {
            let raw = bad_token("ROOMSYNC_ADMIN_TOKEN", &error);
            diagnostics.push(Diagnostic::without_file(raw));
            None
        }
    }
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
        BadSecret::Unreadable { path: _, source } if source.kind() == io::ErrorKind::NotFound => {
            "the file does not exist".to_owned()
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
