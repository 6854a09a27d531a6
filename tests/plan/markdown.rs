//! `plan --format markdown`: fits whatever the size, is right in its numbers, and holds nobody's markup but ours.

mod random;

use super::comment::{FOREIGN, Seen, read, render, totals};
use super::plans::{desired, fleet, id, many, meta, room, sent, user, users};
use proptest::prelude::*;
use roomsync::base::{BaseDiff, RoomDiff};
use roomsync::desired::DesiredRoom;
use roomsync::model::{Guard, Guards, Limit, MemberSet, Op, ReasonCode};
use roomsync::plan::{Calls, FleetPlan, GuardTripped, Note, RoomPlan, Status};
use roomsync::render::{MARKDOWN_BYTES, Review, markdown, text};
use std::collections::BTreeMap;
use std::time::Instant;

fn comment(plan: &FleetPlan, desired: &[DesiredRoom], base_diff: Option<&BaseDiff>) -> String {
    let desired: Vec<&DesiredRoom> = desired.iter().collect();
    let (meta, guards) = (meta(), Guards::default());
    let review = Review {
        id: "sha256:c0ffee",
        in_no_file: None,
        meta: &meta,
        desired: &desired,
        guards: &guards,
        base_diff: base_diff.map(Ok),
    };
    let comment = markdown(plan, &review);
    assert_eq!(
        comment,
        markdown(plan, &review),
        "the same plan gives the same text"
    );
    comment
}

fn named(mut room: RoomPlan, name: &str) -> RoomPlan {
    room.name = Some(name.to_owned());
    room
}

/// A room whose wanted people are set aside is not in sync.
#[test]
fn rooms_are_counted_by_their_state_in_the_comment_as_in_the_text() {
    let mut missing = room(1);
    missing.status = Status::Incomplete;
    let mut observed = room(2);
    observed.status = Status::Observed;
    let plan = fleet(vec![missing, observed, room(3), room(4)]);
    let states = "0 to change, 1 incomplete, 1 only observed, 2 in sync";
    let said = comment(&plan, &[], None);
    assert!(
        said.contains(&format!("## roomsync plan: {states}, of 4 rooms\n")),
        "{said}"
    );
    let mut said = String::new();
    text(&mut said, &plan, 0.0).unwrap();
    assert!(said.contains(&format!("4 rooms: {states}\n")), "{said}");
}

/// One room of every kind.
fn one_of_each() -> (FleetPlan, Vec<DesiredRoom>, BaseDiff) {
    let mut lobby = named(room(1), "lobby");
    lobby.add = users(&["carol", "omar"]);
    lobby.promote = users(&["mia", "omar"]);
    lobby.demote = users(&["eve", "pat"]);
    lobby.remove = users(&["eve", "old"]);
    let lobby = sent(lobby);

    let mut support = named(room(2), "support");
    support.add = users(&["zoe"]);
    let mut support = sent(support);
    support.status = Status::Blocked;
    support.remove = users(&["carol", "dan", "eve"]);
    support.blocked = vec![GuardTripped {
        guard: Guard::MaxRemovals,
        limit: Limit::Share(2_500),
        wanted: 3,
        of: 5,
    }];

    let error = Note::new(
        ReasonCode::NoSuchRoom,
        "there is no such room: grpID 6 does not exist!",
    );
    let gone = RoomPlan::failed(id(3), Some("gone".into()), error);

    let mut watched = named(room(4), "watched");
    watched.status = Status::Observed;
    watched.remove = users(&["bob"]);

    let mut quiet = named(room(5), "quiet");
    let mut odd = Note::new(
        ReasonCode::ForeignName,
        "this name breaks the service's own rules and is left alone",
    );
    odd.user = Some("x,@y <b>".into());
    quiet.notes = vec![odd];

    let mut edited = named(room(6), "edited");
    edited.demote = users(&["flo"]);
    let edited = sent(edited);

    let mut wide = desired(7, &[], &["bob"]);
    wide.guards.max_removals = Limit::Count(500);
    let base_diff = BaseDiff {
        rooms: BTreeMap::from([
            (
                id(1),
                RoomDiff {
                    people: users(&["eve", "off"]),
                    admins: users(&["pat", "sue"]),
                    ..RoomDiff::default()
                },
            ),
            (
                id(8),
                RoomDiff {
                    is_new: true,
                    ..RoomDiff::default()
                },
            ),
        ]),
        gone: vec![(id(9), Some("left".into())), (id(10), None)],
    };
    let rooms = vec![
        lobby,
        support,
        gone,
        watched,
        quiet,
        edited,
        room(7),
        room(8),
        room(11),
    ];
    (fleet(rooms), vec![wide], base_diff)
}

#[test]
fn a_comment_with_a_room_of_every_kind() {
    let (plan, desired, base_diff) = one_of_each();
    let comment = comment(&plan, &desired, Some(&base_diff));
    render(&comment);
    insta::assert_snapshot!(comment);
}

#[test]
fn a_plan_without_changes_says_so() {
    let comment = comment(&fleet(vec![room(1)]), &[], None);
    render(&comment);
    assert!(comment.contains("Nothing is to be done."), "{comment}");
    assert_eq!(read(&comment), Seen::default());
}

#[test]
fn a_base_version_that_is_not_valid_is_told() {
    let plan = fleet(vec![room(1)]);
    let (meta, guards) = (meta(), Guards::default());
    let review = Review {
        id: "sha256:c0ffee",
        in_no_file: None,
        meta: &meta,
        desired: &[],
        guards: &guards,
        base_diff: Some(Err("Ω <old>.yaml:2:1: @all is no key")),
    };
    let comment = markdown(&plan, &review);
    render(&comment);
    assert!(comment.contains("Ω &lt;old&gt;.yaml:2:1: @all"), "{comment}");
}

#[test]
fn where_there_is_no_place_for_all_the_removals_are_shown() {
    let mut both = room(1);
    both.add = many('a', 5_000);
    both.remove = many('r', 1_000);
    let mut adds = room(2);
    adds.add = many('b', 5_000);
    let comment = comment(&fleet(vec![sent(both), sent(adds)]), &[], None);
    let seen = read(&comment);
    assert_eq!(seen.shown["removal"], 1_000);
    assert!(
        seen.shown["add"] > 1_000,
        "what is left of the place is used: {seen:?}"
    );
    assert_eq!(seen.shown["add"] + seen.counted["add"], 10_000);
}

#[test]
fn guards_that_were_always_looser_hide_nothing() {
    let rooms = (0..2_000).map(|n| {
        let mut room = room(n);
        if n % 100 == 0 {
            room.remove = users(&["eve"]);
        }
        sent(room)
    });
    let wide = |n| {
        let mut room = desired(n, &[], &["bob"]);
        room.guards.max_removals = Limit::Share(10_000);
        room
    };
    let desired: Vec<DesiredRoom> = (0..2_000).map(wide).collect();
    let comment = comment(&fleet(rooms.collect()), &desired, None);
    let seen = read(&comment);
    assert_eq!(seen.shown, BTreeMap::from([("removal", 20)]));
    let [first, last] = seen.sections.as_slice() else {
        panic!("{:?}", seen.sections)
    };
    assert_eq!(first, &("Guards let more through".to_owned(), [20, 20, 0]));
    assert_eq!((last.1[0], last.1[1] + last.1[2]), (1_980, 1_980));
}

/// Rooms in sync whose guards let more through, each with as much text as a room can have.
fn loosened(rooms: std::ops::Range<usize>, plans: &mut Vec<RoomPlan>, base_diff: &mut BaseDiff) {
    for n in rooms {
        plans.push(named(room(n), &"long ".repeat(60)));
        let message = "protect no longer names ".to_owned() + &"chief, ".repeat(50);
        let relaxations = vec![roomsync::base::Relaxation {
            key: "protect",
            message,
        }];
        base_diff.rooms.insert(
            id(n),
            RoomDiff {
                relaxations,
                ..RoomDiff::default()
            },
        );
    }
}

#[test]
fn where_people_go_is_shown_before_guards_that_let_nobody_through_yet() {
    let (mut plans, mut base_diff) = (Vec::new(), BaseDiff::default());
    loosened(0..150, &mut plans, &mut base_diff);
    let mut going = room(200);
    going.remove = many('r', 25);
    plans.push(sent(going));
    let comment = comment(&fleet(plans), &[], Some(&base_diff));
    let seen = read(&comment);
    assert_eq!(seen.shown, BTreeMap::from([("removal", 25)]), "{comment}");
    assert_eq!(seen.sections[0], ("People go".to_owned(), [1, 1, 0]));
    let (title, [rooms, shown, _]) = &seen.sections[1];
    assert_eq!(
        title,
        "Guards let more through than before, with nothing to do now"
    );
    assert!(*rooms == 150 && *shown > 50, "the place is used: {seen:?}");
}

#[test]
fn guards_that_let_more_through_have_a_place_beside_any_number_of_removals() {
    let (mut plans, mut base_diff) = (Vec::new(), BaseDiff::default());
    loosened(0..5, &mut plans, &mut base_diff);
    let mut going = room(200);
    going.remove = many('r', 100_000);
    plans.push(sent(going));
    let comment = comment(&fleet(plans), &[], Some(&base_diff));
    let seen = read(&comment);
    assert_eq!(seen.sections[1].1, [5, 5, 0], "{seen:?}");
    assert!(seen.shown["removal"] > 5_000, "{seen:?}");
}

#[test]
fn rooms_where_people_go_are_named_where_they_have_no_place() {
    let plans = (0..300).map(|n| {
        let mut room = room(n);
        room.remove = many('r', 300 + n % 7);
        room.status = Status::Blocked;
        room
    });
    let comment = comment(&fleet(plans.collect()), &[], None);
    let seen = read(&comment);
    let (_, [_, shown, hidden]) = seen.sections[0];
    assert!(shown > 20 && hidden > 100, "{seen:?}");
    assert!(seen.named.len() >= 20, "{seen:?}");
    assert_eq!(seen.named.len() + seen.more_named, hidden);
    let line = comment.lines().find(|line| line.starts_with("… and ")).unwrap();
    assert!(line.len() < 850, "{line}");
}

#[test]
fn what_the_files_change_otherwise_is_shown_with_the_room() {
    let mut before = desired(1, &[], &["ann"]);
    before.name = Some("ops".into());
    let mut now = desired(1, &[], &["ann"]);
    now.name = Some("@dev <b>".into());
    let mut plan = fleet(vec![room(1)]);
    let base_diff = BaseDiff::new(&[before], &[&now], &plan, &Guards::default());
    base_diff.note(&mut plan);
    let comment = comment(&plan, &[now], Some(&base_diff));
    render(&comment);
    assert!(
        comment.contains("<li>files_change: <code>the label is &quot;@dev &lt;b&gt;&quot;, it was &quot;ops&quot;</code></li>"),
        "{comment}"
    );
    assert!(
        comment.contains("looser guards 0, rooms with other changes 1\n"),
        "{comment}"
    );
}

/// The plan of a million changes. The time is that of a test build, on one core.
#[test]
fn a_million_changes_fit_in_a_moment() {
    for (rooms, people) in [(1_000, 1_000), (1, 1_000_000), (100_000, 10)] {
        let half = people / 2;
        let going = many('r', half);
        let coming = many('a', people - half);
        let plan = fleet(
            (0..rooms)
                .map(|n| {
                    let mut room = named(room(n), "lobby");
                    room.remove = going.clone();
                    room.add = coming.clone();
                    sent(room)
                })
                .collect(),
        );
        let begun = Instant::now();
        let comment = comment(&plan, &[], None);
        let took = begun.elapsed() / 2;
        println!(
            "{rooms} rooms of {people} changes: {} bytes in {took:?}",
            comment.len()
        );
        assert!(comment.len() <= MARKDOWN_BYTES);
        assert!(
            comment.len() > MARKDOWN_BYTES * 9 / 10,
            "the place is used: {}",
            comment.len()
        );
        let seen = read(&comment);
        for kind in ["removal", "add"] {
            let shown = seen.shown.get(kind).copied().unwrap_or_default();
            assert_eq!(shown + seen.counted[kind], rooms * people / 2, "{kind}");
        }
        assert!(seen.shown["removal"] > 1_000, "{seen:?}");
        if people > 10 {
            assert!(!seen.shown.contains_key("add"), "{seen:?}");
        }
        assert_eq!(
            totals(&comment, "an apply makes"),
            Some([rooms * half, 0, 0, rooms * (people - half)])
        );
        render(&comment);
    }
}
