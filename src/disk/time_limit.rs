//! Work on a disk by a thread that may be left behind: nobody can interrupt a thread that waits for a disk.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// In so many parts the bound is waited for: a process that was stopped for a while must not blame the disk.
const PARTS: u32 = 10;

/// Time limit of one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    pub(crate) limit: Duration,
    /// Is called with the path of each operation when that begins, so that tests can have one hang.
    pub(crate) before: fn(&Path),
}

impl Default for TimeLimit {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(10),
            before: |_| (),
        }
    }
}

/// An operation that takes too long, or could not be begun. The thread that waits for it is left behind.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct DiskTimeout {
    pub(crate) path: PathBuf,
    message: String,
    work: Weak<Mutex<Operation>>,
}

impl DiskTimeout {
    /// True while the thread that was left behind still waits.
    pub(crate) fn is_under_way(&self) -> bool {
        self.work.strong_count() > 0
    }
}

/// Operation of the thread.
#[derive(Debug, Default)]
struct Operation {
    path: OsString,
    /// Counts the operations.
    number: u64,
    /// True while it waits for a disk, and not for the receiver of what it has read.
    under_way: bool,
}

fn lock(operation: &Mutex<Operation>) -> MutexGuard<'_, Operation> {
    operation.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records which operation is under way.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    operation: Arc<Mutex<Operation>>,
    before: fn(&Path),
}

/// No time limit.
impl Default for Progress {
    fn default() -> Self {
        Self {
            operation: Arc::default(),
            before: |_| (),
        }
    }
}

impl Progress {
    /// An operation on this path begins, and so the one before has ended.
    pub(crate) fn begin(&self, path: &Path) {
        let mut operation = lock(&self.operation);
        operation.path.clear();
        operation.path.push(path);
        operation.number += 1;
        operation.under_way = true;
        drop(operation);
        (self.before)(path);
    }
}

/// The thread's side of [`Pieces`].
#[derive(Debug)]
pub(crate) struct PieceSender<T> {
    pub(crate) progress: Progress,
    pieces: SyncSender<T>,
}

impl<T> PieceSender<T> {
    /// Hands a piece over. `None`: nobody takes it any more.
    pub(crate) fn give(&self, piece: T) -> Option<()> {
        lock(&self.progress.operation).under_way = false;
        self.pieces.send(piece).ok()
    }
}

/// Results that a thread hands over one by one. They end after the first error.
#[derive(Debug)]
pub(crate) struct Pieces<T> {
    pieces: Receiver<T>,
    operation: Arc<Mutex<Operation>>,
    part: Duration,
    limit: Duration,
    thread: Option<JoinHandle<()>>,
}

/// Has a thread of its own do work that touches disks, each operation within the bound. `path` names it where no thread can be started.
pub(crate) fn stream<T: Send + 'static>(
    time_limit: TimeLimit,
    path: &Path,
    work: impl FnOnce(&PieceSender<T>) + Send + 'static,
) -> Result<Pieces<T>, DiskTimeout> {
    let TimeLimit { limit, before } = time_limit;
    let (give, pieces) = sync_channel(1);
    let operation = Arc::new(Mutex::new(Operation::default()));
    let sender = PieceSender {
        progress: Progress {
            operation: Arc::clone(&operation),
            before,
        },
        pieces: give,
    };
    let thread = thread::Builder::new().name("disk".to_owned());
    let thread = thread.spawn(move || work(&sender)).map_err(|error| DiskTimeout {
        path: path.to_owned(),
        message: format!("cannot start a thread to read {}: {error}", path.display()),
        work: Weak::new(),
    })?;
    Ok(Pieces {
        pieces,
        operation,
        part: limit / PARTS,
        limit,
        thread: Some(thread),
    })
}

/// Runs the work on a thread, each of its operations within the limit, and gives its result.
pub(crate) fn with_limit<T: Send + 'static>(
    time_limit: TimeLimit,
    path: &Path,
    work: impl FnOnce(&Progress) -> T + Send + 'static,
) -> Result<T, DiskTimeout> {
    let mut pieces = stream(time_limit, path, |sender: &PieceSender<T>| {
        let done = work(&sender.progress);
        let _ = sender.give(done);
    })?;
    // It gives one piece, or panics, which goes on here.
    let nothing = || DiskTimeout {
        path: path.to_owned(),
        message: format!("the reading of {} broke off", path.display()),
        work: Weak::new(),
    };
    pieces.next().unwrap_or_else(|| Err(nothing()))
}

impl<T> Iterator for Pieces<T> {
    type Item = Result<T, DiskTimeout>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut seen = None;
        let mut parts = 0;
        loop {
            match self.pieces.recv_timeout(self.part) {
                Ok(piece) => return Some(Ok(piece)),
                Err(RecvTimeoutError::Timeout) => {
                    let operation = lock(&self.operation);
                    let now = operation.under_way.then_some(operation.number);
                    parts = if now.is_some() && now == seen {
                        parts + 1
                    } else {
                        0
                    };
                    seen = now;
                    if parts >= PARTS {
                        let path = PathBuf::from(&operation.path);
                        return Some(Err(self.slow(path)));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                        std::panic::resume_unwind(panic);
                    }
                    return None;
                }
            }
        }
    }
}

impl<T> Pieces<T> {
    fn slow(&self, path: PathBuf) -> DiskTimeout {
        DiskTimeout {
            message: format!(
                "reading {} takes longer than {} s; is its disk reachable?",
                path.display(),
                self.limit.as_secs_f64()
            ),
            path,
            work: Arc::downgrade(&self.operation),
        }
    }
}

/// Hangs as long as there is a file of that name with `.hangs` after it, as on a network disk that is away.
#[cfg(test)]
pub(crate) fn hang(path: &Path) {
    let mark = path.with_added_extension("hangs");
    while mark.exists() {
        thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn time_limit(milliseconds: u64) -> TimeLimit {
        TimeLimit {
            limit: Duration::from_millis(milliseconds),
            before: hang,
        }
    }

    #[test]
    fn what_hangs_is_named_and_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
        let mark = dir.path().join("bad.hangs");
        std::fs::write(&mark, "").unwrap();
        let begun = Instant::now();
        let slow = with_limit(time_limit(200), &good.clone(), move |progress| {
            progress.begin(&good);
            progress.begin(&bad);
        })
        .unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(slow.path, dir.path().join("bad"));
        let expected = format!(
            "reading {} takes longer than 0.2 s; is its disk reachable?",
            slow.path.display()
        );
        assert_eq!(slow.to_string(), expected);
        assert!(slow.is_under_way());
        std::fs::remove_file(mark).unwrap();
        while slow.is_under_way() {
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The bound is that of one operation; neither all of them together nor whoever takes the pieces counts.
    #[test]
    fn many_operations_and_slow_takers_may_take_longer() {
        let pieces = stream(time_limit(1_000), Path::new("x"), |sender| {
            for number in 0..30 {
                sender.progress.begin(Path::new("x"));
                thread::sleep(Duration::from_millis(50));
                if number % 10 == 9 {
                    sender.give(number).unwrap();
                }
            }
        });
        let mut got = Vec::new();
        for piece in pieces.unwrap() {
            got.push(piece.unwrap());
            thread::sleep(Duration::from_millis(1_200));
        }
        assert_eq!(got, [9, 19, 29]);
    }

    #[test]
    #[should_panic = "in the work"]
    fn a_panic_of_the_thread_goes_on_here() {
        let _ = with_limit(TimeLimit::default(), Path::new("x"), |_| panic!("in the work"));
    }
}
