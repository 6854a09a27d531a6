//! Guards, modes and lists that let more through than their earlier values.

use super::named;
use crate::desired::DesiredRoom;
use crate::model::{Guards, Limit, Mode, RemovalBudget};
use crate::plan::LiveSummary;

/// A key of a room that lets more through than it did, or than the settings do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relaxation {
    /// The key.
    pub key: &'static str,
    /// In words.
    pub message: String,
}

/// The bounds of a room that let more through than those of the settings.
#[must_use]
pub fn relaxations_of_settings(
    settings: &Guards,
    room: &DesiredRoom,
    live: Option<&LiveSummary>,
) -> Vec<Relaxation> {
    const SAID: &str = "the settings say";
    let budget = budget_loosened(&room.guards, settings, SAID).map(|message| Relaxation {
        key: "removal_budget",
        message,
    });
    looser_bounds(&room.guards, settings, live, SAID)
        .chain(budget)
        .collect()
}

/// The removal budget in words, if it lets more people go than the other one.
fn budget_loosened(now: &Guards, other: &Guards, said: &str) -> Option<String> {
    let (now, other) = (now.removal_budget, other.removal_budget);
    now.is_looser_than(&other)
        .then(|| budget_against(now, other, said))
}

/// `removal_budget is off, it was {limit: 50%, at_least: 5, window: 24h}`
pub(super) fn budget_against(now: RemovalBudget, other: RemovalBudget, said: &str) -> String {
    format!("removal_budget is {now}, {said} {other}")
}

/// Everything in a room's entry that lets more through than its earlier entry.
pub(super) fn between(
    before: &DesiredRoom,
    now: &DesiredRoom,
    live: Option<&LiveSummary>,
) -> Vec<Relaxation> {
    let mut relaxations: Vec<Relaxation> =
        looser_bounds(&now.guards, &before.guards, live, "it was").collect();
    let mut say = |key, message| relaxations.push(Relaxation { key, message });
    if let Some(message) = budget_loosened(&now.guards, &before.guards, "it was") {
        say("removal_budget", message);
    }
    for (key, before, now) in [
        ("protect", &before.guards.protect, &now.guards.protect),
        ("ignore", &before.ignore, &now.ignore),
    ] {
        let dropped = named(before, now);
        if !dropped.is_empty() {
            say(key, format!("{key} no longer names {dropped}"));
        }
    }
    for (key, before, managed, who) in [
        (
            "admins",
            &before.admins,
            &now.admins,
            "an admin who is not listed is demoted",
        ),
        (
            "members",
            &before.members,
            &now.members,
            "who is not listed is removed",
        ),
    ] {
        // In the other modes nobody goes.
        if before.is_none() && managed.is_some() && now.mode == Mode::Authoritative {
            say(key, format!("{key} is managed now: {who}"));
        }
    }
    if reach(now.mode) > reach(before.mode) {
        say("mode", format!("mode is {}, it was {}", now.mode, before.mode));
    }
    for (key, before, now) in [
        ("admins", before.allow_empty.admins, now.allow_empty.admins),
        ("members", before.allow_empty.members, now.allow_empty.members),
    ] {
        if now && !before {
            say(
                "allow_empty",
                format!("allow_empty now lets {key} come to nobody"),
            );
        }
    }
    if let (Some(owner), None) = (&before.owner, &now.owner) {
        say("owner", format!("owner is no longer checked, it was {owner}"));
    }
    relaxations
}

/// A bound of a room beside another one of the same key.
pub(super) struct Bound {
    key: &'static str,
    pub(super) now: Option<Limit>,
    pub(super) other: Option<Limit>,
    /// Number of people that both are measured against, if known.
    of: Option<u64>,
}

impl Bound {
    /// `max_removals is 26, it was 25%`
    pub(super) fn told(&self, said: &str) -> String {
        let shown = |limit: Option<Limit>| limit.map_or("unbounded".to_owned(), |limit| limit.to_string());
        format!(
            "{} is {}, {said} {}",
            self.key,
            shown(self.now),
            shown(self.other)
        )
    }
}

/// Every bound that there is.
pub(super) fn bounds(now: &Guards, other: &Guards, live: Option<&LiveSummary>) -> [Bound; 3] {
    let members = live.map(|live| live.members);
    let bound = |key, now, other, of| Bound { key, now, other, of };
    [
        bound(
            "max_removals",
            Some(now.max_removals),
            Some(other.max_removals),
            members,
        ),
        bound(
            "max_demotions",
            Some(now.max_demotions),
            Some(other.max_demotions),
            live.and_then(|live| live.admins),
        ),
        bound("max_additions", now.max_additions, other.max_additions, members),
    ]
}

fn looser_bounds(
    now: &Guards,
    other: &Guards,
    live: Option<&LiveSummary>,
    said: &'static str,
) -> impl Iterator<Item = Relaxation> {
    bounds(now, other, live)
        .into_iter()
        .filter(is_looser)
        .map(move |bound| Relaxation {
            key: bound.key,
            message: bound.told(said),
        })
}

/// True if a bound lets more through than the other one. A share and a number can only be compared with what they are held
/// against; without, the bound is taken for looser.
pub(super) fn is_looser(bound: &Bound) -> bool {
    match (bound.now, bound.other, bound.of) {
        (_, None, _) => false,
        (None, Some(_), _) => true,
        (Some(Limit::Count(now)), Some(Limit::Count(other)), _) => now > other,
        (Some(Limit::Share(now)), Some(Limit::Share(other)), _) => now > other,
        (Some(now), Some(other), Some(of)) => now.of(of) > other.of(of),
        (Some(now), Some(_), None) => now != Limit::Count(0) && now != Limit::Share(0),
    }
}

/// Rank of a mode by the calls that it allows.
pub(super) fn reach(mode: Mode) -> u8 {
    match mode {
        Mode::Observe => 0,
        Mode::Additive => 1,
        Mode::Authoritative => 2,
    }
}
