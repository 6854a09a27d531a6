//! JSON and GitHub's workflow commands.

use super::{entries, json, rooms, run};
use std::fs;
use std::path::Path;

#[test]
fn json_is_one_object_with_everything() {
    let (said, valid) = rooms(Path::new("tests/invalid/rooms/room-twice"), "json");
    assert!(!valid);
    insta::assert_snapshot!("json-of-an-invalid-site", said);
    let (said, valid) = run(
        &["--format", "json"],
        Path::new("tests/doubtful/group-as-user/roomsync.yaml"),
    );
    assert!(valid);
    insta::assert_snapshot!("json-of-a-valid-site", said);
}

#[test]
fn columns_are_characters_and_ends_are_the_column_after() {
    let path = Path::new("tests/invalid/rooms/columns-count-characters.yaml");
    let said = json(&rooms(path, "json").0);
    let at = &said["diagnostics"][0];
    let (column, end) = (at["column"].as_u64().unwrap(), at["end_column"].as_u64().unwrap());
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().nth(2).unwrap();
    let from = usize::try_from(column - 1).unwrap();
    let length = usize::try_from(end - column).unwrap();
    let meant: String = line.chars().skip(from).take(length).collect();
    assert_eq!(meant, "colour");
}

#[test]
fn github_is_told_in_workflow_commands() {
    let mut said = String::new();
    for site in [
        "missing-group-across-files",
        "columns-count-characters.yaml",
        "no-rooms.yaml",
        "long-line.yaml",
        "link-to-nowhere",
    ] {
        said += &rooms(&Path::new("tests/invalid/rooms").join(site), "github").0;
    }
    for site in ["looser-guards", "unused-groups", "names", "not-read"] {
        let config = Path::new("tests/doubtful").join(site).join("roomsync.yaml");
        said += &run(&["--format", "github"], &config).0;
    }
    insta::assert_snapshot!("github", said);
}

/// Whatever way leads to a file, the pull request knows it by one name.
#[test]
fn github_is_told_names_relative_to_the_present_directory() {
    let plain = rooms(Path::new("tests/invalid/rooms/tab.yaml"), "github").0;
    assert!(
        plain.starts_with("::error file=tests/invalid/rooms/tab.yaml,line=3,"),
        "{plain}"
    );
    let absolute = std::env::current_dir()
        .unwrap()
        .join("tests/invalid/rooms/tab.yaml");
    let roundabout = Path::new("./tests/invalid/../../tests//invalid/rooms/tab.yaml");
    for path in [&absolute, roundabout] {
        assert_eq!(rooms(path, "github").0, plain, "{}", path.display());
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("a.yaml");
    fs::write(&path, "room: []\n").unwrap();
    let (said, _) = rooms(&path, "github");
    assert!(
        said.starts_with(&format!("::error file={},line=1,", path.display())),
        "{said}"
    );
}

/// Each diagnostic is one line, and no format tells of another number of them.
#[test]
fn every_format_tells_the_same() {
    for path in entries("tests/invalid/rooms") {
        let (text, github) = (rooms(&path, "text").0, rooms(&path, "github").0);
        let said = json(&rooms(&path, "json").0);
        let diagnostics = said["diagnostics"].as_array().unwrap();
        let mut lines: Vec<&str> = github.lines().collect();
        let summary = lines.pop().unwrap();
        assert!(text.ends_with(&format!("{summary}\n")), "{text}");
        assert_eq!(lines.len(), diagnostics.len(), "{github}");
        for (line, one) in lines.iter().zip(diagnostics) {
            assert!(
                line.starts_with("::error ") || line.starts_with("::warning "),
                "{line}"
            );
            let code = one["code"].as_str().unwrap();
            assert!(line.contains(&format!("title=roomsync%3A {code}::")), "{line}");
            assert!(text.contains(&format!("[{code}]")), "{text}");
            if let Some(number) = one["line"].as_u64() {
                assert!(line.contains(&format!(",line={number},")), "{line}");
            }
        }
    }
}

/// Text that may be a secret is in no format.
#[test]
fn secrets_are_not_told() {
    for path in entries("tests/invalid/settings") {
        for format in ["text", "json", "github"] {
            let (said, valid) = run(&["--format", format], &path);
            assert!(!said.contains("hunter2"), "{said}");
            assert!(!valid, "{}", path.display());
        }
    }
}

#[test]
fn of_very_many_the_worst_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let good: String = (0..4).map(|n| format!("  h{n}: [ann, ann]\n")).collect();
    let bad: String = (0..1_000).map(|n| format!("  g{n}: [b@d]\n")).collect();
    let text = format!("groups:\n{good}{bad}rooms:\n  - id: 1\n    members: [bob]\n");
    fs::write(dir.path().join("a.yaml"), text).unwrap();
    let (said, _) = rooms(dir.path(), "text");
    assert_eq!(said.matches("warning[repeated]").count(), 0);
    assert_eq!(said.matches("error[bad-name]").count(), 200);
    assert!(
        said.ends_with("\n… and 801 more: `roomsync validate --format json` tells all of them\n\n1000 errors, 4 warnings\n"),
        "{said}"
    );
    let all = json(&rooms(dir.path(), "json").0);
    assert_eq!(all["diagnostics"].as_array().unwrap().len(), 1_004);
}
