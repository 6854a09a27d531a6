//! Source of the bearer token.

use crate::disk::{self, DiskError};
use crate::secrets;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Many times the longest token of the service.
const LONGEST_TOKEN: u64 = 64 << 10;
/// Time for which a call waits for the disk while it has a token already.
const LOOK: Duration = Duration::from_secs(1);
/// The same after the service refused that token.
const LONG_LOOK: Duration = Duration::from_secs(10);

/// Reason for which there is no usable token.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// The file cannot be read.
    #[error("cannot read the token file {path:?}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
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
    token_of(path, disk::read(path, LONGEST_TOKEN))
}

fn token_of(path: &Path, read: Result<Vec<u8>, DiskError>) -> Result<SecretString, BadToken> {
    let unreadable = |source| BadToken::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = read.map_err(|error| match error {
        DiskError::TooLarge(_) => BadToken::TooLarge,
        error => unreadable(error.into()),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| BadToken::BadChar)?;
    secrets::register(&text);
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let token = token.strip_suffix('\r').unwrap_or(token);
    check_token(token)?;
    Ok(token.into())
}

/// Checks that a text can be sent as a bearer token.
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
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    token: SecretString,
    /// The file's state when the token was read.
    stamp: Option<Stamp>,
    /// Looks at the file that nobody waits for any more, because its disk does not answer.
    hanging: usize,
}

/// State of a file, as time of change and length.
type Stamp = (Option<SystemTime>, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path)
        .ok()
        .map(|meta| (meta.modified().ok(), meta.len()))
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenSource {
    /// A token that stays as it is.
    #[must_use]
    pub fn fixed(token: SecretString) -> Self {
        secrets::register(token.expose_secret());
        Self::new(None, token, None)
    }

    /// A token in a file, which is read now, again when it changes, and when the service refuses the token.
    pub fn file(path: PathBuf) -> Result<Self, BadToken> {
        // Should it change in between, it is read once more.
        let unreadable = |source| BadToken::Unreadable {
            path: path.clone(),
            source,
        };
        let stamp = disk::bounded(&path, |path| Ok(stamp(path))).map_err(unreadable)?;
        let token = read_token(&path)?;
        Ok(Self::new(Some(path), token, stamp))
    }

    fn new(file: Option<PathBuf>, token: SecretString, stamp: Option<Stamp>) -> Self {
        let held = Held {
            token,
            stamp,
            hanging: 0,
        };
        Self {
            file,
            held: Arc::new(Mutex::new(held)),
        }
    }

    /// The token for the next call.
    pub(super) async fn current(&self) -> SecretString {
        self.look(LOOK, |path, held| {
            let now = stamp(path);
            if now.is_some() && now != lock(held).stamp {
                read_into(path, now, held);
            }
        })
        .await;
        lock(&self.held).token.clone()
    }

    /// Another token than the one that was refused, if there is one by now.
    pub(super) async fn other_than(&self, refused: &SecretString) -> Option<SecretString> {
        if lock(&self.held).token.expose_secret() == refused.expose_secret() {
            self.look(LONG_LOOK, |path, held| read_into(path, stamp(path), held))
                .await;
        }
        let held = lock(&self.held);
        (held.token.expose_secret() != refused.expose_secret()).then(|| held.token.clone())
    }

    /// Looks at the file, if the token is from one, on a thread of its own. Where its disk does not answer the token stays as it is
    /// and nobody waits again, until it answers.
    async fn look(&self, most: Duration, look: fn(&Path, &Mutex<Held>)) {
        let Some(path) = self.file.clone() else { return };
        if lock(&self.held).hanging > 0 {
            return;
        }
        let held = Arc::clone(&self.held);
        let mut looking = spawn_blocking({
            let path = path.clone();
            move || look(&path, &held)
        });
        if timeout(most, &mut looking).await.is_ok() {
            return;
        }
        let mut held = lock(&self.held);
        held.hanging += 1;
        if held.hanging == 1 {
            let path = path.display();
            tracing::warn!(%path, "the disk of the token file does not answer; keeping the token that was read before");
        }
        drop(held);
        let held = Arc::clone(&self.held);
        tokio::spawn(async move {
            // Whatever comes of it stands in what is held.
            let _ = looking.await;
            lock(&held).hanging -= 1;
        });
    }
}

/// While a file is being replaced it can be missing or half written: then the last token stays.
fn read_into(path: &Path, stamp: Option<Stamp>, held: &Mutex<Held>) {
    let read = token_of(path, disk::read_unbounded(path, LONGEST_TOKEN));
    let mut held = lock(held);
    // Once for each state of the file, not once a call.
    held.stamp = stamp;
    match read {
        Ok(token) => held.token = token,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "keeping the token that was read before");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_file_is_read_again_and_a_broken_one_is_not_taken() {
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
        assert_eq!(source.current().await.expose_secret(), "first");
        assert!(source.other_than(&"first".into()).await.is_none());
        fs::write(&path, "second").unwrap();
        assert_eq!(source.current().await.expose_secret(), "second");
        assert_eq!(
            source.other_than(&"first".into()).await.unwrap().expose_secret(),
            "second"
        );
        fs::write(&path, "").unwrap();
        assert_eq!(source.current().await.expose_secret(), "second");
        fs::remove_file(&path).unwrap();
        assert_eq!(source.current().await.expose_secret(), "second");
        assert!(!format!("{source:?}").contains("second"));
    }

    fn hang(path: &Path, held: &Mutex<Held>) {
        disk::hang(path);
        read_into(path, stamp(path), held);
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_keeps_one_call_waiting_and_only_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mark) = (dir.path().join("token"), dir.path().join("token.hangs"));
        fs::write(&path, "first\n").unwrap();
        let source = TokenSource::file(path.clone()).unwrap();
        fs::write(&path, "second\n").unwrap();
        fs::write(&mark, "").unwrap();
        let begun = std::time::Instant::now();
        source.look(Duration::from_millis(100), hang).await;
        assert!(begun.elapsed() >= Duration::from_millis(100));
        // Nobody asks the disk again, and so nobody waits.
        assert_eq!(source.current().await.expose_secret(), "first");
        assert!(source.other_than(&"first".into()).await.is_none());
        assert_eq!(lock(&source.held).hanging, 1);
        fs::remove_file(&mark).unwrap();
        while lock(&source.held).hanging > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(source.current().await.expose_secret(), "second");
        fs::write(&path, "third\n# ").unwrap();
        fs::write(&path, "third\n").unwrap();
        assert_eq!(
            source.other_than(&"second".into()).await.unwrap().expose_secret(),
            "third"
        );
    }
}
