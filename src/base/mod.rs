//! PURE: what the room files change against an earlier version of themselves, whatever is in the rooms now.

mod entry_changes;
mod relaxations;

pub use relaxations::{Relaxation, relaxations_of_settings};

use crate::desired::DesiredRoom;
use crate::model::{Glob, Guards, MemberSet, ReasonCode, RoomId, printable};
use crate::plan::{FleetPlan, LiveSummary, Note};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The room files against an earlier version of themselves, the base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseDiff {
    /// The rooms of both versions, and those that are new.
    pub rooms: BTreeMap<RoomId, RoomDiff>,
    /// The rooms that are no longer managed, and their labels; by id.
    pub gone: Vec<(RoomId, Option<String>)>,
}

/// A room against its entry in the base.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomDiff {
    /// The base has no such room.
    pub is_new: bool,
    /// People who were wanted and no longer are.
    pub people: MemberSet,
    /// People who were wanted as admins and now are wanted as plain members.
    pub admins: MemberSet,
    /// Bounds that let more through than they did; in a new room, than the settings do.
    pub relaxations: Vec<Relaxation>,
    /// Other changes of its entry, in words.
    pub changes: Vec<String>,
    /// Number of new names who are not in the room, and whom the plan does not add (`absent: ignore`).
    pub uninvited: usize,
}

impl BaseDiff {
    /// Compares two versions of the files. The plan tells how large the rooms are, for a bound that was a share and is a number;
    /// `settings` are the guards of a room that says nothing else.
    #[must_use]
    pub fn new(base: &[DesiredRoom], now: &[&DesiredRoom], plan: &FleetPlan, settings: &Guards) -> Self {
        let before: BTreeMap<&RoomId, &DesiredRoom> = base.iter().map(|room| (&room.id, room)).collect();
        let live: BTreeMap<&RoomId, &LiveSummary> = plan
            .rooms
            .iter()
            .filter_map(|room| Some((&room.id, room.live.as_ref()?)))
            .collect();
        // Of rooms with the same label the first one stands for all.
        let labels = base.iter().rev();
        let labels: BTreeMap<&str, &RoomId> = labels
            .filter_map(|room| Some((room.name.as_deref()?, &room.id)))
            .collect();
        let not_here = plan.rooms.iter().map(|room| (&room.id, &room.not_here));
        let not_here: BTreeMap<&RoomId, &MemberSet> =
            not_here.filter(|(_, users)| !users.is_empty()).collect();
        let uninvited = |id: &RoomId| {
            let Some(users) = not_here.get(id) else { return 0 };
            let before = before.get(id).map(|room| wanted(room)).unwrap_or_default();
            users.minus(&before).len()
        };
        let compared = |room: &&DesiredRoom| {
            let live = live.get(&room.id).copied();
            let mut since = match before.get(&room.id) {
                Some(before) => {
                    let label = room.name.as_deref().and_then(|name| labels.get(name));
                    RoomDiff::new(before, room, live, label.copied())
                }
                None => RoomDiff {
                    is_new: true,
                    relaxations: relaxations_of_settings(settings, room, live),
                    ..RoomDiff::default()
                },
            };
            since.uninvited = uninvited(&room.id);
            (room.id.clone(), since)
        };
        let rooms: BTreeMap<RoomId, RoomDiff> = now.iter().map(compared).collect();
        let mut gone: Vec<_> = base
            .iter()
            .filter(|room| !rooms.contains_key(&room.id))
            .map(|room| (room.id.clone(), room.name.clone()))
            .collect();
        gone.sort();
        Self { rooms, gone }
    }

    /// Notes in the plan's rooms what has changed for them.
    pub fn note(&self, plan: &mut FleetPlan) {
        for room in &mut plan.rooms {
            let Some(since) = self.rooms.get(&room.id) else {
                continue;
            };
            room.notes.extend(since.notes());
            if since.uninvited > 0 {
                let message = format!("{} of them new in this change: never invited", since.uninvited);
                let absent = |note: &Note| note.code == ReasonCode::Absent;
                // They are some of those whom this note counts.
                let at = room.notes.iter().position(absent).map_or(0, |at| at + 1);
                room.notes.insert(at, Note::new(ReasonCode::Absent, message));
            }
        }
    }

    /// The rooms that are no longer managed, a line each.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (id, name) in &self.gone {
            let name = name.as_deref().map(printable).unwrap_or_default();
            let gap = if name.is_empty() { "" } else { " " };
            let _ = writeln!(
                out,
                "room {name}{gap}({id}): leaves the files and is no longer managed; it is left as it is"
            );
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}

impl RoomDiff {
    /// `labelled`: the room of the base that had the label this one has now.
    fn new(
        before: &DesiredRoom,
        now: &DesiredRoom,
        live: Option<&LiveSummary>,
        labelled: Option<&RoomId>,
    ) -> Self {
        let people = wanted(before).minus(&wanted(now));
        let no_admin = admins(before).minus(&admins(now));
        Self {
            is_new: false,
            admins: no_admin.minus(&people),
            people,
            relaxations: relaxations::between(before, now, live),
            changes: entry_changes::between(before, now, live, labelled),
            uninvited: 0,
        }
    }

    fn notes(&self) -> impl Iterator<Item = Note> + '_ {
        let Self {
            is_new,
            people,
            admins,
            relaxations,
            changes,
            uninvited: _,
        } = self;
        let new = is_new.then(|| Note::new(ReasonCode::NewRoom, "this room is new in the files"));
        let relaxations = relaxations
            .iter()
            .map(|relaxation| Note::new(ReasonCode::GuardLoosened, relaxation.message.clone()));
        let changes = changes
            .iter()
            .map(|change| Note::new(ReasonCode::FilesChange, change.clone()));
        let leaves = |why: &'static str| move |user| Note::new(ReasonCode::LeavesFiles, why).about(user);
        let people = people
            .iter()
            .map(leaves("the files no longer want this person here"));
        let admins = admins
            .iter()
            .map(leaves("the files no longer want this person as an admin here"));
        new.into_iter()
            .chain(relaxations)
            .chain(changes)
            .chain(people)
            .chain(admins)
    }

    /// True for a note that [`BaseDiff::note`] makes of something that has a place of its own in the comment.
    pub(crate) fn made(note: &Note) -> bool {
        [
            ReasonCode::NewRoom,
            ReasonCode::GuardLoosened,
            ReasonCode::LeavesFiles,
        ]
        .contains(&note.code)
    }
}

fn admins(room: &DesiredRoom) -> MemberSet {
    room.admins.clone().unwrap_or_default()
}

/// The patterns that are not among the others, with commas between them.
fn named(globs: &[Glob], others: &[Glob]) -> String {
    let named: BTreeSet<&str> = globs
        .iter()
        .filter(|glob| !others.contains(glob))
        .map(Glob::as_str)
        .collect();
    named.into_iter().collect::<Vec<_>>().join(", ")
}

/// Wanted admins are wanted members, too.
fn wanted(room: &DesiredRoom) -> MemberSet {
    match (&room.admins, &room.members) {
        (Some(admins), Some(members)) => members.or(admins),
        (Some(people), None) | (None, Some(people)) => people.clone(),
        (None, None) => MemberSet::default(),
    }
}
