//! A secret: fixed, or in a file that is followed.

use crate::disk::{self, DiskError};
use crate::model::log_code;
use crate::secrets;
use secrecy::{ExposeSecret as _, SecretString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, io};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Many times the longest token of the service.
const LONGEST_SECRET: u64 = 64 << 10;
/// Time for which a call waits for the disk while it has a secret already.
const LOOK: Duration = Duration::from_secs(1);
/// The same after the service refused what was made of that secret.
const LONG_LOOK: Duration = Duration::from_secs(10);

/// Reason for which a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// The file cannot be read.
    #[error("cannot read the file {path:?}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The file is larger than any secret.
    #[error("the file is larger than 64 KiB: is it the right one?")]
    TooLarge,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A character that no token, certificate or client secret has.
    #[error("it holds a space, a line break or another character that no secret of the service has")]
    BadChar,
}

/// Reads a secret from a file, without a byte order mark and the white space at both ends.
pub fn read_secret(path: &Path) -> Result<SecretString, BadSecret> {
    secret_of(path, disk::read(path, LONGEST_SECRET))
}

fn secret_of(path: &Path, read: Result<Vec<u8>, DiskError>) -> Result<SecretString, BadSecret> {
    let unreadable = |source| BadSecret::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = read.map_err(|error| match error {
        DiskError::TooLarge(_) => BadSecret::TooLarge,
        error => unreadable(error.into()),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| BadSecret::BadChar)?;
    clean_secret(&text)
}

/// The secret that a text holds: the text without a byte order mark and the white space at both ends. It can stand in a header.
pub fn clean_secret(text: &str) -> Result<SecretString, BadSecret> {
    let secret = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    secrets::register(secret);
    if secret.is_empty() {
        return Err(BadSecret::Empty);
    }
    if secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(secret.into())
    } else {
        Err(BadSecret::BadChar)
    }
}

/// A secret, as the file it stands in has it now.
#[derive(Debug)]
pub struct Secret {
    file: Option<PathBuf>,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    secret: SecretString,
    /// The file's state when the secret was read.
    stamp: Option<Stamp>,
    /// Looks at the file that nobody waits for any more, because its disk does not answer.
    hanging: usize,
}

/// State of a file, as time of change, length, device and inode: one that takes the place of another within a tick of the file
/// system's clock has another inode.
type Stamp = (Option<SystemTime>, u64, u64, u64);

/// Links are followed, so that the swap of a folder that a link leads to is seen.
fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path)
        .ok()
        .map(|meta| (meta.modified().ok(), meta.len(), meta.dev(), meta.ino()))
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Secret {
    /// A secret that stays as it is.
    #[must_use]
    pub fn fixed(secret: SecretString) -> Self {
        secrets::register(secret.expose_secret());
        Self::new(None, secret, None)
    }

    /// A secret in a file, which is read now, again when it changes, and when the service refuses what it gave.
    pub fn file(path: PathBuf) -> Result<Self, BadSecret> {
        // Should it change in between, it is read once more.
        let unreadable = |source| BadSecret::Unreadable {
            path: path.clone(),
            source,
        };
        let stamp = disk::bounded(&path, |path| Ok(stamp(path))).map_err(unreadable)?;
        let secret = read_secret(&path)?;
        Ok(Self::new(Some(path), secret, stamp))
    }

    fn new(file: Option<PathBuf>, secret: SecretString, stamp: Option<Stamp>) -> Self {
        let held = Held {
            secret,
            stamp,
            hanging: 0,
        };
        Self {
            file,
            held: Arc::new(Mutex::new(held)),
        }
    }

    /// The secret as it was read last.
    pub(crate) fn held(&self) -> SecretString {
        lock(&self.held).secret.clone()
    }

    /// The secret as it is now.
    pub(crate) async fn current(&self) -> SecretString {
        self.look(LOOK, |path, held| {
            let now = stamp(path);
            if now.is_some() && now != lock(held).stamp {
                read_into(path, now, held);
            }
        })
        .await;
        self.held()
    }

    /// The secret as it is now, read whatever the file's state.
    pub(super) async fn reread(&self) -> SecretString {
        self.look(LONG_LOOK, |path, held| read_into(path, stamp(path), held))
            .await;
        self.held()
    }

    /// Another secret than the one that was refused, if there is one by now.
    pub(super) async fn other_than(&self, refused: &SecretString) -> Option<SecretString> {
        let is_refused = |secret: &SecretString| secret.expose_secret() == refused.expose_secret();
        let mut secret = self.held();
        if is_refused(&secret) {
            secret = self.reread().await;
        }
        (!is_refused(&secret)).then_some(secret)
    }

    /// Looks at the file, if the secret is from one, on a thread of its own. If its disk does not answer, the secret stays as it is
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
            tracing::warn!(code = log_code::SECRET_SLOW, %path, "the disk of a secret file does not answer; keeping the secret that was read before");
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

/// While a file is being replaced it can be missing or half written: then the last secret stays.
fn read_into(path: &Path, stamp: Option<Stamp>, held: &Mutex<Held>) {
    let read = secret_of(path, disk::read_unbounded(path, LONGEST_SECRET));
    let mut held = lock(held);
    // Once for each state of the file, not once a call.
    held.stamp = stamp;
    match read {
        Ok(secret) => held.secret = secret,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                code = log_code::SECRET_BAD,
                error,
                "keeping the secret that was read before"
            );
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
            Secret::file(path.clone()),
            Err(BadSecret::Unreadable { .. })
        ));
        for (content, empty) in [
            ("", true),
            ("\n", true),
            ("\u{feff} \r\n", true),
            ("two words", false),
            ("two\nlines", false),
        ] {
            fs::write(&path, content).unwrap();
            let error = read_secret(&path).unwrap_err();
            assert_eq!(matches!(error, BadSecret::Empty), empty, "{error}");
        }

        fs::write(&path, "\u{feff}\t first\r\n\n").unwrap();
        let source = Secret::file(path.clone()).unwrap();
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
        let source = Secret::file(path.clone()).unwrap();
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

    /// As the kubelet mounts a Secret: the file is a link, by way of `..data`, which is replaced by one of another folder.
    #[tokio::test]
    async fn a_swap_of_the_folder_behind_a_link_is_followed() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mount = |folder: &str, secret: &str| {
            fs::create_dir(at(folder)).unwrap();
            fs::write(at(folder).join("secret"), secret).unwrap();
            symlink(folder, at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
        };
        mount("..1", "first");
        symlink("..data/secret", at("secret")).unwrap();
        let source = Secret::file(at("secret")).unwrap();
        assert_eq!(source.current().await.expose_secret(), "first");
        mount("..2", "other");
        assert_eq!(source.current().await.expose_secret(), "other");
        fs::remove_dir_all(at("..1")).unwrap();
        assert_eq!(source.current().await.expose_secret(), "other");
    }
}
