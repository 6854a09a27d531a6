//! Ends of places: which end counts, and the rooms as they are once it is over.

use super::{names, said, site, valid};
use jiff::Timestamp;
use proptest::prelude::*;
use roomsync::desired::{Departures, DesiredRoom};
use roomsync::model::{Guards, MemberSet, UserId};
use std::collections::{BTreeMap, BTreeSet};

fn room(text: &str) -> DesiredRoom {
    valid(text).rooms.remove(0)
}

fn at(room: &DesiredRoom, time: &str) -> DesiredRoom {
    room.at(time.parse().unwrap()).unwrap_or_else(|| room.clone())
}

fn lists(room: &DesiredRoom) -> String {
    let list = |set: &Option<MemberSet>| set.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!("{} / {}", list(&room.admins), list(&room.members))
}

#[test]
fn a_place_ends_with_its_day_in_utc_or_at_its_moment() {
    let room = room(
        r#"
groups: {interns: [ann, {user: ben, until: 2028-02-28}]}
rooms:
  - id: 1
    admins: [{user: mia, until: "2028-02-29"}, omar]
    members: [bob, {user: dan, until: 2027-03-28T02:30:00+01:00}, {group: interns, until: 2028-02-29}]
"#,
    );
    let all = "mia, omar / ann, ben, bob, dan";
    for (time, wanted) in [
        ("2027-03-28T01:29:59.999Z", all),
        // A clock in that offset is put forward at 2:00, and there is no 2:30: the moment is one all the same.
        ("2027-03-28T01:30:00Z", "mia, omar / ann, ben, bob"),
        ("2028-02-28T23:59:59Z", "mia, omar / ann, ben, bob"),
        ("2028-02-29T00:00:00Z", "mia, omar / ann, bob"),
        ("2028-02-29T23:59:59Z", "mia, omar / ann, bob"),
        ("2028-03-01T00:00:00Z", "omar / bob"),
        ("2999-01-01T00:00:00Z", "omar / bob"),
    ] {
        let after = at(&room, time);
        assert_eq!(lists(&after), wanted, "{time}");
        // Whichever way it came about.
        assert_eq!(at(&at(&room, "2999-01-01T00:00:00Z"), time), after, "{time}");
        assert_eq!(after.at(time.parse().unwrap()), None, "{time}");
    }
    assert_eq!(lists(&room), all, "files are judged as if no place had ended");
    let ended = at(&room, "2028-02-29T12:00:00Z");
    assert_eq!(names(Some(&ended.ended_people())), ["ben", "dan"]);
    assert!(ended.ended_admins().is_empty());
}

#[test]
fn an_admin_whose_place_has_ended_may_still_be_a_member() {
    let room = room(
        "rooms: [{id: 1, owner: boss, admins: [{user: mia, until: 2030-01-01}, {user: omar, until: 2030-01-01}, boss], \
         members: [mia, {user: omar, until: 2029-01-01}, {user: boss, until: 2029-01-01}]}]\n",
    );
    let departures = room.departures();
    let [Departures { leave, step_down, .. }] = departures.as_slice() else {
        panic!("{departures:?}");
    };
    // Whose end in `members` is over is wanted as an admin; nothing is ever done to the owner.
    assert_eq!(
        (names(Some(leave)), names(Some(step_down))),
        (vec!["omar"], vec!["mia", "omar"])
    );
    let after = at(&room, "2031-01-01T00:00:00Z");
    assert_eq!(lists(&after), "boss / mia");
    assert_eq!(names(Some(&after.ended_people())), ["omar"]);
    assert_eq!(names(Some(&after.ended_admins())), ["mia", "omar"]);
}

#[test]
fn no_set_becomes_invalid_by_the_calendar() {
    let dir = site(&[(
        "a.yaml",
        "rooms: [{id: 1, members: [{user: mia, until: 2020-01-01}]}]\n",
    )]);
    let said = said(&dir);
    assert!(
        said.contains("warning[until-over]") && !said.contains("error"),
        "{said}"
    );
}

/// An entry of a list: a person, or one of the groups that come later, and the day of its end.
type Item = (Result<u8, usize>, Option<u8>);

fn items(groups: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Item>> {
    let person = (0..4_u8).prop_map(Ok);
    let who = if groups.is_empty() {
        person.boxed()
    } else {
        prop_oneof![person, groups.prop_map(Err)].boxed()
    };
    prop::collection::vec((who, prop::option::of(1..5_u8)), 0..5)
}

fn text(items: &[Item]) -> String {
    let item = |(who, day): &Item| {
        let until = day.map(|day| format!("until: 2030-01-0{day}"));
        match (who, until) {
            (Ok(user), None) => format!("u{user}"),
            (Ok(user), Some(until)) => format!("{{user: u{user}, {until}}}"),
            (Err(group), None) => format!("group:g{group}"),
            (Err(group), Some(until)) => format!("{{group: g{group}, {until}}}"),
        }
    };
    format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
}

/// The days with which the place of each person ends, by walking each path: 9 stands for none.
fn ends(items: &[Item], groups: &[Vec<Item>]) -> BTreeMap<u8, u8> {
    let mut latest = BTreeMap::new();
    let mut paths: Vec<(&Item, u8)> = items.iter().map(|item| (item, 9)).collect();
    while let Some(((who, day), before)) = paths.pop() {
        let end = day.unwrap_or(9).min(before);
        match who {
            Ok(user) => {
                let latest = latest.entry(*user).or_insert(end);
                *latest = end.max(*latest);
            }
            Err(group) => paths.extend(groups[*group].iter().map(|item| (item, end))),
        }
    }
    latest
}

proptest! {
    #[test]
    fn along_a_path_the_sooner_end_counts_and_of_several_paths_the_latest(
        groups in (items(1..3), items(2..3), items(0..0)),
        members in items(0..3),
    ) {
        let groups = [groups.0, groups.1, groups.2];
        let lists: Vec<String> = groups.iter().enumerate().map(|(group, items)| format!("g{group}: {}", text(items))).collect();
        let file = format!(
            "groups: {{{}}}\nrooms: [{{id: 1, members: {}, allow_empty: true}}]\n",
            lists.join(", "),
            text(&members)
        );
        let room = room(&file);
        let expected = ends(&members, &groups);
        for day in 1..7_u8 {
            let now: Timestamp = format!("2030-01-0{day}T00:00:00Z").parse().unwrap();
            let room = room.at(now).unwrap_or_else(|| room.clone());
            let left = expected.iter().filter(|(_, end)| **end >= day);
            let left: BTreeSet<String> = left.map(|(user, _)| format!("u{user}")).collect();
            let members: BTreeSet<String> = room.members.iter().flatten().map(ToString::to_string).collect();
            prop_assert_eq!(&members, &left, "{}, day {}", file, day);
            let gone = expected.keys().map(|user| format!("u{user}")).filter(|user| !left.contains(user));
            let gone: MemberSet = gone.map(|user| UserId::parse(&user).unwrap()).collect();
            prop_assert_eq!(room.ended_people(), gone);
            // What is still to come is what will be.
            let leave: usize = room.departures().iter().map(|departures| departures.leave.len()).sum();
            prop_assert_eq!(leave, expected.values().filter(|end| **end >= day && **end < 9).count());
        }
    }
}

#[test]
fn whoever_is_protected_does_not_go_when_their_place_ends() {
    let mut room = room("rooms: [{id: 1, members: [bob, {user: mia, until: 2030-01-01}]}]\n");
    assert_eq!(room.departures().len(), 1);
    room.guards = Guards {
        protect: vec![roomsync::model::Glob::parse("m*").unwrap()],
        ..Guards::default()
    };
    assert!(room.departures().is_empty());
}

/// What is said of a room with this list of members, in a word each.
fn codes(members: &str) -> Vec<&'static str> {
    let text = format!(
        "groups: {{g: [ann, {{user: ben, until: 2900-01-01}}]}}\nrooms: [{{id: 1, members: {members}}}, {{id: 2, members: [\"group:g\"]}}]\n"
    );
    let dir = site(&[("a.yaml", &text)]);
    let loaded = super::load(&[dir.path()]).unwrap();
    loaded
        .warnings
        .iter()
        .chain(&loaded.notes)
        .map(|said| said.code)
        .collect()
}

#[test]
fn an_end_is_told_when_it_is_over_near_or_without_effect() {
    let now = Timestamp::now();
    let day = |days: i64| {
        (now + jiff::SignedDuration::from_hours(24 * days))
            .strftime("%Y-%m-%d")
            .to_string()
    };
    let entry = |who: &str, until: &str| format!("[bob, {{{who}, until: {until}}}]");
    for (days, code) in [(-2, Some("until-over")), (3, Some("until-near")), (9, None)] {
        for who in ["user: mia", "group: g"] {
            let codes = codes(&entry(who, &day(days)));
            let trips: Vec<_> = codes
                .iter()
                .filter(|code| **code != "until-trips-guard")
                .collect();
            assert_eq!(trips, code.iter().collect::<Vec<_>>(), "{who} {days}");
        }
    }
    let later = "2950-01-01";
    for (members, idle) in [
        ("[bob, {user: ann, until: LATER}, \"group:g\"]", true),
        ("[bob, {user: ben, until: LATER}, \"group:g\"]", false),
        ("[bob, {user: ben, until: 2850-01-01}, \"group:g\"]", true),
        ("[ann, {group: g, until: LATER}]", true),
        ("[bob, {group: g, until: LATER}]", false),
        (
            "[bob, {group: g, until: 2850-01-01}, {user: ben, until: 2850-01-01}]",
            false,
        ),
    ] {
        let codes = codes(&members.replace("LATER", later));
        assert_eq!(
            codes.contains(&"until-without-effect"),
            idle,
            "{members}: {codes:?}"
        );
    }
}
