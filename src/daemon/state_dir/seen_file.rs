//! Keeps the file of people who were seen and are gone. It is only a hint: whatever is wrong with it is logged, and stops nothing.

use super::Folder;
use super::append_log::AppendLog;
use crate::disk::DiskJob;
use crate::model::log_code;
use crate::seen::{self, SEEN, Seen, Sighting, first_day};
use jiff::civil::Date;
use std::io;
use std::sync::Arc;

/// Most people who wait for the disk. What comes on top is not recorded.
const MOST_WAITING: usize = 1_000_000;

/// The file.
#[derive(Debug)]
pub(super) struct SeenFile {
    folder: Arc<Folder>,
    /// `None`: a file is in the way, and nothing is recorded.
    log: Option<AppendLog>,
    /// The day in it that lies back farthest.
    oldest: Option<Date>,
    is_failing: bool,
}

/// Sightings to be recorded.
#[derive(Debug, Default)]
pub(in crate::daemon) struct ToRecord {
    sightings: Vec<Sighting>,
    people: usize,
    /// The day by a clock that is right: whoever was seen too long before it is forgotten.
    today: Option<Date>,
}

impl ToRecord {
    pub(in crate::daemon) fn is_empty(&self) -> bool {
        self.sightings.is_empty() && self.today.is_none()
    }

    pub(in crate::daemon) fn add(&mut self, sighting: Sighting) {
        let more = sighting.users.len();
        if more > 0 && self.people + more <= MOST_WAITING {
            self.people += more;
            self.sightings.push(sighting);
        }
    }

    /// Has those forgotten who were seen too long before this day.
    pub(in crate::daemon) fn tidy(&mut self, today: Date) {
        self.today = Some(today);
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.today = more.today.or(self.today);
        for sighting in more.sightings {
            self.add(sighting);
        }
    }
}

impl SeenFile {
    /// Reads the file. One that cannot be used is put out of the way, and a new one is begun.
    pub(super) fn open(folder: &Arc<Folder>) -> (Self, Seen) {
        let read = match folder.read(SEEN) {
            Ok(bytes) => seen::read(&bytes.unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        };
        let path = folder.path(SEEN);
        let (kept, is_usable) = match read {
            Ok(kept) => (kept, true),
            Err(why) => match folder.put_aside(SEEN) {
                Ok(Some(aside)) => {
                    tracing::warn!(
                        code = log_code::SEEN_UNREAD,
                        ?path,
                        why,
                        ?aside,
                        "the record of who was seen here cannot be read: it is put aside, and begins anew"
                    );
                    (seen::Kept::default(), true)
                }
                Ok(None) => {
                    tracing::warn!(
                        code = log_code::SEEN_UNREAD,
                        ?path,
                        why,
                        "the record of who was seen here cannot be read"
                    );
                    (seen::Kept::default(), false)
                }
                Err(error) => {
                    tracing::warn!(code = log_code::SEEN_UNREAD, ?path, why, %error,
                        "the record of who was seen here cannot be read nor put aside: nothing is recorded; remove it and start again"
                    );
                    (seen::Kept::default(), false)
                }
            },
        };
        let file = Self {
            folder: Arc::clone(folder),
            log: is_usable.then(|| AppendLog::new(SEEN, kept.whole, kept.whole)),
            oldest: kept.oldest,
            is_failing: false,
        };
        (file, kept.seen)
    }

    fn record(&mut self, request: &ToRecord) -> io::Result<()> {
        let Self {
            folder, log, oldest, ..
        } = self;
        let Some(log) = log else { return Ok(()) };
        if !request.sightings.is_empty() {
            log.append(folder, &seen::appended(&request.sightings, log.whole()))?;
        }
        let days = request.sightings.iter().map(|sighting| sighting.last.day);
        *oldest = days.chain(*oldest).min();
        let is_old = oldest
            .zip(request.today)
            .is_some_and(|(oldest, today)| oldest < first_day(today));
        if is_old || log.has_doubled() {
            let bytes = folder.read(SEEN).map_err(io::Error::other)?.unwrap_or_default();
            let mut kept = seen::read(&bytes).map_err(io::Error::other)?.seen;
            if let Some(today) = request.today {
                kept.tidy(today);
            }
            log.write_anew(folder, &seen::whole(&kept))?;
            *oldest = kept.oldest();
        }
        Ok(())
    }
}

impl DiskJob for SeenFile {
    type Request = ToRecord;
    type Outcome = ();

    fn run(&mut self, request: ToRecord) {
        match self.record(&request) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    let path = self.folder.path(SEEN);
                    tracing::warn!(code = log_code::SEEN_NOT_WRITTEN, ?path, %error, "cannot record who was seen here, and goes on without");
                }
                self.is_failing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
