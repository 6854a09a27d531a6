//! A look that nothing moves in: for whoever looks once, and does not follow.

use super::{Listing, RawDiagnostic, disk_timeout};
use crate::disk::{self, DiskTimeout, TimeLimit};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Past this, a link that is swapped again has another time: no kernel's clock for files ticks slower.
const TICK: Duration = Duration::from_millis(10);

/// Reason why there was no look at all.
#[derive(Debug)]
pub(crate) struct SnapshotError {
    pub(crate) path: PathBuf,
    pub(crate) raw: RawDiagnostic,
}

impl From<DiskTimeout> for SnapshotError {
    fn from(slow: DiskTimeout) -> Self {
        Self {
            raw: disk_timeout(&slow),
            path: slow.path,
        }
    }
}

/// Looks at the files, and takes what `take` makes of them, once nothing has moved meanwhile: a folder that is swapped in the middle of
/// a look is looked at again.
pub(crate) fn snapshot<T>(
    time_limit: TimeLimit,
    paths: &[PathBuf],
    settings_file: Option<&Path>,
    take: impl Fn(&Listing) -> Result<T, DiskTimeout>,
) -> Result<(T, Listing), SnapshotError> {
    let begun = Instant::now();
    let mut before = list(time_limit, paths, settings_file)?;
    loop {
        // Another swap could go unseen.
        let settled = before.fingerprint.age_of_links().is_none_or(|age| age >= TICK);
        let taken = settled.then(|| take(&before)).transpose()?;
        if taken.is_none() {
            thread::sleep(TICK);
        }
        // Of large sets there is no need to hold two.
        let fingerprint = std::mem::take(&mut before.fingerprint);
        drop(before);
        let after = list(time_limit, paths, settings_file)?;
        match taken {
            Some(taken) if after.fingerprint == fingerprint => return Ok((taken, after)),
            _ if begun.elapsed() > time_limit.limit => {
                return Err(SnapshotError {
                    path: paths.first().cloned().unwrap_or_default(),
                    raw: restless(time_limit.limit),
                });
            }
            _ => before = after,
        }
    }
}

fn list(
    time_limit: TimeLimit,
    paths: &[PathBuf],
    settings_file: Option<&Path>,
) -> Result<Listing, DiskTimeout> {
    let Some(first) = paths.first() else {
        return Ok(Listing::default());
    };
    let (paths, settings_file) = (paths.to_vec(), settings_file.map(Path::to_owned));
    disk::with_limit(time_limit, first, move |progress| {
        Listing::of(&paths, settings_file.as_deref(), progress)
    })
}

fn restless(limit: Duration) -> RawDiagnostic {
    let message = format!(
        "the room files kept changing for {} s, and could not be read as they were at one time",
        limit.as_secs_f64()
    );
    RawDiagnostic::new("restless", message)
        .help("run this again once they are written, and see what writes them")
}
