//! Where the bearer token comes from.

use secrecy::{ExposeSecret as _, SecretString};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

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
    // Anything else could keep us waiting for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
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
    check_token(token)?;
    Ok(token.into())
}

/// Whether a text can be sent as a bearer token.
pub fn check_token(token: &str) -> Result<(), BadToken> {
    if token.is_empty() {
        return Err(BadToken::Empty);
    }
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(BadToken::BadChar)
    }
}

/// The token of every call.
#[derive(Debug)]
pub struct TokenSource {
    file: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    token: SecretString,
    /// The file's state when the token was read.
    stamp: Option<Stamp>,
}

/// What tells one state of a file from another.
type Stamp = (Option<SystemTime>, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path)
        .ok()
        .map(|meta| (meta.modified().ok(), meta.len()))
}

impl TokenSource {
    /// A token that stays as it is.
    #[must_use]
    pub fn fixed(token: SecretString) -> Self {
        Self {
            file: None,
            held: Mutex::new(Held { token, stamp: None }),
        }
    }

    /// A token in a file, which is read now, again when it changes, and when the service refuses the token.
    pub fn file(path: PathBuf) -> Result<Self, BadToken> {
        let stamp = stamp(&path);
        let token = read_token(&path)?;
        Ok(Self {
            file: Some(path),
            held: Mutex::new(Held { token, stamp }),
        })
    }

    /// The token for the next call.
    pub(super) fn current(&self) -> SecretString {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.file {
            let now = stamp(path);
            if now.is_some() && now != held.stamp {
                self.read_into(path, now, &mut held);
            }
        }
        held.token.clone()
    }

    /// Another token than the one that was refused, if there is one by now.
    pub(super) fn other_than(&self, refused: &SecretString) -> Option<SecretString> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.file
            && held.token.expose_secret() == refused.expose_secret()
        {
            self.read_into(path, stamp(path), &mut held);
        }
        (held.token.expose_secret() != refused.expose_secret()).then(|| held.token.clone())
    }

    /// While a file is being replaced it can be missing or half written: then the last token stays.
    fn read_into(&self, path: &Path, stamp: Option<Stamp>, held: &mut Held) {
        match read_token(path) {
            Ok(token) => *held = Held { token, stamp },
            Err(error) => {
                // Once for each state of the file, not once a call.
                held.stamp = stamp;
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "keeping the token that was read before");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_read_again_and_a_broken_one_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(matches!(
            TokenSource::file(path.clone()),
            Err(BadToken::Unreadable { .. })
        ));
        for (content, empty) in [
            ("", true),
            ("\n", true),
            ("two words", false),
            ("two\nlines", false),
        ] {
            fs::write(&path, content).unwrap();
            let error = read_token(&path).unwrap_err();
            assert_eq!(matches!(error, BadToken::Empty), empty, "{error}");
        }

        fs::write(&path, "first\n").unwrap();
        let source = TokenSource::file(path.clone()).unwrap();
        assert_eq!(source.current().expose_secret(), "first");
        assert!(source.other_than(&"first".into()).is_none());
        fs::write(&path, "second").unwrap();
        assert_eq!(source.current().expose_secret(), "second");
        assert_eq!(
            source.other_than(&"first".into()).unwrap().expose_secret(),
            "second"
        );
        fs::write(&path, "").unwrap();
        assert_eq!(source.current().expose_secret(), "second");
        fs::remove_file(&path).unwrap();
        assert_eq!(source.current().expose_secret(), "second");
        assert!(!format!("{source:?}").contains("second"));
    }
}
