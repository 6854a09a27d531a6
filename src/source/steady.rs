//! A look that nothing moves in: for whoever looks once, and does not follow.

use super::{Complaint, Listing, too_slow};
use crate::disk::{self, Patience, Slow};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Past this, a link that is swapped again has another time: no kernel's clock for files ticks slower.
const TICK: Duration = Duration::from_millis(10);

/// Reason why there was no look at all.
#[derive(Debug)]
pub(crate) struct NoLook {
    pub(crate) path: PathBuf,
    pub(crate) complaint: Complaint,
}

impl From<Slow> for NoLook {
    fn from(slow: Slow) -> Self {
        Self {
            complaint: too_slow(&slow),
            path: slow.path,
        }
    }
}

/// Looks at the files, and takes what `take` makes of them, once nothing has moved meanwhile: a folder that is swapped in the middle of
/// a look is looked at again.
pub(crate) fn steady<T>(
    patience: Patience,
    paths: &[PathBuf],
    settings_file: Option<&Path>,
    take: impl Fn(&Listing) -> Result<T, Slow>,
) -> Result<(T, Listing), NoLook> {
    let begun = Instant::now();
    let mut before = list(patience, paths, settings_file)?;
    loop {
        // Another swap could go unseen.
        let settled = before.stamp.age_of_links().is_none_or(|age| age >= TICK);
        let taken = settled.then(|| take(&before)).transpose()?;
        if taken.is_none() {
            thread::sleep(TICK);
        }
        // Of large sets there is no need to hold two.
        let stamp = std::mem::take(&mut before.stamp);
        drop(before);
        let after = list(patience, paths, settings_file)?;
        match taken {
            Some(taken) if after.stamp == stamp => return Ok((taken, after)),
            _ if begun.elapsed() > patience.limit => {
                return Err(NoLook {
                    path: paths.first().cloned().unwrap_or_default(),
                    complaint: restless(patience.limit),
                });
            }
            _ => before = after,
        }
    }
}

fn list(patience: Patience, paths: &[PathBuf], settings_file: Option<&Path>) -> Result<Listing, Slow> {
    let Some(first) = paths.first() else {
        return Ok(Listing::default());
    };
    let (paths, settings_file) = (paths.to_vec(), settings_file.map(Path::to_owned));
    disk::whole(patience, first, move |step| {
        Listing::of(&paths, settings_file.as_deref(), step)
    })
}

fn restless(limit: Duration) -> Complaint {
    let message = format!(
        "the room files kept changing for {} s, and could not be read as they were at one time",
        limit.as_secs_f64()
    );
    Complaint::new("restless", message).help("run this again once they are written, and see what writes them")
}
