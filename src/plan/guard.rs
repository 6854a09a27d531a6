use super::changes::Changes;
use crate::model::{Guards, Limit};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A guard that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// Its name in the settings.
    #[schemars(extend("enum" = ["max_removals", "max_demotions", "max_additions", "max_removals_total"]))]
    pub guard: &'static str,
    /// What it allows, as written.
    #[serde(serialize_with = "as_text")]
    pub limit: Limit,
    /// How many are wanted.
    pub wanted: u64,
    /// Out of how many.
    pub of: u64,
}

fn as_text<S: Serializer>(limit: &Limit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(limit)
}

/// The guard that looks at a room's removals.
pub(super) const MAX_REMOVALS: &str = "max_removals";
/// The guard that looks at a room's demotions.
pub(super) const MAX_DEMOTIONS: &str = "max_demotions";
/// The guard that looks at a room's adds.
pub(crate) const MAX_ADDITIONS: &str = "max_additions";
/// The guard that looks at the removals of all rooms.
pub(super) const MAX_REMOVALS_TOTAL: &str = "max_removals_total";

/// The guard of this name.
pub(super) fn named(name: &str) -> Option<&'static str> {
    [MAX_REMOVALS, MAX_DEMOTIONS, MAX_ADDITIONS, MAX_REMOVALS_TOTAL]
        .into_iter()
        .find(|guard| *guard == name)
}

/// True for the name of a guard, which is the code of everything it holds.
#[must_use]
pub fn is_guard(code: &str) -> bool {
    named(code).is_some()
}

/// Gives a block if more is wanted than the limit allows.
pub(super) fn judge(guard: &'static str, limit: Limit, wanted: usize, of: u64) -> Option<Blocked> {
    let wanted = wanted as u64;
    (wanted > limit.of(of)).then_some(Blocked {
        guard,
        limit,
        wanted,
        of,
    })
}

/// Holds a room's changes against its guards, `members` and `admins` being the live counts.
pub(super) fn room(changes: &Changes, guards: &Guards, members: u64, admins: u64) -> Vec<Blocked> {
    let additions = guards
        .max_additions
        .and_then(|limit| judge(MAX_ADDITIONS, limit, changes.add.len(), members));
    [
        judge(MAX_REMOVALS, guards.max_removals, changes.remove.len(), members),
        judge(MAX_DEMOTIONS, guards.max_demotions, changes.demote.len(), admins),
        additions,
    ]
    .into_iter()
    .flatten()
    .collect()
}
