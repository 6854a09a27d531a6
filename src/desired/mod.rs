//! Room files → [`Desired`]: what should be.

mod check;
mod groups;
mod lints;
pub(crate) mod names;
mod once;
mod provenance;
mod resolve;
pub(crate) mod schema;
mod spec;
mod texts;

pub use check::{Checked, check};
pub use lints::LOOSER_GUARD;
pub use once::{LoadedOnce, load_once};
pub use provenance::{Mention, Mentions, Origin, OtherGroup, Pattern, Provenance, Query, Remembered};
pub(crate) use spec::{FileSpec, GuardsSpec};
pub use texts::{Texts, read};

use crate::diagnostics::{Diagnostic, Invalid};
use crate::model::{Absent, Glob, Guards, Limit, MemberSet, Mode, RoomId, UserId};
use crate::source;
use std::path::{Path, PathBuf};

/// A valid set of room files.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub desired: Desired,
    /// What in it is probably not meant.
    pub warnings: Vec<Diagnostic>,
    /// What is as it may be, but whoever reviews the files should know.
    pub notes: Vec<Diagnostic>,
    /// How many groups the files hold.
    pub groups: usize,
    /// Where in the files each thing is said.
    pub provenance: Provenance,
}

impl From<source::SnapshotError> for Invalid {
    fn from(no_look: source::SnapshotError) -> Self {
        let diagnostic = Diagnostic::of_file(source::name_of(&no_look.path), no_look.raw);
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

/// Reads room files, and those in directories, all at once: one bad file makes the set invalid.
///
/// `settings_file` is never taken for a room file; `guards` are those of the settings.
pub fn load(paths: &[PathBuf], settings_file: Option<&Path>, guards: &Guards) -> Result<Loaded, Invalid> {
    read(paths, settings_file).resolve(guards)
}

/// What a valid set of room files says, with groups, defaults and guards filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// By id, each once.
    pub rooms: Vec<DesiredRoom>,
    /// Where this comes from.
    pub source: Source,
}

/// The files that a [`Desired`] was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How many files.
    pub files: usize,
    /// `sha256:` and the hex digest of every file's name (relative, `/` between) and content, in the names' order.
    pub digest: String,
    /// The commit the files are of, where that is known and was asked for: its id, and `-dirty` after it where tracked
    /// files differ from it or it does not have one of these.
    pub revision: Option<String>,
}

/// What one room should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The service's id.
    pub id: RoomId,
    /// A label for people; never sent.
    pub name: Option<String>,
    /// Who must own the room; never made so.
    pub owner: Option<UserId>,
    /// Who should be an admin; `None`: not managed.
    pub admins: Option<MemberSet>,
    /// Who should be a member beside the wanted admins; `None`: not managed.
    pub members: Option<MemberSet>,
    /// Which of the two keys may come to nobody.
    pub allow_empty: AllowEmpty,
    /// Who is invisible.
    pub ignore: Vec<Glob>,
    /// How far to go.
    pub mode: Mode,
    /// What to do with a wanted member who is not there.
    pub absent: Absent,
    /// The room's own guards over the settings'.
    pub guards: Guards,
    /// What of these the room files say, and not the settings.
    pub own_guards: OwnGuards,
}

/// The guards that the room files themselves say for a room: its own `guards`, else those of its file's `defaults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnGuards {
    /// `max_removals`; `None`: only the settings speak.
    pub max_removals: Option<Limit>,
    /// `max_demotions`; `None`: only the settings speak.
    pub max_demotions: Option<Limit>,
}

/// Which of a room's keys may come to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllowEmpty {
    /// `admins`
    pub admins: bool,
    /// `members`
    pub members: bool,
}
