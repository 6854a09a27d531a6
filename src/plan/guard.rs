use super::LiveSummary;
use super::changes::Changes;
use crate::model::{Guard, Guards, Limit};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A guard that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Blocked")]
pub struct GuardTripped {
    /// Its name in the settings.
    #[schemars(with = "String", extend("enum" = ["max_removals", "max_demotions", "max_additions", "max_removals_total"]))]
    pub guard: Guard,
    /// Its limit, as written.
    #[serde(serialize_with = "as_text")]
    pub limit: Limit,
    /// Number of people who are wanted.
    pub wanted: u64,
    /// Out of how many.
    pub of: u64,
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
