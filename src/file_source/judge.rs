//! Judges files that rest: whether they are finished, valid, and new.

use super::event::Event;
use crate::desired::{Loaded, Remembered, Texts, UNFINISHED};
use crate::diagnostics::{Diagnostic, Invalid, Location, RawDiagnostic, Severity};
use crate::disk::DiskTimeout;
use crate::model::{RoomDefaults, log_code};
use crate::source::{FileId, SourceFile, disk_timeout, name_of};
use std::collections::{BTreeMap, HashMap};
use std::iter;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Longest time for which a file may stay unfinished.
const GRACE: Duration = Duration::from_secs(10);

/// Judgements of the files until now.
#[derive(Debug, Default)]
pub(super) struct Judge {
    in_force: Option<InForce>,
    /// The last news, where they were bad.
    bad: Option<Vec<Diagnostic>>,
    /// The files of the set before this process.
    remembered: HashMap<FileId, Vec<u8>>,
    /// The files that are not finished, since when.
    unfinished: BTreeMap<PathBuf, Instant>,
    /// Number of sets taken so far.
    sets: u64,
}

#[derive(Debug)]
struct InForce {
    texts: Texts,
    /// The index of each of its files.
    files: HashMap<FileId, usize>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Nothing,
    /// Judge again at this time, if nothing changes before.
    Wait(Instant),
    Event(Event),
}

impl Judge {
    pub(super) fn new(remembered: Remembered) -> Self {
        Self {
            remembered: remembered.bytes(),
            ..Self::default()
        }
    }

    /// The set in force.
    pub(super) fn in_force(&self) -> Option<Texts> {
        self.in_force.as_ref().map(|in_force| in_force.texts.clone())
    }

    /// True if the files judged last are the set in force.
    pub(super) fn is_content(&self) -> bool {
        self.in_force.is_some() && self.bad.is_none() && self.unfinished.is_empty()
    }

    /// Number of sets taken so far, including the one in force.
    pub(super) fn sets(&self) -> u64 {
        self.sets
    }

    /// Makes the set in force, and what is bad, news again.
    pub(super) fn say_again(&mut self) {
        self.bad = None;
        self.sets += 1;
    }

    /// Judges files that rest. `understood` is what they resolve to, where that is known already.
    pub(super) fn judge(
        &mut self,
        texts: &Texts,
        understood: Option<Result<Loaded, Invalid>>,
        defaults: &RoomDefaults,
        now: Instant,
    ) -> Verdict {
        let unfinished: Vec<(PathBuf, Diagnostic)> = texts
            .files()
            .iter()
            .filter_map(|file| Some((file.path.clone(), self.unfinished(file)?)))
            .collect();
        let seen = |path: &PathBuf| self.unfinished.get(path).copied().unwrap_or(now);
        self.unfinished = unfinished
            .iter()
            .map(|(path, _)| (path.clone(), seen(path)))
            .collect();
        if let Some(first) = self.unfinished.values().min()
            && *first + GRACE > now
        {
            return Verdict::Wait(*first + GRACE);
        }
        let same = |in_force: &InForce| texts.is_whole() && texts.same_as(&in_force.texts);
        if let Some(in_force) = self.in_force.take_if(|in_force| same(in_force)) {
            // They may be other files of the same content; the set in force stays that of the commit it was taken from.
            let revision = in_force.texts.revision().cloned();
            self.in_force = Some(InForce::new(texts.clone().of_revision(revision)));
            return match self.bad.take() {
                None => Verdict::Nothing,
                Some(_) => {
                    tracing::info!(
                        code = log_code::FILES_AS_BEFORE,
                        "the room files are those of the set in force again"
                    );
                    Verdict::Event(Event::AsBefore)
                }
            };
        }
        let result = understood.unwrap_or_else(|| texts.resolve(defaults));
        if unfinished.is_empty()
            && let Ok(mut loaded) = result
        {
            let texts = texts.clone().with_revision();
            loaded.desired.source.revision = texts.revision().cloned();
            tracing::info!(
                code = log_code::FILES_TAKEN,
                files = loaded.desired.source.files,
                rooms = loaded.desired.rooms.len(),
                digest = loaded.desired.source.digest,
                revision = loaded.desired.source.revision,
                "took the room files"
            );
            self.in_force = Some(InForce::new(texts));
            self.bad = None;
            self.remembered.clear();
            self.sets += 1;
            return Verdict::Event(Event::Taken(Box::new(loaded)));
        }
        let others = match result {
            Ok(loaded) => loaded.warnings,
            Err(invalid) => invalid.diagnostics,
        };
        self.bad(unfinished.into_iter().map(|(_, diagnostic)| diagnostic), others)
    }

    /// The disk of the files does not answer.
    pub(super) fn hangs(&mut self, slow: &DiskTimeout) -> Verdict {
        let diagnostic = Diagnostic::of_file(name_of(&slow.path), disk_timeout(slow));
        self.bad(iter::once(diagnostic), Vec::new())
    }

    fn bad(&mut self, unfinished: impl Iterator<Item = Diagnostic>, others: Vec<Diagnostic>) -> Verdict {
        let mut diagnostics: Vec<Diagnostic> = unfinished.collect();
        let said: Vec<Option<Location>> = diagnostics.iter().map(|one| one.location.clone()).collect();
        // What is only a warning elsewhere is said already.
        diagnostics.extend(others.into_iter().filter(|other| {
            let doubtful = UNFINISHED.contains(&other.code);
            let same_file =
                |location: &Option<Location>| file_of(location.as_ref()) == file_of(other.location.as_ref());
            // Who uses a group may be in what is not there yet.
            !(other.code == "unused-group" || doubtful && said.iter().any(same_file))
        }));
        if self.bad.as_ref() == Some(&diagnostics) {
            return Verdict::Nothing;
        }
        for Diagnostic {
            code,
            severity,
            message,
            location,
            also: _,
            help,
        } in &diagnostics
        {
            let place = location.as_ref().map(ToString::to_string);
            match severity {
                Severity::Error => tracing::warn!(
                    code = log_code::FILES_INVALID,
                    problem = code,
                    place,
                    help,
                    "bad room files: {message}"
                ),
                Severity::Warning | Severity::Note => {
                    tracing::info!(
                        code = log_code::FILES_WARNING,
                        problem = code,
                        place,
                        help,
                        "in the bad room files: {message}"
                    );
                }
            }
        }
        self.bad = Some(diagnostics.clone());
        Verdict::Event(Event::Bad(diagnostics))
    }

    /// Diagnostic of a file that somebody still seems to be writing.
    fn unfinished(&self, file: &SourceFile) -> Option<Diagnostic> {
        let content = file.content.as_ref()?;
        let (code, message, help) = if content.length == 0 {
            (
                "unfinished",
                "this file is empty: somebody may still be writing it",
                "write rooms into it, or remove it",
            )
        } else if self.is_cut_short(file) {
            (
                "cut-short",
                "this file was written over and is now only the beginning of what it was: it may have been cut short",
                "write it again; if its end was taken out on purpose, save it as a new file and move that over this one, \
                 as most editors do, or end it with a line of its own, such as a comment",
            )
        } else if !content.ends_in_newline {
            (
                "unfinished",
                "this file does not end in a newline: somebody may still be writing it",
                "see whether its end is missing, and end the last line with a newline",
            )
        } else {
            return None;
        };
        let raw = RawDiagnostic::new(code, message).help(help);
        Some(Diagnostic::of_file(file.name.clone(), raw))
    }

    /// True if it is the very file of the set in force, without its end. A file that took its place is not:
    /// who makes a new one writes it first.
    fn is_cut_short(&self, file: &SourceFile) -> bool {
        let cut = || {
            let identity = file.identity?;
            let old = match &self.in_force {
                Some(in_force) => in_force
                    .texts
                    .files()
                    .get(*in_force.files.get(&identity)?)?
                    .bytes(),
                None => self.remembered.get(&identity)?,
            };
            let new = file.bytes();
            Some(new.len() < old.len() && old.starts_with(new))
        };
        cut().unwrap_or(false)
    }
}

impl InForce {
    fn new(texts: Texts) -> Self {
        let files = texts.files().iter().enumerate();
        Self {
            files: files
                .filter_map(|(index, file)| Some((file.identity?, index)))
                .collect(),
            texts,
        }
    }
}

fn file_of(location: Option<&Location>) -> Option<&str> {
    location.map(|location| location.file.as_str())
}
