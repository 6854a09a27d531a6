//! File with a client's token: a cache, which is written anew if it cannot be used.

use super::super::classify::PathPrefix;
use super::kept::Kept;
use crate::disk;
use crate::model::hex;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use url::Url;

/// Many times what is kept.
const LARGEST: u64 = 256 << 10;
/// Digits of the digest in the file's name: two clients never share a file.
const NAME_DIGITS: usize = 16;
/// Time between two looks at whether another process is done.
const POLL: Duration = Duration::from_millis(200);

/// File of one client at one service and app.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    path: PathBuf,
    /// Held by the process that asks for a token.
    lock: PathBuf,
    /// Digest of service, app and client.
    scope: String,
    /// True once somebody was told that the file cannot be written.
    told: AtomicBool,
}

impl Cache {
    pub(super) fn new(folder: &Path, base: &Url, prefix: &PathPrefix, client_id: &str) -> Self {
        let [first, second] = &prefix.0;
        let origin = base.origin().ascii_serialization();
        let scope = digest(&[&origin, first, second, client_id]);
        let name = scope.get(..NAME_DIGITS).unwrap_or(&scope);
        Self {
            path: folder.join(format!("token-{name}.json")),
            lock: folder.join(format!("token-{name}.lock")),
            folder: folder.to_owned(),
            scope,
            told: AtomicBool::new(false),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Digest of a client secret, which tells another one and nothing else.
    pub(super) fn digest_of(&self, secret: &str) -> String {
        digest(&[&self.scope, secret])
    }

    /// Reads the file. `None`: it holds nothing that can be used.
    pub(super) async fn read(&self) -> Option<Kept> {
        let (path, scope) = (self.path.clone(), self.scope.clone());
        let read = move || match disk::read(&path, LARGEST) {
            Ok(bytes) => {
                let kept = unseal(&bytes, &scope);
                if kept.is_none() {
                    tracing::warn!(path = %path.display(), "this file is damaged and is not used: it is written anew");
                }
                kept
            }
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "no token is kept");
                None
            }
        };
        spawn_blocking(read).await.ok().flatten()
    }

    /// Keeps this. Where that cannot be done, the process goes on with what it knows itself.
    pub(super) async fn write(&self, kept: &Kept) {
        let Some(bytes) = seal(kept, &self.scope) else {
            return;
        };
        let (folder, path) = (self.folder.clone(), self.path.clone());
        let write = move || {
            disk::bounded(&path, move |path| {
                make_folder(&folder)?;
                keep_from_git(&folder)?;
                disk::replace(path, &bytes)
            })
        };
        let written = spawn_blocking(write)
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Err(error) = written
            && !self.told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                path = %self.path.display(), %error,
                "the token cannot be kept in `state_dir`: every start asks the service for a new one, which bans an app that asks \
                 too often"
            );
        }
    }

    /// Waits while another process asks for a token, but no longer than `most`.
    pub(super) async fn lock(&self, most: Duration) -> Option<File> {
        let end = Instant::now() + most;
        loop {
            let (folder, path) = (self.folder.clone(), self.lock.clone());
            let lock = move || disk::bounded(&path, move |path| try_lock(&folder, path));
            match spawn_blocking(lock).await {
                Ok(Ok(None)) if Instant::now() < end => sleep(POLL).await,
                Ok(Ok(lock)) => return lock,
                // Then nothing can be kept either, of which the user is told.
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }
}

/// The lock. `None`: another process has it.
fn try_lock(folder: &Path, path: &Path) -> io::Result<Option<File>> {
    make_folder(folder)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::metadata(folder) {
        Ok(_) => Ok(()),
        Err(_) => DirBuilder::new().recursive(true).mode(0o700).create(folder),
    }
}

/// The folder lies beside the room files by default: no `git add` is to take the token along.
fn keep_from_git(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    match options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(folder.join(".gitignore"))
    {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A line with the digest of the scope and of the rest, and the rest.
fn seal(kept: &Kept, scope: &str) -> Option<Vec<u8>> {
    let json = serde_json::to_string(kept).ok()?;
    Some(format!("{}\n{json}\n", digest(&[scope, &json])).into_bytes())
}

/// Reads the bytes of [`seal`]. `None`: they are damaged, or of another scope.
fn unseal(bytes: &[u8], scope: &str) -> Option<Kept> {
    let (said, json) = str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split_once('\n')?;
    if digest(&[scope, json]) != said {
        return None;
    }
    serde_json::from_str(json).ok()
}

/// SHA-256 in hex of texts, each behind its length.
fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::credentials::grant::Grant;
    use jiff::Timestamp;
    use std::os::unix::fs::PermissionsExt as _;

    fn cache(folder: &Path, app: &str, client: &str) -> Cache {
        let base = Url::parse("https://chat.example").unwrap();
        Cache::new(folder, &base, &PathPrefix::new("acme", app).unwrap(), client)
    }

    fn kept() -> Kept {
        let mut kept = Kept::default();
        let now = Timestamp::from_second(1_000).unwrap();
        kept.ask(now, "digest", None).unwrap();
        let grant = Grant {
            token: "YWMt-granted-token".into(),
            life: Some(Duration::from_secs(100)),
        };
        kept.answered(now, now, Ok(grant));
        kept
    }

    #[tokio::test]
    async fn a_token_is_kept_for_one_client_and_app_and_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/state");
        let ours = cache(&folder, "demo", "client");
        assert!(ours.read().await.is_none());
        let kept = kept();
        ours.write(&kept).await;
        let token = |kept: Option<Kept>| kept.and_then(|kept| kept.end());
        assert_eq!(token(ours.read().await), kept.end());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(ours.path())), (0o700, 0o600));
        assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
        for other in [cache(&folder, "live", "client"), cache(&folder, "demo", "other")] {
            assert_ne!(other.path(), ours.path());
            fs::copy(ours.path(), other.path()).unwrap();
            assert!(other.read().await.is_none(), "of another client or app");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_what_was_written_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path(), "demo", "client");
        let whole = seal(&kept(), &cache.scope).unwrap();
        for bit in 0..8 * whole.len() {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(&bad, &cache.scope).is_none(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(unseal(&whole[..length], &cache.scope).is_none(), "{length} bytes");
        }
        fs::write(cache.path(), "damaged").unwrap();
        assert!(cache.read().await.is_none());
        cache.write(&kept()).await;
        assert!(cache.read().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_process_at_a_time_asks_and_none_waits_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path(), "demo", "client");
        let first = cache.lock(Duration::from_secs(1)).await.unwrap();
        assert!(cache.lock(Duration::from_secs(1)).await.is_none());
        drop(first);
        assert!(cache.lock(Duration::from_secs(1)).await.is_some());
    }
}
