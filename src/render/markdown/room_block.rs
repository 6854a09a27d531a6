//! A room in the comment: a line that unfolds into who comes, who goes and why.

use super::super::text::remark;
use super::byte_budget::Ask;
use super::escape::{code, many};
use super::list::List;
use super::sections::{Counts, Kind, Risk, Section};
use crate::base::{Relaxation, RoomDiff};
use crate::model::{Guard, MemberSet, ReasonCode, RoomId, UserId};
use crate::plan::{Note, RoomPlan, Status, approving, lines_to_allow};
use std::cmp::Reverse;
use std::fmt::Write as _;

/// The most bytes of a label, and of a message.
const NAME: usize = 300;
const MESSAGE: usize = 400;

const OPEN_ROWS: &str = "\n```diff\n";
const CLOSE_ROWS: &str = "```\n\n";
const OPEN_NOTES: &str = "<ul>\n";
const CLOSE_NOTES: &str = "</ul>\n";
const CLOSE: &str = "</details>\n\n";

/// Nothing is measured beyond this, which is more than a comment holds.
const ENOUGH: usize = 1 << 20;

/// No room takes fewer bytes.
pub(super) const LEAST: usize = 60;

/// A room of the comment.
pub(super) struct RoomBlock<'a> {
    pub(super) section: Section,
    pub(super) counts: Counts,
    room: &'a RoomPlan,
    base_diff: Option<&'a RoomDiff>,
    relaxations: Vec<Relaxation>,
    /// Those that say more than the rows do; what is held comes first, then what the files change.
    notes: Vec<&'a Note>,
    /// The line, and what is to be known before the rows.
    head: String,
    /// The bytes of the line that counts what is left out, of the room up to its last risky row with that line, and of all of it.
    more: usize,
    risky: usize,
    whole: usize,
    /// True if this version of the files allows more than the base version did.
    loosened: bool,
}

impl<'a> RoomBlock<'a> {
    /// `None`: there is nothing to say of the room.
    pub(super) fn new(
        room: &'a RoomPlan,
        base_diff: Option<&'a RoomDiff>,
        than_settings: Vec<Relaxation>,
    ) -> Option<Self> {
        let mut relaxations = base_diff.map_or_else(Vec::new, |diff| diff.relaxations.clone());
        let loosened = !relaxations.is_empty();
        // One line for a key: what has changed says more.
        let new = |other: &Relaxation| relaxations.iter().all(|relaxations| relaxations.key != other.key);
        let than_settings: Vec<Relaxation> = than_settings.into_iter().filter(new).collect();
        relaxations.extend(than_settings);
        let is_new = base_diff.is_some_and(|diff| diff.is_new);
        let mut notes: Vec<&Note> = room
            .notes
            .iter()
            .filter(|note| Some(*note) != room.error.as_ref() && !RoomDiff::made(note))
            .collect();
        notes.sort_by_key(|note| (note.held.is_none(), note.code != ReasonCode::FilesChange));
        let mut card = Self {
            section: Section::Others,
            counts: Counts::default(),
            room,
            base_diff,
            loosened: loosened || (is_new && !relaxations.is_empty()),
            relaxations,
            notes,
            head: String::new(),
            more: 0,
            risky: 0,
            whole: 0,
        };
        card.counts = card.count();
        if room.is_unseen() && card.is_bare() {
            return None;
        }
        if room.status == Status::InSync && card.counts.is_empty() && card.relaxations.is_empty() && !is_new {
            return None;
        }
        card.section = card.find_section();
        Some(card)
    }

    /// Makes ready what is to be shown.
    pub(super) fn prepare(&mut self) {
        self.head = self.head();
        // Whatever is left out, its numbers are no longer than those of everything.
        self.more = more(&self.counts).len();
        (self.risky, self.whole) = self.measure();
    }

    /// The order in which rooms get their place; within a section, that of the comment.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        (
            self.risk(),
            self.section,
            !self.loosened,
            Reverse(self.counts),
            self.room.id.clone(),
        )
    }

    /// Importance of showing the room.
    pub(super) fn risk(&self) -> Risk {
        let loses = [Kind::Removal, Kind::Demotion];
        let loses = loses.into_iter().any(|kind| self.counts.of(kind) > 0);
        if !self.section.is_risky() {
            Risk::Low
        } else if self.room.status == Status::Blocked || (loses && self.room.status != Status::Observed) {
            Risk::High
        } else {
            Risk::Some
        }
    }

    /// The room's id.
    pub(super) fn id(&self) -> &'a RoomId {
        &self.room.id
    }

    /// True if there is nothing to say of the room but its error.
    pub(super) fn is_bare(&self) -> bool {
        let is_new = self.base_diff.is_some_and(|diff| diff.is_new);
        self.counts.is_empty() && self.relaxations.is_empty() && self.room.blocked.is_empty() && !is_new
    }

    fn find_section(&self) -> Section {
        let relaxations = !self.relaxations.is_empty();
        let any = |kind| self.counts.of(kind) > 0;
        let leaving = any(Kind::Leaving) || any(Kind::LeavingAdmins);
        let at_rest = match self.room.status {
            Status::InSync => !leaving,
            Status::Observed => true,
            Status::Incomplete | Status::Changed | Status::Blocked | Status::Failed => false,
        };
        match self.room.status {
            Status::Observed if !self.loosened => Section::Observed,
            _ if self.loosened && at_rest => Section::LoosenedAtRest,
            _ if self.loosened || (relaxations && !at_rest) => Section::Looser,
            Status::Blocked => Section::Blocked,
            _ if self.room.falls_short() => Section::Short,
            _ if any(Kind::Removal) => Section::LosePeople,
            _ if any(Kind::Demotion) => Section::LoseAdmins,
            _ if leaving => Section::Leaving,
            _ if relaxations => Section::LooserAtRest,
            _ => Section::Others,
        }
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for (kind, users) in self.groups() {
            counts.add(kind, users.count().cast_signed());
        }
        counts.add(Kind::Note, self.notes.len().cast_signed());
        counts
    }

    /// People who have a row, by the kind of the row.
    fn groups(&self) -> [(Kind, Box<dyn Iterator<Item = &'a UserId> + 'a>); 7] {
        let RoomPlan {
            add,
            remove,
            promote,
            demote,
            allow,
            ..
        } = self.room;
        let without = |users: &'a MemberSet, others: [&'a MemberSet; 2]| {
            users
                .iter()
                .filter(move |user| others.iter().all(|other| !other.contains(user)))
        };
        let only_leaving = |users: fn(&RoomDiff) -> &MemberSet| {
            let users = self.base_diff.map(users).into_iter();
            users.flat_map(move |users| without(users, [remove, demote]))
        };
        [
            (Kind::Removal, Box::new(remove.iter())),
            (Kind::Demotion, Box::new(without(demote, [remove, remove]))),
            (Kind::Leaving, Box::new(only_leaving(|diff| &diff.people))),
            (Kind::LeavingAdmins, Box::new(only_leaving(|diff| &diff.admins))),
            (Kind::Promotion, Box::new(without(promote, [add, add]))),
            (Kind::Add, Box::new(add.iter())),
            (Kind::Allow, Box::new(without(allow, [add, demote]))),
        ]
    }

    /// The parts of every row, the riskiest first.
    fn rows(&self) -> impl Iterator<Item = (Kind, [&'a str; 5])> + '_ {
        self.groups()
            .into_iter()
            .flat_map(|(kind, users)| users.map(move |user| (kind, user)))
            .map(|(kind, user)| (kind, self.row(kind, user)))
    }

    fn row(&self, kind: Kind, user: &'a UserId) -> [&'a str; 5] {
        let people = self.base_diff.is_some_and(|diff| diff.people.contains(user));
        let admins = self.base_diff.is_some_and(|diff| diff.admins.contains(user));
        let left = match (people, admins) {
            (true, _) => ", leaves the files",
            (false, true) => ", leaves the files' admins",
            (false, false) => "",
        };
        let admin = |admins: &MemberSet| if admins.contains(user) { " (admin)" } else { "" };
        let name = user.as_str();
        match kind {
            Kind::Removal => ["- ", name, admin(&self.room.demote), left, "\n"],
            Kind::Demotion => ["! ", name, ": no longer an admin", left, "\n"],
            Kind::Leaving => ["- ", name, ": leaves the files, no call", "", "\n"],
            Kind::LeavingAdmins => ["! ", name, ": leaves the files' admins, no call", "", "\n"],
            Kind::Promotion => ["! ", name, ": becomes an admin", "", "\n"],
            Kind::Allow => ["+ ", name, ": put on the allow list", "", "\n"],
            Kind::Add | Kind::Note => ["+ ", name, admin(&self.room.promote), "", "\n"],
        }
    }

    fn note(note: &Note) -> String {
        format!("<li>{}: {}</li>\n", note.code, code(&remark(note), MESSAGE))
    }

    fn head(&self) -> String {
        let RoomPlan { id, name, status, .. } = self.room;
        let name = name.as_deref().map_or_else(
            || format!("<code>{id}</code>"),
            |name| format!("{} ({id})", code(name, NAME)),
        );
        let mut told = Vec::new();
        let is_new = self.base_diff.is_some_and(|diff| diff.is_new);
        told.extend(is_new.then(|| "new in the files".to_owned()));
        match status {
            Status::Blocked => told.push("blocked".to_owned()),
            Status::Failed => told.push("failed".to_owned()),
            Status::Observed => told.push("only observed".to_owned()),
            Status::InSync => told.push("in sync".to_owned()),
            Status::Incomplete => told.push("incomplete".to_owned()),
            Status::Changed => {}
        }
        told.extend((!self.counts.is_empty()).then(|| self.counts.told("")));
        let calls = self.room.steps().len();
        told.extend((calls > 0).then(|| many(calls, "call")));
        let mut head = format!("<details><summary>{name}: {}</summary>\n", told.join(", "));
        let facts = self.facts();
        if !facts.is_empty() {
            let _ = writeln!(head, "<ul>\n{facts}</ul>");
        }
        head
    }

    /// Facts about the room, shown before its people.
    fn facts(&self) -> String {
        let mut out = String::new();
        for Relaxation { key: _, message } in &self.relaxations {
            let _ = writeln!(out, "<li>looser: {}</li>", code(message, MESSAGE));
        }
        for block in &self.room.blocked {
            let _ = writeln!(out, "<li>blocked: {block}</li>");
        }
        let held_by = |is: fn(Guard) -> bool| self.room.blocked.iter().any(|block| is(block.guard));
        if !self.room.blocked.is_empty() {
            let nobody = if held_by(|guard| guard == Guard::MaxAdditions) {
                "nobody is added, removed or demoted here"
            } else if held_by(|guard| guard != Guard::AllowEmpty) {
                "nobody is removed or demoted here"
            } else {
                "who had the last place in a list stays here"
            };
            let lines = code(&lines_to_allow(&self.room.blocked), MESSAGE);
            let approving = code(&approving(&self.room.id), MESSAGE);
            let _ = writeln!(
                out,
                "<li>{nobody} until the guard allows it; if it is meant, write {lines} and take it out again afterwards, or have the daemon let these through once: {approving}</li>"
            );
        }
        if let Some(error) = &self.room.error {
            let _ = writeln!(
                out,
                "<li>error {}: {}</li>",
                error.code,
                code(&remark(error), MESSAGE)
            );
        }
        out
    }

    /// Length of the room up to its risky rows, and as a whole.
    fn measure(&self) -> (usize, usize) {
        let (mut risky, mut rows) = (0, 0);
        for (kind, row) in self.rows() {
            rows += row.iter().map(|part| part.len()).sum::<usize>();
            if kind < Kind::Promotion {
                risky = rows;
            }
            if rows > ENOUGH {
                break;
            }
        }
        let mut notes = 0;
        for note in &self.notes {
            notes += Self::note(note).len();
            if notes > ENOUGH {
                break;
            }
        }
        let within = |size: usize, around: [&str; 2]| match size {
            0 => 0,
            size => size + around.iter().map(|part| part.len()).sum::<usize>(),
        };
        let around_rows = [OPEN_ROWS, CLOSE_ROWS];
        let whole = self.head.len()
            + within(rows, around_rows)
            + within(notes, [OPEN_NOTES, CLOSE_NOTES])
            + CLOSE.len();
        let risky = self.head.len() + within(risky, around_rows) + self.more + CLOSE.len();
        (risky.min(whole), whole)
    }

    /// Bytes for the room with its risky rows, or with as many of them as fit into `most`.
    pub(super) fn up_to(&self, most: usize) -> Ask {
        let ask = self.risky();
        Ask {
            need: ask.need.min(most).max(ask.least),
            ..ask
        }
    }

    /// Bytes for the room with its risky rows.
    pub(super) fn risky(&self) -> Ask {
        Ask {
            need: self.risky,
            ..self.all()
        }
    }

    /// Bytes for the whole room.
    pub(super) fn all(&self) -> Ask {
        Ask {
            least: (self.head.len() + self.more + CLOSE.len()).min(self.whole),
            need: self.whole,
        }
    }

    /// Writes as much of the room as the share takes, and counts the rest.
    pub(super) fn write(&self, out: &mut String, share: usize) {
        let reserve = if share < self.whole { self.more } else { 0 };
        let end = out.len() + share.saturating_sub(reserve + CLOSE.len());
        let mut left = self.counts;
        out.push_str(&self.head);
        let mut list = List::new(OPEN_ROWS, CLOSE_ROWS);
        let mut is_full = false;
        for (kind, row) in self.rows() {
            if !list.push(out, &row, end) {
                is_full = true;
                break;
            }
            left.add(kind, -1);
        }
        list.close(out);
        let mut list = List::new(OPEN_NOTES, CLOSE_NOTES);
        for note in self.notes.iter().take_while(|_| !is_full) {
            if !list.push(out, &[&Self::note(note)], end) {
                break;
            }
            left.add(Kind::Note, -1);
        }
        list.close(out);
        out.push_str(&more(&left));
        out.push_str(CLOSE);
    }
}

/// Note on the rows that are left out of a room, if any are.
fn more(left: &Counts) -> String {
    if left.is_empty() {
        return String::new();
    }
    format!("<p>… and {} in this room</p>\n", left.told("more "))
}
