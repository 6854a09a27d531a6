//! The rooms as the files want them.

use super::ends::RoomEnds;
use super::exclude::Excluded;
use crate::model::{Absent, Glob, Guards, Limit, MemberSet, Mode, RoomId, UserId};

/// A valid set of room files, with groups, defaults and guards filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// By id, each once.
    pub rooms: Vec<DesiredRoom>,
    /// The files.
    pub source: Source,
}

/// The files that a [`Desired`] was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Number of files.
    pub files: usize,
    /// `sha256:` and the hex digest of every file's name (relative, `/` between) and content, in the names' order.
    pub digest: String,
    /// The commit the files are of, if it is known and was asked for: its id, and `-dirty` after it if tracked files differ
    /// from it or it does not have one of these.
    pub revision: Option<String>,
}

/// A room as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRoom {
    /// The service's id.
    pub id: RoomId,
    /// A label for people; never sent.
    pub name: Option<String>,
    /// The user who must own the room; never made so.
    pub owner: Option<UserId>,
    /// The wanted admins; `None`: not managed.
    pub admins: Option<MemberSet>,
    /// The wanted members beside the wanted admins; `None`: not managed.
    pub members: Option<MemberSet>,
    /// Ends of places in these lists. `None`: nobody's ends.
    pub ends: Option<Box<RoomEnds>>,
    /// People whom these lists come to, and who are excluded from the room. `None`: nobody.
    pub excluded: Option<Box<Excluded>>,
    /// The keys that may come to nobody.
    pub allow_empty: AllowEmpty,
    /// Patterns of people who are invisible.
    pub ignore: Vec<Glob>,
    /// Limit of what may be done.
    pub mode: Mode,
    /// Treatment of a wanted member who is not there.
    pub absent: Absent,
    /// The room's own guards over the settings'.
    pub guards: Guards,
    /// Those guards that the room files say, and not the settings.
    pub own_guards: OwnGuards,
}

impl DesiredRoom {
    /// True if members of the room are kept in it by its allow list.
    #[must_use]
    pub fn keeps_members(&self) -> bool {
        self.absent == Absent::Keep && self.members.is_some()
    }
}

/// The guards that the room files themselves say for a room: its own `guards`, else those of its file's `defaults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnGuards {
    /// `max_removals`; `None`: only the settings speak.
    pub max_removals: Option<Limit>,
    /// `max_demotions`; `None`: only the settings speak.
    pub max_demotions: Option<Limit>,
}

/// The keys of a room that may come to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllowEmpty {
    /// `admins`
    pub admins: bool,
    /// `members`
    pub members: bool,
}

#[cfg(test)]
impl DesiredRoom {
    /// A room in which nothing is managed.
    pub(crate) fn unmanaged(id: &str) -> Self {
        Self {
            id: RoomId::parse(id).unwrap(),
            name: None,
            owner: None,
            admins: None,
            members: None,
            ends: None,
            excluded: None,
            allow_empty: AllowEmpty::default(),
            ignore: Vec::new(),
            mode: Mode::default(),
            absent: Absent::default(),
            guards: Guards::default(),
            own_guards: OwnGuards::default(),
        }
    }
}
