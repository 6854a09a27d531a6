//! People whom a room excludes.

use super::{load, names, site, valid};
use proptest::prelude::*;
use roomsync::desired::Query;
use roomsync::model::UserId;
use std::collections::BTreeSet;

const FILES: &str = "groups:
  all: [ann, ben, cleo, mia]
  interns: [ben, {user: cleo, until: 2020-12-31}]
rooms:
  - id: 1
    admins: [group:all]
    members: [bob, group:all]
    exclude:
      - Mia
      - group:interns
  - {id: 2, members: [group:all], exclude: []}
";

#[test]
fn names_and_groups_are_taken_out_of_what_both_lists_come_to() {
    let rooms = valid(FILES).rooms;
    let [one, two] = rooms.as_slice() else { panic!() };
    assert_eq!(names(one.admins.as_ref()), ["ann"]);
    assert_eq!(names(one.members.as_ref()), ["ann", "bob"]);
    let excluded = one.excluded.as_deref().unwrap();
    assert_eq!(names(Some(&excluded.admins)), ["ben", "cleo", "mia"]);
    assert_eq!(names(Some(&excluded.people())), ["ben", "cleo", "mia"]);
    assert_eq!(names(two.members.as_ref()), ["ann", "ben", "cleo", "mia"]);
    assert_eq!(two.excluded, None);
}

#[test]
fn an_end_adds_nobody() {
    let room = valid(FILES).rooms.remove(0);
    // The place of cleo among the interns is over: they stay excluded.
    assert_eq!(room.at("2030-01-01T00:00:00Z".parse().unwrap()), None);
}

#[test]
fn whoever_is_not_wanted_for_being_excluded_is_so_by_that_item() {
    let site = site(&[("a.yaml", FILES)]);
    let loaded = load(&[site.path()]).unwrap();
    let room = loaded.desired.rooms[0].id.clone();
    let users = ["mia", "ben", "zed"].map(|name| UserId::parse(name).unwrap());
    let asked: Vec<Query<'_>> = users
        .iter()
        .flat_map(|user| [Query::no_member(&room, user), Query::no_admin(&room, user)])
        .collect();
    let lines = loaded
        .provenance
        .find(&asked)
        .into_iter()
        .map(|at| at.unwrap().line);
    assert_eq!(lines.collect::<Vec<_>>(), [9, 9, 3, 3, 7, 6]);
}

fn some() -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(0_u8..12, 0..12)
}

fn text(of: &BTreeSet<u8>) -> String {
    let names: Vec<String> = of.iter().map(|n| format!("u{n}")).collect();
    names.join(", ")
}

proptest! {
    /// Whatever is excluded, by name or by group, the lists are what they would be without it, less these people.
    #[test]
    fn a_list_is_what_it_would_be_without_those_excluded(members in some(), group in some(), by_name in some(), by_group in some()) {
        let by_name: BTreeSet<u8> = by_name.difference(&members).copied().collect();
        let by_group: BTreeSet<u8> = by_group.difference(&members).copied().collect();
        let file = format!(
            "groups: {{g: [{}], x: [{}]}}\nrooms:\n  - id: 1\n    allow_empty: true\n    members: [{}]\n",
            text(&group), text(&by_group),
            ["group:g".to_owned(), text(&members)].iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(", "),
        );
        let excluded = ["group:x".to_owned(), text(&by_name)];
        let excluded = excluded.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(", ");
        let without = valid(&file).rooms.remove(0);
        let room = valid(&format!("{file}    exclude: [{excluded}]\n")).rooms.remove(0);
        let out: BTreeSet<String> = by_name.union(&by_group).map(|n| format!("u{n}")).collect();
        let all = names(without.members.as_ref());
        let expected: Vec<_> = all.into_iter().filter(|name| !out.contains(*name)).collect();
        prop_assert_eq!(names(room.members.as_ref()), expected);
    }
}
