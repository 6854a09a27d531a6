//! Where in the files each thing is said.

use super::{load, site};
use proptest::prelude::*;
use roomsync::desired::{Desired, Loaded, Query};
use roomsync::diagnostics::render;
use roomsync::model::{RoomId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use tempfile::TempDir;

fn loaded(dir: &TempDir) -> Loaded {
    load(&[dir.path()]).unwrap_or_else(|diagnostics| panic!("{}", render(&diagnostics, false)))
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// `a.yaml:3`, or `-`.
fn told(dir: &TempDir, loaded: &Loaded, queries: &[Query<'_>]) -> Vec<String> {
    let site = format!("{}/", dir.path().display());
    let told = loaded
        .provenance
        .find(queries)
        .into_iter()
        .map(|origin| match origin {
            Some(origin) => format!("{}:{}", origin.file.replace(&site, ""), origin.line),
            None => "-".to_owned(),
        });
    told.collect()
}

const ROOMS: &str = r#"# The first line is 1.
rooms:
  - id: 1
    members:
      - Ann
      - group:outer
      - "b\u006fb"
      - carl
    admins: [ann, &z zoe,
      group:admins]
  - id: 2
    members: [group:later, group:inner]
  - {id: 3, admins: [*z]}
"#;

const GROUPS: &str = "groups:
  outer: [group:inner,
          dan]
  inner:
    - eve
    - dan
    - ann
  later: [eve]
  admins: [yan]
";

#[test]
fn each_claim_is_said_somewhere() {
    let dir = site(&[("rooms.yaml", ROOMS), ("sub/groups.yml", GROUPS)]);
    let loaded = loaded(&dir);
    let rooms: Vec<RoomId> = ["1", "2", "3", "4"].map(|id| RoomId::parse(id).unwrap()).into();
    let users: BTreeMap<&str, UserId> = ["ann", "bob", "carl", "dan", "eve", "yan", "zoe", "nobody"]
        .map(|name| (name, user(name)))
        .into();
    let member = |room: usize, name: &str| Query::member(&rooms[room - 1], &users[name]);
    let admin = |room: usize, name: &str| Query::admin(&rooms[room - 1], &users[name]);
    let (queries, wanted): (Vec<_>, Vec<&str>) = [
        (member(1, "ann"), "rooms.yaml:5"),
        (member(1, "bob"), "rooms.yaml:7"),
        (member(1, "carl"), "rooms.yaml:8"),
        // The group that is met first names them: `outer` holds `inner`, and names `dan` itself too.
        (member(1, "dan"), "sub/groups.yml:3"),
        (member(1, "eve"), "sub/groups.yml:5"),
        // Wanted admins are wanted members.
        (member(1, "zoe"), "rooms.yaml:9"),
        (member(1, "yan"), "sub/groups.yml:9"),
        (member(1, "nobody"), "-"),
        (admin(1, "ann"), "rooms.yaml:9"),
        (admin(1, "yan"), "sub/groups.yml:9"),
        (admin(1, "bob"), "-"),
        (Query::no_member(&rooms[0], &users["nobody"]), "rooms.yaml:4"),
        (Query::no_admin(&rooms[0], &users["nobody"]), "rooms.yaml:9"),
        // Somebody who is named and goes has a place that has ended.
        (Query::no_member(&rooms[0], &users["bob"]), "rooms.yaml:7"),
        (Query::no_admin(&rooms[0], &users["yan"]), "sub/groups.yml:9"),
        (member(2, "eve"), "sub/groups.yml:8"),
        (member(2, "dan"), "sub/groups.yml:6"),
        (member(2, "bob"), "-"),
        (Query::no_member(&rooms[1], &users["nobody"]), "rooms.yaml:12"),
        (Query::no_admin(&rooms[1], &users["nobody"]), "-"),
        // An alias is shown where what it stands for is.
        (admin(3, "zoe"), "rooms.yaml:9"),
        (member(4, "ann"), "-"),
        (Query::no_member(&rooms[3], &users["nobody"]), "-"),
    ]
    .into_iter()
    .unzip();
    assert_eq!(told(&dir, &loaded, &queries), wanted);
    // One at a time is the same, and what is asked for twice is told twice.
    for (query, wanted) in queries.iter().zip(&wanted) {
        assert_eq!(told(&dir, &loaded, &[*query, *query]), [*wanted, *wanted]);
    }
    assert!(loaded.provenance.find(&[]).is_empty());
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    shared(&loaded.provenance);
}

#[test]
fn who_is_named_is_told_by_the_files_that_name_them() {
    let users: BTreeSet<UserId> = ["ann", "eve", "yan", "nobody"].map(user).into();
    let other = "rooms: [{id: 9, members: [xia]}]\n";
    let dir = site(&[
        ("rooms.yaml", ROOMS),
        ("sub/groups.yml", GROUPS),
        ("other.yaml", other),
    ]);
    let now = || loaded(&dir).provenance.naming(&users);
    let before = now();
    assert_eq!(before.len(), users.len());
    let changed = |file: &str, text: &str| -> Vec<String> {
        let path = dir.path().join(file);
        let old = std::fs::read(&path).ok();
        std::fs::write(&path, text).unwrap();
        let after = now();
        match old {
            Some(old) => std::fs::write(&path, old).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        assert_eq!(now(), before);
        let differing = users.iter().filter(|user| before[*user] != after[*user]);
        differing.map(UserId::to_string).collect()
    };
    assert_eq!(changed("rooms.yaml", &format!("{ROOMS}#\n")), ["ann"]);
    assert_eq!(
        changed("sub/groups.yml", &format!("{GROUPS}#\n")),
        ["ann", "eve", "yan"]
    );
    assert_eq!(changed("other.yaml", &format!("{other}#\n")), [""; 0]);
    // Another file that names them counts at once.
    assert_eq!(changed("new.yaml", "groups: {unused: [nobody]}\n"), ["nobody"]);
}

const MORE: &str = r#"defaults:
  mode: additive
  ignore: [e*, x]
  guards: {protect: ["?ve"]}
rooms:
  - id: 1
    name: first
    owner: ann
    admins: [group:top, eve]
    members: [group:mid, "\u0065ve", EVE]
    guards:
      protect:
        - ann
        - ev*
  - {id: 2, mode: observe, ignore: [eve], members: [zed]}
  - {id: 3, members: [group:other]}
groups:
  top: [group:mid, group:leaf]
  mid: [ann, group:leaf]
  leaf:
    - dan
    - eve
  other: [group:far]
  far: [eve, eve]
  lone: [eve]
"#;

#[test]
fn everything_that_is_said_of_somebody() {
    let more = MORE.replace("ignore: [e*, x]", "ignore: [q*, x]");
    let dir = site(&[("a.yaml", &more)]);
    let loaded = loaded(&dir);
    let said = |room: &str, name: &str| {
        loaded
            .provenance
            .mentions(&RoomId::parse(room).unwrap(), &user(name))
    };
    let eve = said("1", "eve");
    let ways = eve.lists.iter().map(|mention| {
        let groups: String = mention.groups.iter().map(|group| format!(" {group}")).collect();
        format!("{}{groups}:{}", mention.list, mention.at.line)
    });
    // Of the two ways from `admins` to `leaf` the shorter one.
    let wanted = [
        "admins:9",
        "admins top leaf:22",
        "members:10",
        "members:10",
        "members mid leaf:22",
    ];
    assert_eq!(ways.collect::<Vec<_>>(), wanted);
    let others: Vec<String> = eve
        .other_groups
        .iter()
        .map(|group| format!("{}:{} {:?}", group.name, group.at.line, group.rooms))
        .collect();
    assert_eq!(others, ["far:24 [\"3\"]", "lone:25 []"]);
    let patterns = |patterns: &[roomsync::desired::Pattern]| -> Vec<String> {
        let told = patterns
            .iter()
            .map(|pattern| format!("{}:{}", pattern.glob, pattern.at.line));
        told.collect()
    };
    assert_eq!(patterns(&eve.protected), ["ev*:14", "?ve:4"]);
    assert_eq!(patterns(&eve.ignored), [""; 0]);
    let line = |at: &Option<roomsync::desired::Origin>| at.as_ref().map(|at| at.line);
    let keys = |room: &str| {
        let said = said(room, "eve");
        [&said.owner, &said.admins, &said.members, &said.mode].map(line)
    };
    assert_eq!(keys("1"), [Some(8), Some(9), Some(10), Some(2)]);
    assert_eq!(keys("2"), [None, None, Some(15), Some(15)]);
    assert_eq!(keys("4"), [None; 4]);
    // A room's own patterns stand in place of the file's.
    assert_eq!(patterns(&said("2", "eve").ignored), ["eve:15"]);
    assert_eq!(patterns(&said("2", "x").ignored), [""; 0]);
    assert_eq!(patterns(&said("3", "x").ignored), ["x:3"]);
    assert_eq!(patterns(&said("3", "eve").protected), ["?ve:4"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Everybody who is wanted is mentioned, each place is theirs, and each way is one that the files have.
    #[test]
    fn mentions_agree_with_what_is_wanted(
        groups in prop::collection::vec(prop::collection::vec(0usize..9, 0..5), 4),
        lists in prop::collection::vec(prop::collection::vec(0usize..9, 0..5), 2),
    ) {
        // Items below 5 are people, the others are groups; a group holds only later ones, so that none holds itself.
        let item = |holder: usize, item: usize| match item {
            ..5 => Some(format!("u{item}")),
            _ if item - 5 >= holder => Some(format!("group:g{}", item - 5)),
            _ => None,
        };
        let list = |holder: usize, items: &[usize], indent: &str| -> String {
            let items: Vec<String> = items.iter().filter_map(|at| item(holder, *at)).collect();
            match items.is_empty() {
                true => " []\n".to_owned(),
                false => format!("\n{}", items.iter().map(|item| format!("{indent}- {item}\n")).collect::<String>()),
            }
        };
        let mut text = String::from("groups:\n");
        for (number, items) in groups.iter().enumerate() {
            text += &format!("  g{number}:{}", list(number + 1, items, "    "));
        }
        text += "rooms:\n  - id: 1\n    allow_empty: true\n    members:";
        text += &list(0, &lists[0], "      ");
        text += "    admins:";
        text += &list(0, &lists[1], "      ");
        let dir = site(&[("a.yaml", &text)]);
        let loaded = loaded(&dir);
        let room = &loaded.desired.rooms[0];
        let lines: Vec<&str> = text.lines().collect();
        for name in ["u0", "u1", "u2", "u3", "u4", "nobody"] {
            let said = loaded.provenance.mentions(&room.id, &user(name));
            for (key, wanted) in [("admins", &room.admins), ("members", &room.members)] {
                let wanted = wanted.as_ref().unwrap().contains(&user(name));
                let mentioned = said.lists.iter().any(|mention| mention.list == key);
                prop_assert_eq!(mentioned, wanted, "{} in {}\n{}", name, key, text);
            }
            for mention in &said.lists {
                prop_assert_eq!(lines[mention.at.line - 1].trim(), format!("- {name}"));
                let mut holder = mention.list.to_owned();
                for group in &mention.groups {
                    let begin = lines.iter().position(|line| line.trim() == format!("{holder}:")).unwrap();
                    let mut held = lines[begin + 1..].iter().take_while(|line| line.trim().starts_with('-'));
                    prop_assert!(held.any(|line| line.trim() == format!("- group:{group}")), "{}", text);
                    holder.clone_from(group);
                }
            }
            for other in &said.other_groups {
                prop_assert_eq!(lines[other.at.line - 1].trim(), format!("- {name}"));
                prop_assert!(said.lists.iter().all(|mention| !mention.groups.contains(&other.name)));
            }
        }
    }
}

/// Groups nest as deep as files say.
#[test]
fn a_long_way_is_found() {
    const DEPTH: usize = 1_000;
    let groups: String = (0..DEPTH)
        .map(|n| format!("  g{n}: [group:g{}]\n", n + 1))
        .collect();
    let text = format!("groups:\n{groups}  g{DEPTH}: [ann]\nrooms: [{{id: 1, members: [group:g0]}}]\n");
    let dir = site(&[("a.yaml", &text)]);
    let said = loaded(&dir)
        .provenance
        .mentions(&RoomId::parse("1").unwrap(), &user("ann"));
    assert_eq!((said.lists.len(), said.lists[0].groups.len()), (1, DEPTH + 1));
}

/// Everything that a set says is found, in a time that does not grow with queries times entries.
#[test]
fn a_hundred_thousand_claims_are_found() {
    let mut files = vec![("groups.yaml".to_owned(), {
        let groups: String = (0..10)
            .map(|group| {
                let names: String = (0..100).map(|n| format!("    - g{group}-{n}\n")).collect();
                let next = if group < 9 {
                    format!("    - group:group-{}\n", group + 1)
                } else {
                    String::new()
                };
                format!("  group-{group}:\n{next}{names}")
            })
            .collect();
        format!("groups:\n{groups}")
    })];
    for file in 0..100 {
        let names: String = (0..900).map(|n| format!("      - u{file}-{n}\n")).collect();
        let (id, group) = (file + 1, file % 10);
        let text = format!("rooms:\n  - id: {id}\n    members:\n      - group:group-{group}\n{names}");
        files.push((format!("{file}.yaml"), text));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let dir = site(&files);
    let loaded = loaded(&dir);
    let Desired { rooms, .. } = &loaded.desired;
    let queries: Vec<Query<'_>> = rooms
        .iter()
        .flat_map(|room| {
            let members = room.members.iter().flatten();
            members.map(|user| Query::member(&room.id, user))
        })
        .collect();
    assert!(queries.len() > 100_000, "{}", queries.len());
    let start = Instant::now();
    let found = loaded.provenance.find(&queries);
    println!("{} queries: {:?}", queries.len(), start.elapsed());
    // Seconds are allowed for a debug build on a busy machine; queries times entries would take hours.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    assert!(found.iter().all(Option::is_some));
}
