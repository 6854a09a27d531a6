//! Room files → [`Desired`]: what should be.

use crate::model::{Absent, Glob, Guards, MemberSet, Mode, RoomId, UserId};

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
    /// The commit the files are of, where that is known.
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
    /// Who should be a member, wanted admins included; `None`: not managed.
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
}

/// Which of a room's keys may come to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllowEmpty {
    /// `admins`
    pub admins: bool,
    /// `members`
    pub members: bool,
}
