//! Comments of random plans, against a model of their rows.

use super::*;

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
            uninvited: 0,
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
    // Those that fail for the same reason have one line, and no place in a section.
    let alike = comment
        .lines()
        .filter_map(|line| line.strip_prefix("<p>failed: "));
    let alike = alike.filter_map(|line| line.split(' ').next()?.replace(',', "").parse::<usize>().ok());
    let listed = listed - alike.sum::<usize>();
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
