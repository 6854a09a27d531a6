//! Changes of a room's entry that let no more through than before.

use super::named;
use super::relaxations::{Bound, bounds, budget_against, is_looser, reach};
use crate::desired::DesiredRoom;
use crate::model::{Absent, Limit, MemberSet, Mode, RoomId, Until, UserId, people_named};
use crate::plan::LiveSummary;
use std::collections::BTreeMap;

/// Differences of a room's entry from its earlier one, apart from its people and from relaxations.
/// `labelled` is the room that had its label before.
pub(super) fn between(
    before: &DesiredRoom,
    now: &DesiredRoom,
    live: Option<&LiveSummary>,
    labelled: Option<&RoomId>,
) -> Vec<String> {
    let DesiredRoom {
        id: _,
        name,
        owner,
        admins,
        members,
        allow_empty,
        ignore,
        mode,
        ends,
        excluded: _,
        absent,
        guards,
        own_guards: _,
    } = now;
    let mut changes = Vec::new();
    if *name != before.name {
        let shown = |name: &Option<String>| {
            name.as_ref()
                .map_or("none".to_owned(), |name| format!("{name:?}"))
        };
        let from = labelled.map_or_else(String::new, |id| format!("; room {id} had this label"));
        changes.push(format!(
            "the label is {}, it was {}{from}",
            shown(name),
            shown(&before.name)
        ));
    }
    if *ends != before.ends {
        changes.extend(ends_between(before, now));
    }
    changes.extend(owner.as_ref().and_then(|now| owned(before.owner.as_ref(), now)));
    for (key, was, is) in [
        ("admins", before.admins.is_some(), admins.is_some()),
        ("members", before.members.is_some(), members.is_some()),
    ] {
        if was && !is {
            changes.push(format!(
                "{key} is no longer managed: nobody goes for not being listed there"
            ));
        } else if is && !was && *mode != Mode::Authoritative {
            changes.push(format!("{key} is managed now"));
        }
    }
    if reach(*mode) < reach(before.mode) {
        let only = match mode {
            Mode::Observe => ": nothing is written",
            Mode::Additive => ": nobody is removed or demoted",
            Mode::Authoritative => "",
        };
        changes.push(format!("mode is {mode}, it was {}{only}", before.mode));
    }
    if *absent != before.absent {
        let then = match absent {
            Absent::Readd => "whoever is not there is added again",
            Absent::Ignore => "whoever leaves is not added again",
            Absent::Keep => "members are put on the allow list",
        };
        changes.push(format!("absent is {absent}, it was {}: {then}", before.absent));
    }
    for (key, was, is, then) in [
        (
            "protect",
            &before.guards.protect,
            &guards.protect,
            "removed or demoted",
        ),
        ("ignore", &before.ignore, ignore, "seen or touched"),
    ] {
        let new = named(is, was);
        if !new.is_empty() {
            changes.push(format!("{key} now names {new}: nobody of that name is {then}"));
        }
    }
    changes.extend(
        bounds(guards, &before.guards, live)
            .into_iter()
            .filter_map(|bound| bounded(&bound)),
    );
    let (now, was) = (guards.removal_budget, before.guards.removal_budget);
    if now != was && !now.is_looser_than(&was) {
        changes.push(budget_against(now, was, "it was"));
    }
    for (key, was, is) in [
        ("admins", before.allow_empty.admins, allow_empty.admins),
        ("members", before.allow_empty.members, allow_empty.members),
    ] {
        if was && !is {
            changes.push(format!("allow_empty no longer lets {key} come to nobody"));
        }
    }
    changes
}

/// People who are wanted as before, and whose place ends at another time than it did.
fn ends_between(before: &DesiredRoom, now: &DesiredRoom) -> Vec<String> {
    let wanted = |room: &DesiredRoom| MemberSet::of_all([&room.admins, &room.members].into_iter().flatten());
    let mut changed: BTreeMap<(Option<Until>, Option<Until>), Vec<UserId>> = BTreeMap::new();
    for user in wanted(before).and(&wanted(now)).iter() {
        let (was, is) = (before.end_of(user), now.end_of(user));
        if was != is {
            changed.entry((was, is)).or_default().push(user.clone());
        }
    }
    let told = |((was, is), users): ((Option<Until>, Option<Until>), Vec<UserId>)| {
        let end = |until: Option<Until>| {
            until.map_or("without an end".to_owned(), |until| format!("until {until}"))
        };
        format!("{} wanted {}, before {}", people_are(&users), end(is), end(was))
    };
    changed.into_iter().map(told).collect()
}

/// As in `mia is`, `mia and omar are`.
fn people_are(users: &[UserId]) -> String {
    let verb = if users.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", people_named(users))
}

/// Somebody else has to own the room than had to before.
fn owned(before: Option<&UserId>, now: &UserId) -> Option<String> {
    match before {
        Some(before) if before == now => None,
        Some(before) => Some(format!(
            "owner is {now}, it was {before}: nothing is done where somebody else owns the room"
        )),
        None => Some(format!(
            "owner is {now} and was not checked: nothing is done where somebody else owns the room"
        )),
    }
}

/// A bound that is another one, and no looser today.
fn bounded(bound: &Bound) -> Option<String> {
    if bound.now == bound.other || is_looser(bound) {
        return None;
    }
    let then = match (bound.other, bound.now) {
        (Some(Limit::Share(_)), Some(Limit::Count(_))) => ": a number does not shrink with the room",
        (Some(Limit::Count(_)), Some(Limit::Share(_))) => ": a share grows with the room",
        _ => "",
    };
    Some(format!("{}{then}", bound.told("it was")))
}
