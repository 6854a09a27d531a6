//! What lets more through than something else does.

use super::super::LiveSummary;
use crate::desired::DesiredRoom;
use crate::model::{Glob, Guards, Limit, Mode};

/// A key of a room that lets more through than it did, or than the settings do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looser {
    /// The key.
    pub key: &'static str,
    /// In words.
    pub message: String,
}

/// The bounds of a room that let more through than those of the settings.
#[must_use]
pub fn looser_than_settings(
    settings: &Guards,
    room: &DesiredRoom,
    live: Option<&LiveSummary>,
) -> Vec<Looser> {
    bounds(&room.guards, settings, live, "the settings say").collect()
}

/// What of a room lets more through than its earlier entry.
pub(super) fn since(before: &DesiredRoom, now: &DesiredRoom, live: Option<&LiveSummary>) -> Vec<Looser> {
    let mut looser: Vec<Looser> = bounds(&now.guards, &before.guards, live, "it was").collect();
    let mut say = |key, message| looser.push(Looser { key, message });
    for (key, before, now) in [
        ("protect", &before.guards.protect, &now.guards.protect),
        ("ignore", &before.ignore, &now.ignore),
    ] {
        let dropped: Vec<&str> = before
            .iter()
            .filter(|glob| !now.contains(glob))
            .map(Glob::as_str)
            .collect();
        if !dropped.is_empty() {
            say(key, format!("{key} no longer names {}", dropped.join(", ")));
        }
    }
    if reach(now.mode) > reach(before.mode) {
        let (now, before) = (word(now.mode), word(before.mode));
        say("mode", format!("mode is {now}, it was {before}"));
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
    looser
}

fn bounds(
    now: &Guards,
    other: &Guards,
    live: Option<&LiveSummary>,
    said: &'static str,
) -> impl Iterator<Item = Looser> {
    let members = live.map(|live| live.members);
    let admins = live.map(|live| live.admins);
    let some = |now, other| (Some(now), Some(other));
    [
        (
            "max_removals",
            some(now.max_removals, other.max_removals),
            members,
        ),
        (
            "max_demotions",
            some(now.max_demotions, other.max_demotions),
            admins,
        ),
        ("max_additions", (now.max_additions, other.max_additions), members),
    ]
    .into_iter()
    .filter(|(_, (now, other), of)| is_looser(*now, *other, *of))
    .map(move |(key, (now, other), _)| {
        let shown = |limit: Option<Limit>| limit.map_or("unbounded".to_owned(), |limit| limit.to_string());
        Looser {
            key,
            message: format!("{key} is {}, {said} {}", shown(now), shown(other)),
        }
    })
}

/// Whether a bound lets more through than the other one, `of` being what both are held against. A share and a number can only be
/// compared with it; without, the bound is taken for looser.
fn is_looser(now: Option<Limit>, other: Option<Limit>, of: Option<u64>) -> bool {
    match (now, other, of) {
        (_, None, _) => false,
        (None, Some(_), _) => true,
        (Some(Limit::Count(now)), Some(Limit::Count(other)), _) => now > other,
        (Some(Limit::Share(now)), Some(Limit::Share(other)), _) => now > other,
        (Some(now), Some(other), Some(of)) => now.of(of) > other.of(of),
        (Some(now), Some(_), None) => now != Limit::Count(0) && now != Limit::Share(0),
    }
}

/// How much a mode may do.
fn reach(mode: Mode) -> u8 {
    match mode {
        Mode::Observe => 0,
        Mode::Additive => 1,
        Mode::Authoritative => 2,
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Additive => "additive",
        Mode::Authoritative => "authoritative",
    }
}
