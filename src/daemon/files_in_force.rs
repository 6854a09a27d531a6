//! The room files in force, what is wrong with those on the disk, and whether they have settled.

use super::settling::Settling;
use crate::desired::{DesiredRoom, Provenance, Source};
use crate::diagnostics::{Diagnostic, Severity};
use crate::file_source::Stillness;
use crate::live::Observed;
use crate::model::{RoomId, counted, show_duration};
use crate::plan::{self, Constraints, Withdrawn};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Past this, somebody should know which file keeps the others from being followed.
const RESTLESS: Duration = Duration::from_secs(600);

/// A valid set of room files.
#[derive(Debug)]
pub(super) struct FileSet {
    pub(super) source: Source,
    pub(super) provenance: Provenance,
    /// Number of people whom it wants in a room, each counted once.
    pub(super) people: usize,
    /// Time at which it came into force.
    pub(super) taken: Timestamp,
}

/// The files in force.
#[derive(Debug)]
pub(super) struct FilesInForce {
    set: Option<Arc<FileSet>>,
    /// Problems of the files that are on the disk now.
    problems: Vec<Diagnostic>,
    /// Time since which they are invalid.
    invalid_since: Option<Timestamp>,
    settling: Settling,
    /// Stillness of the files, as last reported.
    stillness: Stillness,
    /// Settling time for which the files are already being read once more.
    asked_to_read: Option<Instant>,
    /// Number of sets taken so far.
    sets: u64,
    /// Digest of the set before this process, if it had settled.
    settled_before: Option<String>,
}

/// Action that the stillness of the files asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Stirring {
    Nothing,
    /// The files have been unchanged for long enough.
    HaveSettled,
    /// They may have been, and must be read once more, because not every change sends an event.
    ReadAgain,
}

impl FilesInForce {
    /// No files yet. `settled_before`: the digest of the set of an earlier process, if it had settled.
    pub(super) fn new(settled_before: Option<String>, now: Instant) -> Self {
        Self {
            set: None,
            problems: Vec::new(),
            invalid_since: None,
            settling: Settling::new(now),
            stillness: Stillness::unknown(now),
            asked_to_read: None,
            sets: 0,
            settled_before,
        }
    }

    pub(super) fn set(&self) -> Option<&Arc<FileSet>> {
        self.set.as_ref()
    }

    pub(super) fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// True if the files on the disk are valid, and in force.
    pub(super) fn are_valid(&self) -> bool {
        self.problems.is_empty() && self.set.is_some()
    }

    /// Number of sets taken so far.
    pub(super) fn sets(&self) -> u64 {
        self.sets
    }

    /// Records that the files on the disk cannot be used, or with no problems that they are those in force again.
    pub(super) fn refuse(&mut self, problems: Vec<Diagnostic>, now: Timestamp) {
        let since = self.invalid_since.unwrap_or(now);
        self.invalid_since = (!problems.is_empty()).then_some(since);
        self.problems = problems;
    }

    /// Time since which the files on the disk are invalid. `None` if they are not, or have not been read yet.
    pub(super) fn invalid_since(&self) -> Option<Timestamp> {
        self.invalid_since
    }

    /// Begins to settle for each room whose entry is another one in the set with this digest. `before` are the rooms in force, and
    /// `kept` gives the holds and budgets of one of them.
    pub(super) fn begin_to_settle<'a>(
        &mut self,
        digest: &str,
        rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>,
        before: impl Iterator<Item = &'a Arc<DesiredRoom>>,
        kept: impl Fn(&DesiredRoom) -> Constraints,
    ) {
        let now = Instant::now();
        if self.set.is_none() {
            if self.settled_before.as_deref() != Some(digest) {
                self.settling.begin_from_nothing(now);
            }
            return;
        }
        let before: BTreeMap<&RoomId, &Arc<DesiredRoom>> = before.map(|room| (&room.id, room)).collect();
        for (id, room) in &before {
            if rooms.get(*id).is_none_or(|new| new != *room) {
                let earlier = (Arc::clone(room), kept(room));
                self.settling.replaced(id, Some(earlier), now);
            }
        }
        for id in rooms.keys().filter(|id| !before.contains_key(id)) {
            self.settling.replaced(id, None, now);
        }
    }

    /// Time of the edit that led from the set in force to this one, whose files are as they are since `written`. If they are the same,
    /// other settings apply to them from now on. `None`: it is the first set.
    pub(super) fn edited(&self, source: &Source, written: Instant) -> Option<Instant> {
        let set = self.set.as_ref()?;
        let is_other = set.source.digest != source.digest;
        Some(if is_other { written } else { Instant::now() })
    }

    /// Puts a set into force, with the number of its people. `true`: its files differ from those before it.
    pub(super) fn take(
        &mut self,
        source: Source,
        (provenance, people): (Provenance, Option<usize>),
        now: Timestamp,
    ) -> bool {
        self.problems.clear();
        self.invalid_since = None;
        self.sets += 1;
        let differs = self
            .set
            .as_ref()
            .is_none_or(|set| set.source.digest != source.digest);
        self.set = Some(Arc::new(FileSet {
            source,
            provenance,
            people: people.unwrap_or_default(),
            taken: now,
        }));
        differs
    }

    /// Digest of the set in force, if it has settled.
    pub(super) fn settled(&self) -> Option<String> {
        let set = self.set.as_ref().filter(|_| self.settling.since().is_none());
        set.map(|set| set.source.digest.clone())
    }

    /// Limits on a room while the files settle, as [`Settling::limits`] has them. `None` if there are none.
    pub(super) fn unsettled(
        &self,
        room: &RoomId,
        observed: &Observed,
        settle: Duration,
        as_of: Option<Timestamp>,
        kept: impl FnOnce() -> Withdrawn,
    ) -> Option<plan::Unsettled> {
        let (may_go, withdrawn) = self.settling.limits(room, observed, as_of, kept)?;
        let settle = show_duration(settle);
        Some(plan::Unsettled {
            may_go,
            withdrawn,
            until: format!("until the room files have been unchanged for {settle}"),
        })
    }

    /// Takes in the stillness of the files. `settle` is `sync.settle_removals`.
    pub(super) fn see_stillness(&mut self, stillness: &Stillness, settle: Duration) -> Stirring {
        if self.stillness != *stillness {
            self.stillness = stillness.clone();
        }
        let now = Instant::now();
        let Some(at) = self.settles_at(settle).filter(|at| *at <= now) else {
            return Stirring::Nothing;
        };
        if stillness.seen_at >= at {
            Stirring::HaveSettled
        } else if self.asked_to_read.replace(at) == Some(at) {
            Stirring::Nothing
        } else {
            Stirring::ReadAgain
        }
    }

    /// The set in force is the one to go by.
    pub(super) fn have_settled(&mut self) {
        self.settling.end();
    }

    /// Time since which the files have not settled. `None` if they have.
    pub(super) fn unsettled_since(&self) -> Option<Instant> {
        self.settling.since()
    }

    /// Time at which the files will have settled if nothing changes. `None` if they have, or if that is unknown.
    pub(super) fn settles_at(&self, settle: Duration) -> Option<Instant> {
        self.settling.since()?;
        let Stillness {
            unchanged_since,
            seen_at: _,
            is_in_force,
            newest: _,
            being_written,
            changed: _,
            sets,
        } = &self.stillness;
        let known = *is_in_force && being_written.is_none() && *sets == self.sets;
        known.then(|| self.settling.taken().max(*unchanged_since) + settle)
    }

    /// The next settling time for which the files are not being read already. The end of that read wakes the loop.
    pub(super) fn next_due(&self, settle: Duration) -> Option<Instant> {
        self.settles_at(settle)
            .filter(|at| self.asked_to_read != Some(*at))
    }

    /// The file that is being written or that changed last.
    pub(super) fn changed_file(&self) -> Option<String> {
        let Stillness {
            being_written,
            changed,
            ..
        } = &self.stillness;
        let file = being_written.as_ref().or(changed.as_ref())?;
        Some(file.display().to_string())
    }

    /// Describes the file that has kept the files from settling for long, and gives the beginning of that. `None` if there is none.
    pub(super) fn restless(&self) -> Option<(String, Instant)> {
        let since = self.settling.since()?;
        if since.elapsed() < RESTLESS {
            return None;
        }
        let why = match (&self.stillness.being_written, &self.stillness.changed) {
            (Some(file), _) => format!("{} was written to and is not closed", file.display()),
            (None, Some(file)) => format!("{} keeps changing", file.display()),
            (None, None) => "the room files are not at rest".to_owned(),
        };
        Some((format!("removals wait, because {why}"), since))
    }

    /// Describes what is wrong with the files on the disk. `None` if nothing is.
    pub(super) fn trouble(&self) -> Option<String> {
        // A warning that stands first in the files is not why they are refused.
        let errors = || self.problems.iter().filter(|one| one.severity == Severity::Error);
        let Some(first) = errors().next().or(self.problems.first()) else {
            let unread = "the room files have not been read yet".to_owned();
            return self.set.is_none().then_some(unread);
        };
        let place = first.location.as_ref().map(|place| format!("{place}: "));
        let place = place.unwrap_or_default();
        let help = first.help.as_ref().map(|help| format!("; {help}"));
        let help = help.unwrap_or_default();
        let count = counted(errors().count(), "problem");
        let force = if self.set.is_some() {
            "the last good ones stay in force"
        } else {
            "nothing is done until they are"
        };
        Some(format!(
            "the room files are not valid, and {force}: {count}, first: {place}{}{help}",
            first.message
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(10);

    fn source(digest: &str) -> Source {
        Source {
            files: 1,
            digest: digest.to_owned(),
            revision: None,
        }
    }

    fn take(files: &mut FilesInForce, digest: &str) -> bool {
        let none = BTreeMap::new();
        files.begin_to_settle(digest, &none, std::iter::empty(), |_| Constraints::default());
        files.take(
            source(digest),
            (Provenance::default(), None),
            Timestamp::UNIX_EPOCH,
        )
    }

    /// The first set is in force since `begun`, and was read at that time.
    fn still(begun: Instant) -> Stillness {
        Stillness {
            is_in_force: true,
            sets: 1,
            ..Stillness::unknown(begun)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn files_settle_once_they_were_read_again_after_the_time() {
        let begun = Instant::now();
        let mut files = FilesInForce::new(None, begun);
        assert!(take(&mut files, "a"));
        assert_eq!((files.settled(), files.unsettled_since()), (None, Some(begun)));
        assert_eq!(files.see_stillness(&still(begun), SETTLE), Stirring::Nothing);
        assert_eq!(files.next_due(SETTLE), Some(begun + SETTLE));
        tokio::time::advance(SETTLE).await;
        // Not every change sends an event, so they are read once more, and asked for once.
        assert_eq!(files.see_stillness(&still(begun), SETTLE), Stirring::ReadAgain);
        assert_eq!(files.see_stillness(&still(begun), SETTLE), Stirring::Nothing);
        assert_eq!(files.next_due(SETTLE), None);
        let written = Stillness {
            being_written: Some("a.yaml".into()),
            seen_at: Instant::now(),
            ..still(begun)
        };
        assert_eq!(files.see_stillness(&written, SETTLE), Stirring::Nothing);
        let read = Stillness {
            seen_at: Instant::now(),
            ..still(begun)
        };
        assert_eq!(files.see_stillness(&read, SETTLE), Stirring::HaveSettled);
        files.have_settled();
        assert_eq!(files.settled().as_deref(), Some("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_set_that_had_settled_before_a_restart_has_settled() {
        let mut files = FilesInForce::new(Some("a".to_owned()), Instant::now());
        assert!(take(&mut files, "a"));
        assert_eq!(files.settled().as_deref(), Some("a"));
        assert!(!take(&mut files, "a"), "nothing differs");
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_names_the_first_problem_and_says_what_stays_in_force() {
        let mut files = FilesInForce::new(None, Instant::now());
        let unread = files.trouble().unwrap();
        assert_eq!(unread, "the room files have not been read yet");
        let raw =
            crate::diagnostics::RawDiagnostic::new("no-rooms", "these files name no room").help("write one");
        let at = |second| Timestamp::from_second(second).unwrap();
        files.refuse(vec![Diagnostic::without_file(raw.clone())], at(1));
        let doubt = crate::diagnostics::RawDiagnostic::new("names", "this name is odd");
        let doubt = Diagnostic::warning_without_file(doubt);
        files.refuse(vec![doubt, Diagnostic::without_file(raw)], at(2));
        assert_eq!(files.invalid_since(), Some(at(1)));
        let before = files.trouble().unwrap();
        assert_eq!(
            before,
            "the room files are not valid, and nothing is done until they are: 1 problem, first: these files name no room; write one"
        );
        take(&mut files, "a");
        assert_eq!((files.trouble(), files.are_valid()), (None, true));
        assert_eq!(files.invalid_since(), None);
    }
}
