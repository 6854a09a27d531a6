use super::LiveSummary;
use super::changes::Changes;
use crate::model::{Guard, Guards, Limit, RoomId, counted, counted_people};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A guard that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Blocked")]
pub struct GuardTripped {
    /// Its name in the settings.
    #[schemars(with = "String", extend("enum" = ["max_removals", "max_demotions", "max_additions", "max_removals_total", "allow_empty"]))]
    pub guard: Guard,
    /// Its limit, as written.
    #[serde(serialize_with = "as_text")]
    pub limit: Limit,
    /// Number of people who are wanted.
    pub wanted: u64,
    /// Out of how many.
    pub of: u64,
}

/// As in `max_removals allows 25% of 5, 3 are wanted`.
impl fmt::Display for GuardTripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.guard == Guard::AllowEmpty {
            let kept = counted_people(usize::try_from(self.wanted).unwrap_or(usize::MAX));
            return write!(f, "{}: {kept} kept, who had the last place in a list", self.guard);
        }
        write!(f, "{} allows {}", self.guard, self.measure())
    }
}

impl GuardTripped {
    /// What it lets through, and what is wanted.
    pub(super) fn measure(&self) -> String {
        let Self {
            guard,
            limit,
            wanted,
            of,
        } = self;
        let are = if *wanted == 1 { "is" } else { "are" };
        if *guard == Guard::MaxRemovalsTotal {
            let wanted = counted(usize::try_from(*wanted).unwrap_or(usize::MAX), "removal");
            format!("{limit} of {of} members in all rooms, {wanted} {are} wanted")
        } else {
            format!("{limit} of {of}, {wanted} {are} wanted")
        }
    }
}

/// The lines of the files that let through what these guards hold; to be written only if it is meant.
#[must_use]
pub fn lines_to_allow(blocked: &[GuardTripped]) -> String {
    let mut most: BTreeMap<&str, u64> = BTreeMap::new();
    for GuardTripped { guard, wanted, .. } in blocked {
        let number = most.entry(guard.as_str()).or_default();
        *number = (*number).max(*wanted);
    }
    let total = most.remove(Guard::MaxRemovalsTotal.as_str());
    let empty = most.remove(Guard::AllowEmpty.as_str());
    let own: Vec<String> = most
        .iter()
        .map(|(guard, wanted)| {
            if *guard == Guard::RemovalBudget.as_str() {
                format!("{guard}: {{limit: {wanted}}}")
            } else {
                format!("{guard}: {wanted}")
            }
        })
        .collect();
    let own = (!own.is_empty()).then(|| format!("`guards: {{{}}}` in the room's entry", own.join(", ")));
    let total = total.map(|wanted| format!("`guards: {{max_removals_total: {wanted}}}` in the settings"));
    let empty =
        empty.map(|_| "`allow_empty` in the room's entry, with the list that may come to nobody".to_owned());
    let lines: Vec<String> = own.into_iter().chain(empty).chain(total).collect();
    lines.join(" and ")
}

/// The ways to let through what these guards hold in a room, in words; to be gone only if it is meant.
#[must_use]
pub fn ways_to_allow(blocked: &[GuardTripped], room: &RoomId) -> String {
    format!(
        "write {} and take it out again afterwards, or have the daemon let these through once: `{}`",
        lines_to_allow(blocked),
        approving(room)
    )
}

/// The command that lets through once what is held in a room.
#[must_use]
pub fn approving(room: &RoomId) -> String {
    format!("roomsync approve {room}")
}

fn as_text<S: Serializer>(limit: &Limit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(limit)
}

/// Gives a block if more is wanted than the limit allows.
pub(super) fn judge(guard: Guard, limit: Limit, wanted: usize, of: u64) -> Option<GuardTripped> {
    let wanted = wanted as u64;
    (wanted > limit.of(of)).then_some(GuardTripped {
        guard,
        limit,
        wanted,
        of,
    })
}

/// Holds a room's changes against its guards. Where the admins were not read nobody is demoted.
pub(super) fn room(changes: &Changes, guards: &Guards, live: &LiveSummary) -> Vec<GuardTripped> {
    let members = live.members;
    let additions = guards
        .max_additions
        .and_then(|limit| judge(Guard::MaxAdditions, limit, changes.add.len(), members));
    [
        judge(
            Guard::MaxRemovals,
            guards.max_removals,
            changes.remove.len(),
            members,
        ),
        judge(
            Guard::MaxDemotions,
            guards.max_demotions,
            changes.demote.len(),
            live.admins.unwrap_or(0),
        ),
        additions,
    ]
    .into_iter()
    .flatten()
    .collect()
}
