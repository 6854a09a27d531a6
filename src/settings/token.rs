//! The token, from the environment or a file.

use super::{Auth, Env};
use crate::chat::{BadToken, check_token, read_token};
use crate::diagnostics::{Diagnostic, RawDiagnostic};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// A longer path may be a token; one in use as a token file is hardly ever that long.
const LONGEST_PATH_SHOWN: usize = 120;

/// Decides where the token comes from, and whether it is one: the environment wins over the file.
pub(super) fn find(file: Option<PathBuf>, env: &Env, diagnostics: &mut Vec<Diagnostic>) -> Option<Auth> {
    let (auth, checked, whence) = match (&env.token, file) {
        (Some(token), _) => {
            let checked = check_token(token.expose_secret());
            (Auth::Token(token.clone()), checked, "ROOMSYNC_TOKEN".to_owned())
        }
        (None, Some(path)) => {
            let checked = read_token(&path).map(|_| ());
            let shown = path.display().to_string();
            // Somebody may have put the token where its file should be named.
            let whence = if shown.contains("007") || shown.len() > LONGEST_PATH_SHOWN {
                "`service.auth.token_file`".to_owned()
            } else {
                format!("`service.auth.token_file` ({})", shown.escape_debug())
            };
            (Auth::TokenFile(path), checked, whence)
        }
        (None, None) => {
            let raw = RawDiagnostic::new("no-token", "there is no token for the service")
                .help("name a file with one, `service: {auth: {token_file: PATH}}`, or set ROOMSYNC_TOKEN");
            diagnostics.push(Diagnostic::without_file(raw));
            return None;
        }
    };
    match checked {
        Ok(()) => Some(auth),
        Err(error) => {
            diagnostics.push(bad(&whence, &error));
            None
        }
    }
}

/// The token that the daemon's own callers must show. One that is no token is an error, not the lack of one.
pub(super) fn of_admin(env: &Env, diagnostics: &mut Vec<Diagnostic>) -> Option<SecretString> {
    let token = env.admin_token.clone()?;
    match check_token(token.expose_secret()) {
        Ok(()) => Some(token),
        Err(error) => {
            diagnostics.push(bad("ROOMSYNC_ADMIN_TOKEN", &error));
            None
        }
    }
}

fn bad(whence: &str, error: &BadToken) -> Diagnostic {
    let why = match error {
        BadToken::Unreadable { path: _, source } => format!("cannot read the file: {source}"),
        BadToken::TooLarge | BadToken::Empty | BadToken::BadChar => error.to_string(),
    };
    let raw = RawDiagnostic::new("bad-token", format!("{whence}: {why}"))
        .help("put one token there, alone on a line");
    Diagnostic::without_file(raw)
}
