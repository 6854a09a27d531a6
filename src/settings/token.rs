//! The token, from the environment or a file.

use super::{Auth, Env};
use crate::desired::Diagnostic;
use crate::desired::problem::Complaint;
use secrecy::{ExposeSecret, SecretString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Many times the longest token of the service.
const LONGEST_TOKEN: u64 = 64 << 10;

/// Why there is no usable token.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// The file cannot be read.
    #[error("cannot read the token file {path:?}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any token.
    #[error("the token file is larger than 64 KiB: is it the right file?")]
    TooLarge,
    /// There is nothing in it.
    #[error("the token is empty")]
    Empty,
    /// A character that no token has.
    #[error("the token holds a space, a line break or another character that no token has")]
    BadChar,
}

/// Reads a token from a file, without the line break after it.
pub fn read_token(path: &Path) -> Result<SecretString, BadToken> {
    let unreadable = |source| BadToken::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_TOKEN + 1).read_to_string(&mut text))
        .map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => BadToken::BadChar,
            _ => unreadable(source),
        })?;
    if text.len() as u64 > LONGEST_TOKEN {
        return Err(BadToken::TooLarge);
    }
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let token = token.strip_suffix('\r').unwrap_or(token);
    check(token)?;
    Ok(token.into())
}

fn check(token: &str) -> Result<(), BadToken> {
    if token.is_empty() {
        return Err(BadToken::Empty);
    }
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(BadToken::BadChar)
    }
}

/// Decides where the token comes from, and whether it is one: the environment wins over the file.
pub(super) fn find(file: Option<PathBuf>, env: &Env, diagnostics: &mut Vec<Diagnostic>) -> Option<Auth> {
    let (auth, checked, whence) = match (&env.token, file) {
        (Some(token), _) => {
            let checked = check(token.expose_secret());
            (Auth::Token(token.clone()), checked, "ROOMSYNC_TOKEN".to_owned())
        }
        (None, Some(path)) => {
            let checked = read_token(&path).map(|_| ());
            let whence = format!(
                "`service.auth.token_file` ({})",
                path.display().to_string().escape_debug()
            );
            (Auth::TokenFile(path), checked, whence)
        }
        (None, None) => {
            let complaint = Complaint::new("no-token", "there is no token for the service")
                .help("name a file with one, `service: {auth: {token_file: PATH}}`, or set ROOMSYNC_TOKEN");
            diagnostics.push(Diagnostic::without_file(complaint));
            return None;
        }
    };
    match checked {
        Ok(()) => Some(auth),
        Err(error) => {
            let why = match &error {
                BadToken::Unreadable { path: _, source } => format!("cannot read the file: {source}"),
                BadToken::TooLarge | BadToken::Empty | BadToken::BadChar => error.to_string(),
            };
            let complaint = Complaint::new("bad-token", format!("{whence}: {why}"))
                .help("put one token there, alone on a line");
            diagnostics.push(Diagnostic::without_file(complaint));
            None
        }
    }
}
