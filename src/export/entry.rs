//! A live room as an entry of a room file.

use super::Options;
use super::common::Groups;
use super::yaml::{name, quoted, told, write_list};
use crate::desired::names::label;
use crate::live::LiveRoom;
use crate::model::{MemberSet, Mode, RoomId, UserId};
use std::fmt::{self, Write as _};

/// Names of a kind that are told one by one.
const MOST_TOLD: usize = 20;

/// A list of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ListKey {
    Admins,
    Members,
}

impl ListKey {
    pub(super) const ALL: [Self; 2] = [Self::Admins, Self::Members];

    fn as_str(self) -> &'static str {
        match self {
            Self::Admins => "admins",
            Self::Members => "members",
        }
    }
}

/// A room as it is written down.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    live: &'a LiveRoom,
    /// Those outside the room among them.
    all_admins: &'a MemberSet,
    mode: Mode,
    are_kept: bool,
    admins: MemberSet,
    /// Admins are not among them: wanted admins are wanted members too.
    members: MemberSet,
}

impl<'a> Entry<'a> {
    pub(super) fn new(live: &'a LiveRoom, all_admins: &'a MemberSet, options: Options) -> Self {
        Self {
            live,
            all_admins,
            mode: options.mode,
            are_kept: options.are_kept,
            // An admin who is not in the room would be added.
            admins: all_admins.and(&live.members),
            members: live.members.minus(all_admins),
        }
    }

    pub(super) fn id(&self) -> &RoomId {
        &self.live.id
    }

    pub(super) fn list(&self, key: ListKey) -> &MemberSet {
        match key {
            ListKey::Admins => &self.admins,
            ListKey::Members => &self.members,
        }
    }

    /// True if the key is written. An additive list of nobody wants nothing; left out, it also takes nobody's place once
    /// the room is made authoritative. But an entry needs one of the two.
    fn has(&self, key: ListKey) -> bool {
        let nobody = self.admins.is_empty() && self.members.is_empty();
        self.mode == Mode::Authoritative || !self.list(key).is_empty() || (nobody && key == ListKey::Members)
    }

    /// Writes the entry; the room is the one at this place.
    pub(super) fn write(&self, out: &mut String, at: usize, groups: &Groups<'_>) -> fmt::Result {
        if at > 0 {
            writeln!(out)?;
        }
        self.write_remarks(out)?;
        writeln!(out, "  - id: {}", quoted(self.live.id.as_str()))?;
        if let Some(label) = self.live.name.as_deref().filter(|text| is_label(text)) {
            writeln!(out, "    name: {}", quoted(label))?;
        }
        if let Some(owner) = &self.live.owner
            && let Ok(owner) = UserId::parse(owner)
        {
            writeln!(out, "    owner: {}", name(owner.as_str()))?;
        }
        writeln!(out, "    mode: {}", self.mode)?;
        // Planning the file straight after is to be empty.
        if self.are_kept && self.has(ListKey::Members) {
            writeln!(out, "    absent: readd")?;
        }
        for key in ListKey::ALL.into_iter().filter(|key| self.has(*key)) {
            write_list(out, 4, key.as_str(), &groups.items(at, key, self))?;
        }
        let empty = ListKey::ALL.map(|key| self.has(key) && self.list(key).is_empty());
        match empty {
            [false, false] => Ok(()),
            [true, false] => writeln!(out, "    allow_empty: admins"),
            [false, true] => writeln!(out, "    allow_empty: members"),
            [true, true] => writeln!(out, "    allow_empty: true"),
        }
    }

    /// Remarks on the room, and on the parts of it that are not in the entry.
    fn write_remarks(&self, out: &mut String) -> fmt::Result {
        let live = self.live;
        if let Some(name) = live.name.as_deref().filter(|name| !name.trim().is_empty()) {
            writeln!(out, "  # {}", told(name))?;
        }
        if let Some(owner) = &live.owner
            && UserId::parse(owner).is_err()
        {
            writeln!(
                out,
                "  # owner left out, no name that roomsync takes: {}",
                told(owner)
            )?;
        }
        if self.mode == Mode::Additive && self.admins.is_empty() && self.members.is_empty() {
            writeln!(
                out,
                "  # nobody to list was here: list people before you take `mode` out"
            )?;
        }
        for key in ListKey::ALL.into_iter().filter(|key| !self.has(*key)) {
            let others = match key {
                ListKey::Admins => "nobody was an admin",
                ListKey::Members => "nobody but admins was here",
            };
            writeln!(out, "  # {others}: `{}` is not managed", key.as_str())?;
        }
        let outside = self.all_admins.minus(&live.members);
        let outside = outside.iter().map(UserId::as_str);
        write_left_out(out, "an admin who was not in the room", outside)?;
        let foreign = live.foreign.union(&live.foreign_admins).map(String::as_str);
        write_left_out(out, "no name that roomsync takes", foreign)
    }
}

/// True if the service's name for a room can be its label in a file.
fn is_label(text: &str) -> bool {
    !text.trim().is_empty() && label(text).is_ok()
}

fn write_left_out<'n>(out: &mut String, why: &str, names: impl Iterator<Item = &'n str>) -> fmt::Result {
    let mut names = names;
    for name in names.by_ref().take(MOST_TOLD) {
        writeln!(out, "  # left out, {why}: {}", told(name))?;
    }
    match names.count() {
        0 => Ok(()),
        more => writeln!(out, "  # left out, {why}: {more} more"),
    }
}
