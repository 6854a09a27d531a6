//! The memory that `roomsync validate` takes, as a process of its own that may take no more than that.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// Runs it with at most so many kB of data, and gives the last line of what it says.
#[track_caller]
fn validate_within(kilobytes: u32, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    let script = format!("ulimit -d {kilobytes} && exec \"$0\" validate a.yaml 2>&1");
    let run = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_roomsync")])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}: {said}", run.status);
    said.lines().last().unwrap_or_default().to_owned()
}

/// Each group comes to all people that follow, 50 million names in all.
#[test]
fn a_chain_of_ten_thousand_groups_takes_what_it_has_names() {
    const LAST: usize = 9_999;
    for ends in [false, true] {
        let mut text = "groups:\n".to_owned();
        for number in 0..LAST {
            let next = number + 1;
            let held = match ends {
                true => format!("{{group: g{next}, until: 2100-01-01}}"),
                false => format!("group:g{next}"),
            };
            writeln!(text, "  g{number}: [person.{number}, {held}]").unwrap();
        }
        writeln!(text, "  g{LAST}: [person.{LAST}]\nrooms:").unwrap();
        // The people of all these groups together are no part of what is kept.
        for (id, group) in (1..).zip((0..LAST).step_by(500)) {
            writeln!(text, "  - {{id: {id}, members: [group:g{group}]}}").unwrap();
        }
        let said = validate_within(60_000, &text);
        assert!(
            said.starts_with("1 file, 20 rooms, 10000 groups, 10000 people: valid"),
            "{said}"
        );
    }
}

/// A tenth of 3,000 groups × 200 names in 300 rooms, of which `cargo bench --bench validate` has all.
#[test]
fn large_groups_in_many_rooms() {
    let mut text = "groups:\n".to_owned();
    for group in 0..300 {
        let people: Vec<String> = (0..200)
            .map(|number| format!("person.{}", group * 200 + number))
            .collect();
        writeln!(text, "  g{group}: [{}]", people.join(", ")).unwrap();
    }
    let groups: Vec<String> = (0..300).map(|group| format!("group:g{group}")).collect();
    writeln!(text, "rooms:").unwrap();
    for id in 1..=30 {
        writeln!(text, "  - {{id: {id}, members: [{}]}}", groups.join(", ")).unwrap();
    }
    let said = validate_within(50_000, &text);
    assert_eq!(said, "1 file, 30 rooms, 300 groups, 60000 people: valid");
}
