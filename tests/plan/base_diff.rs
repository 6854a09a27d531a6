//! Changes of the files against an earlier version of them.

use super::plans::{desired, fleet, id, room, users};
use roomsync::base::{BaseDiff, RoomDiff, relaxations_of_settings};
use roomsync::desired::{AllowEmpty, DesiredRoom};
use roomsync::model::{Absent, Glob, Guards, Limit, MemberSet, Mode, ReasonCode};
use roomsync::plan::{FleetPlan, Note};

fn base_diff(base: &[DesiredRoom], now: &[DesiredRoom]) -> BaseDiff {
    let now: Vec<&DesiredRoom> = now.iter().collect();
    BaseDiff::new(base, &now, &fleet(vec![room(1)]), &Guards::default())
}

fn one(before: DesiredRoom, now: DesiredRoom) -> RoomDiff {
    base_diff(&[before], &[now]).rooms.remove(&id(1)).unwrap()
}

fn messages(base_diff: &RoomDiff) -> Vec<&str> {
    base_diff
        .relaxations
        .iter()
        .map(|looser| looser.message.as_str())
        .collect()
}

#[test]
fn names_leave_whatever_is_in_the_room() {
    let before = desired(1, &["mia", "omar", "pat"], &["ann", "bob"]);
    let now = desired(1, &["mia"], &["ann", "pat"]);
    let base_diff = one(before, now);
    assert_eq!(base_diff.people, users(&["bob", "omar"]));
    assert_eq!(base_diff.admins, users(&["pat"]));
    assert!(!base_diff.is_new && base_diff.relaxations.is_empty());
}

#[test]
fn a_member_who_becomes_an_admin_does_not_leave() {
    let base_diff = one(
        desired(1, &["mia"], &["ann", "bob"]),
        desired(1, &["mia", "ann"], &["bob"]),
    );
    assert_eq!(base_diff, RoomDiff::default());
}

#[test]
fn names_of_a_list_that_is_no_longer_managed_leave_too() {
    let base_diff = one(desired(1, &["mia"], &["ann"]), desired(1, &["mia"], &[]));
    assert_eq!(base_diff.people, users(&["ann"]));
}

#[test]
fn rooms_come_and_go() {
    let base_diff = base_diff(
        &[desired(3, &[], &["ann"]), desired(1, &[], &["ann"])],
        &[desired(1, &[], &["ann"]), desired(2, &[], &["ann"])],
    );
    assert_eq!(base_diff.gone, [(id(3), None)]);
    assert_eq!(base_diff.rooms[&id(1)], RoomDiff::default());
    assert!(base_diff.rooms[&id(2)].is_new);
    assert_eq!(
        base_diff.text(),
        format!(
            "room ({}): leaves the files and is no longer managed; it is left as it is\n\n",
            id(3)
        )
    );
}

#[test]
fn notes_tell_programs_of_it() {
    let before = desired(1, &["mia", "pat"], &["ann", "bob"]);
    let mut now = desired(1, &["mia"], &["ann", "pat"]);
    now.guards.max_removals = Limit::Share(10_000);
    let mut plan = fleet(vec![room(1)]);
    base_diff(&[before], &[now]).note(&mut plan);
    let notes: Vec<_> = plan.rooms[0]
        .notes
        .iter()
        .map(|note| {
            (
                note.code.as_str(),
                note.user.as_deref(),
                note.held,
                note.message.as_str(),
            )
        })
        .collect();
    assert_eq!(
        notes,
        [
            ("guard_loosened", None, None, "max_removals is 100%, it was 25%"),
            (
                "leaves_files",
                Some("bob"),
                None,
                "the files no longer want this person here"
            ),
            (
                "leaves_files",
                Some("pat"),
                None,
                "the files no longer want this person as an admin here"
            ),
        ]
    );
    assert!(!plan.rooms[0].falls_short(), "a note of the files is no failure");
}

#[test]
fn whatever_lets_more_through_is_told() {
    let glob = |text| Glob::parse(text).unwrap();
    let mut before = desired(1, &[], &["ann"]);
    before.guards.max_additions = Some(Limit::Count(5));
    before.guards.protect = vec![glob("bot-*"), glob("chief")];
    before.ignore = vec![glob("guest-*")];
    before.mode = Mode::Observe;
    before.owner = Some(roomsync::model::UserId::parse("alice").unwrap());
    let mut now = desired(1, &[], &["ann"]);
    now.guards.max_removals = Limit::Count(26);
    now.guards.max_demotions = Limit::Count(2);
    now.guards.protect = vec![glob("chief")];
    now.allow_empty = AllowEmpty {
        admins: false,
        members: true,
    };
    assert_eq!(
        messages(&one(before.clone(), now.clone())),
        [
            "max_removals is 26, it was 25%",
            "max_additions is unbounded, it was 5",
            "protect no longer names bot-*",
            "ignore no longer names guest-*",
            "mode is authoritative, it was observe",
            "allow_empty now lets members come to nobody",
            "owner is no longer checked, it was alice",
        ]
    );
    assert_eq!(
        one(now, before).relaxations,
        [],
        "the other way round everything is tighter"
    );
}

#[test]
fn another_treatment_of_who_is_absent_is_told() {
    let readd = desired(1, &[], &["ann"]);
    let mut ignore = readd.clone();
    ignore.absent = Absent::Ignore;
    let (now, back) = (one(readd.clone(), ignore.clone()), one(ignore, readd));
    assert_eq!(
        now.changes,
        ["absent is ignore, it was readd: whoever leaves is not added again"]
    );
    assert_eq!(
        back.changes,
        ["absent is readd, it was ignore: whoever is not there is added again"]
    );
    assert_eq!((messages(&now), messages(&back)), (vec![], vec![]));
}

#[test]
fn names_that_are_new_are_told_apart_among_those_who_are_not_here() {
    let mut now = desired(1, &["mia"], &["ann", "bob", "eve"]);
    now.absent = Absent::Ignore;
    let not_here = |users: MemberSet| {
        let mut planned = room(1);
        planned.not_here = users;
        planned.notes = vec![
            Note::new(ReasonCode::Absent, "2 not here"),
            Note::new(ReasonCode::AdminKept, "kept"),
        ];
        fleet(vec![planned])
    };
    let uninvited = |base: &[DesiredRoom], plan: &FleetPlan| {
        let diff = BaseDiff::new(base, &[&now], plan, &Guards::default());
        diff.rooms[&id(1)].uninvited
    };
    // Whoever was an admin was wanted as well.
    let mut before = desired(1, &["eve"], &["ann"]);
    before.absent = Absent::Ignore;
    let mut plan = not_here(users(&["bob", "eve"]));
    assert_eq!(uninvited(&[before.clone()], &plan), 1);
    assert_eq!(uninvited(&[desired(2, &[], &["bob"])], &plan), 2, "a new room");
    assert_eq!(uninvited(&[before.clone()], &not_here(users(&["eve"]))), 0);
    assert_eq!(uninvited(&[before.clone()], &not_here(users(&[]))), 0);

    BaseDiff::new(&[before], &[&now], &plan, &Guards::default()).note(&mut plan);
    let notes = plan.rooms[0].notes.iter().map(|note| note.message.as_str());
    assert_eq!(
        notes.take(3).collect::<Vec<_>>(),
        [
            "2 not here",
            "1 of them new in this change: never invited",
            "kept"
        ]
    );
}

#[test]
fn a_key_that_becomes_managed_is_told_whoever_is_in_the_room() {
    let bare = desired(1, &["mia"], &[]);
    let listed = desired(1, &["mia"], &["ann", "mia"]);
    let base_diff = one(bare.clone(), listed.clone());
    assert_eq!(
        messages(&base_diff),
        ["members is managed now: who is not listed is removed"]
    );
    assert_eq!(base_diff.changes, [""; 0]);
    assert_eq!(
        messages(&one(desired(1, &[], &["ann", "mia"]), listed.clone())),
        ["admins is managed now: an admin who is not listed is demoted"]
    );
    // The other way round nobody goes.
    let back = one(listed.clone(), bare.clone());
    assert_eq!(messages(&back), [""; 0]);
    assert_eq!(
        back.changes,
        ["members is no longer managed: nobody goes for not being listed there"]
    );
    // Where nobody is ever removed, nobody goes either.
    let adding = |mut room: DesiredRoom| {
        room.mode = Mode::Additive;
        room
    };
    let added = one(adding(bare.clone()), adding(listed.clone()));
    assert_eq!(messages(&added), [""; 0]);
    assert_eq!(added.changes, ["members is managed now"]);
    assert_eq!(
        messages(&one(adding(bare), listed)),
        [
            "members is managed now: who is not listed is removed",
            "mode is authoritative, it was additive"
        ]
    );
}

#[test]
fn a_share_that_becomes_a_number_is_told_where_it_comes_to_the_same() {
    let share = desired(1, &[], &["ann"]);
    let mut number = share.clone();
    // A quarter of a hundred members.
    number.guards.max_removals = Limit::Count(25);
    let base_diff = one(share.clone(), number.clone());
    assert_eq!(messages(&base_diff), [""; 0]);
    assert_eq!(
        base_diff.changes,
        ["max_removals is 25, it was 25%: a number does not shrink with the room"]
    );
    assert_eq!(
        one(number.clone(), share.clone()).changes,
        ["max_removals is 25%, it was 25: a share grows with the room"]
    );
    number.guards.max_removals = Limit::Count(26);
    let base_diff = one(share, number);
    assert_eq!(messages(&base_diff), ["max_removals is 26, it was 25%"]);
    assert_eq!(base_diff.changes, [""; 0], "once is enough");
}

#[test]
fn what_lets_no_more_through_is_told_apart() {
    let glob = |text| Glob::parse(text).unwrap();
    let owner = |name| Some(roomsync::model::UserId::parse(name).unwrap());
    let mut before = desired(1, &[], &["ann"]);
    before.name = Some("ops".into());
    before.owner = owner("alice");
    before.allow_empty.members = true;
    let mut now = desired(1, &[], &["ann"]);
    now.name = Some("dev".into());
    now.owner = owner("bob");
    now.mode = Mode::Observe;
    now.guards.protect = vec![glob("eve"), glob("bot-*"), glob("bot-*")];
    now.ignore = vec![glob("guest-*")];
    now.guards.max_removals = Limit::Share(1_000);
    now.guards.max_additions = Some(Limit::Count(5));
    let mut other = desired(2, &[], &["ann"]);
    other.name = Some("dev".into());
    let mut swapped = other.clone();
    swapped.name = Some("ops".into());
    let base_diff = base_diff(&[before.clone(), other], &[now.clone(), swapped]);
    assert_eq!(messages(&base_diff.rooms[&id(1)]), [""; 0]);
    assert_eq!(
        base_diff.rooms[&id(1)].changes,
        [
            r#"the label is "dev", it was "ops"; room 66213271000002 had this label"#,
            "owner is bob, it was alice: nothing is done where somebody else owns the room",
            "mode is observe, it was authoritative: nothing is written",
            "protect now names bot-*, eve: nobody of that name is removed or demoted",
            "ignore now names guest-*: nobody of that name is seen or touched",
            "max_removals is 10%, it was 25%",
            "max_additions is 5, it was unbounded",
            "allow_empty no longer lets members come to nobody",
        ]
    );
    assert_eq!(
        base_diff.rooms[&id(2)].changes,
        [r#"the label is "ops", it was "dev"; room 66213271000001 had this label"#]
    );
    let mut plan = fleet(vec![room(2)]);
    base_diff.note(&mut plan);
    assert_eq!(plan.rooms[0].notes[0].code.as_str(), "files_change");
    assert!(!plan.rooms[0].falls_short());

    let mut owned = before.clone();
    owned.owner = None;
    assert_eq!(
        one(owned, before).changes,
        ["owner is alice and was not checked: nothing is done where somebody else owns the room"]
    );
    now.mode = Mode::Additive;
    let mut all = now.clone();
    all.mode = Mode::Authoritative;
    assert_eq!(
        one(all, now).changes,
        ["mode is additive, it was authoritative: nobody is removed or demoted"]
    );
}

#[test]
fn a_new_room_is_held_against_the_settings() {
    let mut wide = desired(1, &[], &["ann"]);
    wide.guards.max_removals = Limit::Share(10_000);
    let mut plan = fleet(vec![room(1)]);
    base_diff(&[], &[wide]).note(&mut plan);
    let notes: Vec<_> = plan.rooms[0]
        .notes
        .iter()
        .map(|note| (note.code.as_str(), note.message.as_str()))
        .collect();
    assert_eq!(
        notes,
        [
            ("new_room", "this room is new in the files"),
            ("guard_loosened", "max_removals is 100%, the settings say 25%"),
        ]
    );
}

#[test]
fn a_number_and_a_share_are_compared_in_the_room_as_it_is() {
    let mut wide = desired(1, &[], &["ann"]);
    let live = room(1).live;
    // A quarter of a hundred members is 25.
    for (limit, looser) in [(24, false), (25, false), (26, true)] {
        wide.guards.max_removals = Limit::Count(limit);
        let found = relaxations_of_settings(&Guards::default(), &wide, live.as_ref());
        assert_eq!(!found.is_empty(), looser, "{limit}");
    }
    for (limit, looser) in [(0, false), (1, true)] {
        wide.guards.max_removals = Limit::Count(limit);
        let found = relaxations_of_settings(&Guards::default(), &wide, None);
        assert_eq!(
            !found.is_empty(),
            looser,
            "{limit}: nobody knows how large the room is"
        );
    }
    wide.guards = Guards::default();
    assert_eq!(
        relaxations_of_settings(&Guards::default(), &wide, live.as_ref()),
        []
    );
}
