//! Groups that hold groups: who comes to be in a list by all paths, and until when.

use super::{names, valid};
use proptest::prelude::*;
use roomsync::model::Until;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const GROUPS: usize = 6;

/// An item of a list, with the day of its end.
#[derive(Debug, Clone, Copy)]
struct Item {
    what: What,
    day: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    User(usize),
    Group(usize),
}

impl Item {
    fn yaml(self) -> String {
        match (self.what, self.day) {
            (What::User(user), None) => format!("u{user}"),
            (What::Group(group), None) => format!("group:g{group}"),
            (What::User(user), Some(day)) => format!("{{user: u{user}, until: 2100-01-0{day}}}"),
            (What::Group(group), Some(day)) => format!("{{group: g{group}, until: 2100-01-0{day}}}"),
        }
    }
}

/// A day is later than every other if there is none.
fn day(day: Option<u32>) -> u32 {
    day.unwrap_or(u32::MAX)
}

/// Walks every path by itself.
fn walk(groups: &[Vec<Item>], items: &[Item], within: u32, latest: &mut BTreeMap<String, u32>) {
    for item in items {
        let until = day(item.day).min(within);
        match item.what {
            What::User(user) => {
                let latest = latest.entry(format!("u{user}")).or_insert(until);
                *latest = until.max(*latest);
            }
            What::Group(group) => walk(groups, &groups[group], until, latest),
        }
    }
}

/// Items of a list that holds none but the groups from this one on.
fn items(from: usize) -> impl Strategy<Value = Vec<Item>> {
    let user = (0_usize..8).prop_map(What::User);
    let what = match from < GROUPS {
        true => prop_oneof![user, (from..GROUPS).prop_map(What::Group)].boxed(),
        false => user.boxed(),
    };
    let item = (what, prop::option::of(1_u32..9)).prop_map(|(what, day)| Item { what, day });
    prop::collection::vec(item, 1..5)
}

proptest! {
    #[test]
    fn of_several_paths_the_latest_end_counts_and_along_one_the_sooner(
        mut groups in (1..=GROUPS).map(items).collect::<Vec<_>>(),
        members in items(0),
        has_ends in any::<bool>(),
    ) {
        let mut members = members;
        if !has_ends {
            let all = groups.iter_mut().chain([&mut members]).flatten();
            all.for_each(|item| item.day = None);
        }
        let list = |items: &[Item]| items.iter().map(|item| item.yaml()).collect::<Vec<_>>().join(", ");
        let mut text = "groups:\n".to_owned();
        for (number, items) in groups.iter().enumerate() {
            writeln!(text, "  g{number}: [{}]", list(items)).unwrap();
        }
        writeln!(text, "rooms: [{{id: 1, allow_empty: true, members: [{}]}}]", list(&members)).unwrap();
        let room = valid(&text).rooms.remove(0);
        let mut latest = BTreeMap::new();
        walk(&groups, &members, u32::MAX, &mut latest);
        let wanted: Vec<&str> = latest.keys().map(String::as_str).collect();
        prop_assert_eq!(names(room.members.as_ref()), wanted, "{}", text);
        let ends = room.ends.as_deref().map(|ends| ends.members.to_come()).unwrap_or_default();
        let ends: BTreeSet<(Until, String)> = ends
            .iter()
            .flat_map(|(until, users)| users.iter().map(|user| (*until, user.to_string())))
            .collect();
        let until = |day: u32| Until::parse(&format!("2100-01-0{day}")).unwrap();
        let ending = latest.into_iter().filter(|(_, day)| *day != u32::MAX);
        prop_assert_eq!(ends, ending.map(|(user, day)| (until(day), user)).collect(), "{}", text);
    }
}

#[test]
fn a_long_cycle_is_named_by_its_first_groups() {
    let mut text = "groups:\n".to_owned();
    for number in 0..30 {
        writeln!(text, "  g{number:02}: [group:g{:02}]", (number + 1) % 30).unwrap();
    }
    text.push_str("rooms: [{id: 1, members: [ann, group:g07]}]\n");
    let said = super::said(&super::site(&[("a.yaml", &text)]));
    let cycle =
        "a group holds itself: g00 → g01 → g02 → g03 → g04 → g05 → g06 → g07 → g08 → g09 → (20 more) → g00\n";
    assert!(said.contains(cycle), "{said}");
    assert_eq!(said.matches("error").count(), 1, "{said}");
}
