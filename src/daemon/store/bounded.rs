//! Work on files that may never come, as on a network disk that is gone.

use super::StoreError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The file that work is at, and since when.
#[derive(Debug, Clone)]
pub(super) struct At(Arc<Mutex<(PathBuf, Instant)>>);

impl Default for At {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((PathBuf::new(), Instant::now()))))
    }
}

impl At {
    /// The work comes to this file.
    pub(super) fn is(&self, path: &Path) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (path.to_owned(), Instant::now());
    }

    fn now(&self) -> (PathBuf, Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Does work that says what file it is at, and gives up on it once it is at one for too long. A call that the system does not
/// interrupt is left behind with its thread.
pub(super) fn bounded<T: Send + 'static>(
    patience: Duration,
    at: &At,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let (done, results) = mpsc::sync_channel(1);
    let failed = |source: io::Error| {
        let (path, _) = at.now();
        StoreError::Io { path, source }
    };
    thread::Builder::new()
        .name("state_dir".to_owned())
        .spawn(move || {
            // Nobody waits for it any more once it took too long.
            let _ = done.send(work());
        })
        .map_err(failed)?;
    loop {
        let (path, since) = at.now();
        let left = patience.saturating_sub(since.elapsed());
        match results.recv_timeout(left) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if at.now() == (path.clone(), since) => {
                return Err(StoreError::Hangs { path });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(failed(io::Error::other("reading it broke off")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_come_is_named_and_slow_work_is_not_cut_off() {
        let patience = Duration::from_millis(200);
        let at = At::default();
        let inside = at.clone();
        let slow = bounded(patience, &at, move || {
            for n in 0..6 {
                inside.is(Path::new(&n.to_string()));
                thread::sleep(patience / 4);
            }
            Ok(7)
        });
        assert_eq!(slow.unwrap(), 7, "longer in all, but each file in time");
        let (keep, never) = mpsc::channel::<()>();
        let inside = at.clone();
        let hangs = bounded(patience, &at, move || {
            inside.is(Path::new("state/rosters.json"));
            let _ = never.recv();
            Ok(())
        });
        let error = hangs.unwrap_err().to_string();
        assert!(
            error.starts_with("\"state/rosters.json\" in `state_dir` could not be read"),
            "{error}"
        );
        drop(keep);
    }
}
