//! `plan --format markdown`: fits whatever the size, is right in its numbers, and holds nobody's markup but ours.

use super::comment::{FOREIGN, Seen, read, render, totals};
use super::plans::{desired, fleet, id, many, meta, room, sent, user, users};
use proptest::prelude::*;
use roomsync::base::{BaseDiff, RoomDiff};
use roomsync::desired::DesiredRoom;
use roomsync::model::{Guard, Guards, Limit, MemberSet, Op, ReasonCode};
use roomsync::plan::{Calls, FleetPlan, GuardTripped, Note, RoomPlan, Status};
use roomsync::render::{MARKDOWN_BYTES, Review, markdown};
use std::collections::BTreeMap;
use std::time::Instant;

fn comment(plan: &FleetPlan, desired: &[DesiredRoom], base_diff: Option<&BaseDiff>) -> String {
    let desired: Vec<&DesiredRoom> = desired.iter().collect();
    let (meta, guards) = (meta(), Guards::default());
    let review = Review {
        id: "sha256:c0ffee",
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

/// Text of others: whatever might be markup, mention somebody, or end what it stands in.
fn foreign(most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(
            &[
                "</details>",
                "</code>",
                "</summary>",
                "<details>",
                "<img src=x onerror=1>",
                "<!--",
                "-->",
                "```",
                "\n```\n",
                "\n\n",
                "\r",
                "`",
                "@everyone",
                "#123",
                "!7",
                "https://example.com",
                "www.example.com",
                "| a |",
                "**b**",
                "_x_",
                "~~s~~",
                "[a](http://b)",
                "![a](b)",
                "&lt;",
                "&",
                "\"'",
                "\u{202e}",
                "\u{2066}",
                "\u{1b}[31m",
                "\0",
                "\n/close",
                "- [ ] ",
                "# h",
                "\\",
                ":tada:",
                "<code>",
                "'>",
                "…",
            ][..]
        )
        .prop_map(str::to_owned),
        "\\PC{0,20}",
        (0usize..2_000).prop_map(|n| "Ω<".repeat(n)),
    ];
    prop::collection::vec(piece, 0..6).prop_map(move |pieces| {
        let text = format!("{FOREIGN}{}", pieces.concat());
        text.chars().take(most).collect()
    })
}

fn count() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0), 8 => 0usize..6, 2 => 0usize..80, 1 => 0usize..4_000]
}

/// People of one letter, with long names or short ones.
fn people(letter: char, long: bool, count: usize) -> MemberSet {
    let pad = if long { "_".repeat(58) } else { String::new() };
    (0..count).map(|n| user(&format!("{letter}{pad}{n}"))).collect()
}

#[derive(Clone)]
struct Case {
    plan: FleetPlan,
    base_diff: Option<BaseDiff>,
    desired: Vec<DesiredRoom>,
}

/// A case is far too large to be printed; its seed plays it again.
impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rooms", self.plan.rooms.len())
    }
}

prop_compose! {
    fn note()(
        message in foreign(100_000),
        user in prop::option::of(foreign(100_000)),
        held in prop::option::weighted(0.2, Just(Op::Remove)),
    ) -> Note {
        let mut note = Note::new(ReasonCode::ForeignName, message);
        note.user = user;
        note.held = held;
        note
    }
}

prop_compose! {
    fn any_room()(
        name in prop::option::of(foreign(100)),
        kind in 0..6,
        long in any::<bool>(),
        [removed, demoted, added] in [count(), count(), count()],
        [removed_admins, promoted, added_admins] in [0usize..4, 0usize..4, 0usize..4],
        notes in prop_oneof![6 => Just(Vec::new()), 2 => prop::collection::vec(note(), 0..4)],
        many_notes in prop_oneof![20 => Just(0usize), 1 => 0usize..2_000],
        error in note(),
        base_diff in prop::option::of((any::<bool>(), count(), 0usize..3, any::<bool>())),
        limit in prop::option::weighted(0.2, 0u64..500),
    ) -> (RoomPlan, Option<RoomDiff>, Option<Limit>) {
        let mut plan = room(0);
        plan.name = name;
        plan.remove = people('r', long, removed).or(&people('b', long, removed_admins));
        plan.demote = people('b', long, removed_admins).or(&people('d', long, demoted));
        plan.promote = people('p', long, promoted).or(&people('c', long, added_admins));
        plan.add = people('a', long, added).or(&people('c', long, added_admins));
        let wanted = plan.clone();
        let mut plan = sent(plan);
        match kind {
            0 => {
                let mut adds = wanted.clone();
                adds.remove = MemberSet::default();
                adds.promote = MemberSet::default();
                adds.demote = MemberSet::default();
                plan = sent(adds);
                (plan.remove, plan.promote, plan.demote) = (wanted.remove, wanted.promote, wanted.demote);
                plan.status = Status::Blocked;
                plan.blocked = vec![GuardTripped { guard: Guard::MaxRemovals, limit: Limit::Count(1), wanted: 3, of: 9 }];
            }
            1 => {
                plan = wanted;
                plan.status = Status::Observed;
            }
            2 => {
                plan = RoomPlan::failed(plan.id, plan.name, error);
            }
            _ => {}
        }
        plan.notes = notes;
        let one = Note::new(ReasonCode::Protected, "not listed");
        plan.notes.extend(std::iter::repeat_n(one, many_notes));
        let base_diff = base_diff.map(|(is_new, left, no_admins, looser)| RoomDiff {
            is_new,
            people: plan.remove.filter(|user| user.as_str().ends_with('1')).or(&people('l', long, left)),
            admins: plan.demote.filter(|user| user.as_str().starts_with('d')).or(&people('m', long, no_admins)),
            relaxations: if looser {
                vec![roomsync::base::Relaxation { key: "protect", message: format!("{FOREIGN} protect") }]
            } else {
                Vec::new()
            },
            changes: Vec::new(),
        });
        (plan, base_diff, limit.map(Limit::Count))
    }
}

prop_compose! {
    fn case()(
        rooms in prop_oneof![
            4 => prop::collection::vec(any_room(), 0..12),
            1 => prop::collection::vec(any_room(), 0..100),
        ],
        compared in any::<bool>(),
        gone in prop::collection::vec(prop::option::of(foreign(100)), 0..30),
    ) -> Case {
        let mut case = Case {
            plan: fleet(Vec::new()),
            base_diff: compared.then(BaseDiff::default),
            desired: Vec::new(),
        };
        for (n, (mut plan, base_diff, limit)) in rooms.into_iter().enumerate() {
            plan.id = id(n);
            if let (Some(all), Some(base_diff)) = (&mut case.base_diff, base_diff) {
                all.rooms.insert(id(n), base_diff);
            }
            if let Some(limit) = limit {
                let mut room = desired(n, &[], &["bob"]);
                room.guards.max_removals = limit;
                case.desired.push(room);
            }
            case.plan.rooms.push(plan);
        }
        if let Some(base_diff) = &mut case.base_diff {
            base_diff.gone = gone.into_iter().zip(5_000..).map(|(name, n)| (id(n), name)).collect();
        }
        case
    }
}

/// Number of rows of each kind, by names and sets of the standard library.
fn rows(room: &RoomPlan, base_diff: Option<&RoomDiff>) -> BTreeMap<&'static str, usize> {
    let set = |users: &MemberSet| users.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    let [add, remove, promote, demote] = [&room.add, &room.remove, &room.promote, &room.demote].map(set);
    let touched = &remove | &demote;
    let left = |users: fn(&RoomDiff) -> &MemberSet| base_diff.map(|diff| &set(users(diff)) - &touched);
    BTreeMap::from([
        ("removal", remove.len()),
        ("demotion", (&demote - &remove).len()),
        (
            "leaving",
            left(|diff| &diff.people).map_or(0, |users| users.len()),
        ),
        (
            "leaving admins",
            left(|diff| &diff.admins).map_or(0, |users| users.len()),
        ),
        ("promotion", (&promote - &add).len()),
        ("add", add.len()),
        // What is the room's error stands there as such.
        (
            "note",
            room.notes
                .iter()
                .filter(|note| Some(*note) != room.error.as_ref())
                .count(),
        ),
    ])
}

fn check(case: &Case) {
    let Case {
        plan,
        base_diff,
        desired,
    } = case;
    let comment = comment(plan, desired, base_diff.as_ref());
    assert!(comment.len() <= MARKDOWN_BYTES, "{} bytes", comment.len());
    assert!(comment.starts_with("<!-- roomsync-plan -->\n"));
    render(&comment);

    let seen = read(&comment);
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    let mut listed = 0;
    for room in &plan.rooms {
        let base_diff = base_diff.as_ref().and_then(|diff| diff.rooms.get(&room.id));
        let rows = rows(room, base_diff);
        let looser = desired.iter().any(|desired| {
            let most = room.live.as_ref().map_or(0, |_| 25);
            desired.id == room.id && desired.guards.max_removals.of(0) > most
        });
        let says = looser || base_diff.is_some_and(|diff| diff.is_new || !diff.relaxations.is_empty());
        let at_rest = room.status == Status::InSync && rows.values().all(|count| *count == 0);
        listed += usize::from(!at_rest || says);
        rows.into_iter()
            .for_each(|(kind, count)| *wanted.entry(kind).or_default() += count);
    }
    for (kind, wanted) in &wanted {
        let of = |counts: &BTreeMap<&str, usize>| counts.get(kind).copied().unwrap_or_default();
        assert_eq!(
            of(&seen.shown) + of(&seen.counted),
            *wanted,
            "{kind}: {seen:?}\n{comment}"
        );
    }
    let sums: [usize; 3] = seen.sections.iter().fold([0; 3], |sum, (_, counts)| {
        std::array::from_fn(|n| sum[n] + counts[n])
    });
    assert_eq!(sums[0], listed, "rooms in the titles");
    assert_eq!(sums[1] + sums[2], listed, "rooms that are shown, and counted");

    let is_other = |title: &str| {
        let others = ["Other changes", "Only observed", "Nothing to do"];
        others.iter().any(|other| title.starts_with(other))
    };
    let hides_risky = seen
        .sections
        .iter()
        .any(|(title, counts)| !is_other(title) && counts[2] > 0);
    let shows_others = seen
        .sections
        .iter()
        .any(|(title, counts)| is_other(title) && counts[1] > 0);
    assert!(
        !hides_risky || !shows_others,
        "a riskier room is left out: {seen:?}"
    );

    let goes = |room: &&RoomPlan| match room.status {
        Status::Blocked => true,
        Status::Observed => false,
        _ => !room.remove.is_empty() || !room.demote.is_empty(),
    };
    let is_shown = |room: &&RoomPlan| {
        let (labelled, bare) = (format!("({}): ", room.id), format!("<code>{}</code>: ", room.id));
        let mut rooms = comment
            .lines()
            .filter(|line| line.starts_with("<details><summary>"));
        rooms.any(|line| line.contains(&labelled) || line.contains(&bare))
    };
    let hidden: Vec<String> = plan
        .rooms
        .iter()
        .filter(goes)
        .filter(|room| !is_shown(room))
        .map(|room| room.id.to_string())
        .collect();
    assert!(seen.named.iter().all(|id| hidden.contains(id)), "{seen:?}");
    assert_eq!(seen.named.len() + seen.more_named, hidden.len(), "{seen:?}");
    let shown: usize = seen.sections.iter().map(|(_, counts)| counts[1]).sum();
    assert!(
        hidden.is_empty() || shown == plan.rooms.iter().filter(goes).filter(is_shown).count(),
        "people go from rooms that are left out for others: {seen:?}"
    );

    let summary = plan.summary();
    assert_eq!(
        totals(&comment, "an apply makes"),
        Some([summary.removes, summary.demotes, summary.promotes, summary.adds])
    );
    let calls = Calls::of(plan).total();
    assert_eq!(calls, summary.calls);
    let total = comment.lines().find_map(|line| line.strip_prefix("**")).unwrap();
    let total = total.split(' ').next().unwrap().replace(',', "");
    assert_eq!(total, calls.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn whatever_is_planned_the_comment_is_right(case in case()) {
        check(&case);
    }
}
