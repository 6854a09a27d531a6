//! Nothing that a file holds or is called can start a workflow command of its own.

use super::{json, rooms};
use proptest::prelude::*;
use std::fs;

/// GitHub's runner on a line: the properties and the text, if the line is a command.
fn command(line: &str) -> Option<(Vec<(String, String)>, String)> {
    let (head, data) = line.strip_prefix("::")?.split_once("::")?;
    let (_, properties) = head.split_once(' ').unwrap_or((head, ""));
    let plain = |text: &str| {
        text.replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%3A", ":")
            .replace("%2C", ",")
            .replace("%25", "%")
    };
    let properties = properties
        .split(',')
        .filter_map(|property| property.split_once('='))
        .map(|(name, value)| (name.to_owned(), plain(value)));
    Some((properties.collect(), plain(data)))
}

#[test]
fn names_of_files_are_told_as_they_are() {
    for name in [
        "::error::x.yaml",
        "a,line=9,b.yaml",
        "50%0A::warning::.yaml",
        "a::b,c=d%.yaml",
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), "rooms:\n  - id: 1\n    member: [ann]\n").unwrap();
        let (said, _) = rooms(dir.path(), "github");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        let (properties, text) = command(lines[0]).unwrap();
        let property = |wanted: &str| {
            let found: Vec<&str> = properties
                .iter()
                .filter(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
                .collect();
            assert_eq!(found.len(), 1, "{said}");
            found[0].to_owned()
        };
        assert_eq!(property("file"), dir.path().join(name).to_str().unwrap());
        assert_eq!(property("line"), "3");
        assert_eq!(property("title"), "roomsync: unknown-key");
        assert_eq!(
            text,
            format!(
                "{}:3:5: unknown key `member` in a room\nhelp: did you mean `members`?",
                dir.path().join(name).display()
            )
        );
    }
}

#[test]
fn names_with_line_breaks_stay_on_their_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a\n::error::b\r.yaml"), "room: []\n").unwrap();
    let (said, _) = rooms(dir.path(), "github");
    assert_eq!(
        said.lines().filter(|line| line.starts_with("::")).count(),
        1,
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
}

proptest! {
    #[test]
    fn texts_in_files_start_no_command(text in "(\n|\r|::|%0A|##\\[|error|\\\\n|\"|[a-z:,%\u{85}\u{2028}]){0,24}") {
        let dir = tempfile::tempdir().unwrap();
        let quoted = serde_json::to_string(&text).unwrap();
        let rooms_of = format!("groups:\n  {quoted}: [{quoted}]\nrooms:\n  - id: {quoted}\n    {quoted}: x\n    mode: {quoted}\n");
        fs::write(dir.path().join("a.yaml"), rooms_of).unwrap();
        let (said, _) = rooms(dir.path(), "github");
        let told = json(&rooms(dir.path(), "json").0);
        let diagnostics = told["diagnostics"].as_array().unwrap();
        let mut lines: Vec<&str> = said.split(['\n', '\r']).collect();
        prop_assert_eq!(lines.pop(), Some(""));
        let summary = lines.pop().unwrap();
        prop_assert!(summary.contains("error"));
        prop_assert!(!summary.starts_with("::"));
        prop_assert_eq!(lines.len(), diagnostics.len());
        for (line, one) in lines.iter().zip(diagnostics) {
            let (_, told) = command(line).unwrap();
            let (_, told) = told.split_once(": ").unwrap();
            prop_assert!(told.starts_with(one["message"].as_str().unwrap()), "{}", line);
        }
    }
}
