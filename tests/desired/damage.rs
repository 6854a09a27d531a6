//! Files that are damaged in any way: nothing panics, and nothing that breaks a rule comes through.

use super::{load, valid};
use proptest::prelude::*;
use roomsync::desired::Desired;
use roomsync::diagnostics::{Diagnostic, render};
use roomsync::model::{MAX_ADMINS, MemberSet, printable};
use std::fs;

/// Nothing that a type lets through may break a rule of the files.
fn holds(desired: &Desired) {
    assert!(desired.rooms.is_sorted_by(|a, b| a.id < b.id));
    assert!(!desired.rooms.is_empty());
    for room in &desired.rooms {
        let count = |set: &MemberSet| {
            set.iter()
                .filter(|user| Some(*user) != room.owner.as_ref())
                .count()
        };
        assert!(room.admins.is_some() || room.members.is_some());
        if let Some(admins) = &room.admins {
            assert!(count(admins) <= MAX_ADMINS);
            assert!(count(admins) > 0 || room.allow_empty.admins);
        }
        if let Some(members) = &room.members {
            assert!(count(members) > 0 || room.allow_empty.members);
        }
        for user in room.admins.iter().chain(&room.members).flatten() {
            assert!(!room.ignore.iter().any(|glob| glob.matches(user.as_str())));
        }
    }
}

const SAMPLE: &str = r#"# A comment, with an é
groups:
  a: &a [ann, "bob", 'c', group:b]
  b: [007]
defaults: {mode: additive, ignore: ["x-*"]}
rooms:
  - id: "1"
    name: "caf\u00e9"
    owner: ann
    admins: *a
    members: [d, group:a]
    guards: {max_removals: 25%, max_additions: null, protect: [z]}
  - {id: 2, members: [], allow_empty: true}
"#;

fn survives(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yaml");
    fs::write(&path, bytes).unwrap();
    match load(&[&path]) {
        Ok(loaded) => {
            holds(&loaded.desired);
            let said: Vec<Diagnostic> = loaded.warnings.into_iter().chain(loaded.notes).collect();
            lie_within(bytes, &said);
            assert_eq!(render(&said, false).is_empty(), said.is_empty());
        }
        Err(diagnostics) => {
            lie_within(bytes, &diagnostics);
            assert!(!render(&diagnostics, false).is_empty());
            assert!(!render(&diagnostics, true).is_empty());
        }
    }
}

/// Every place is one of the file, and what is meant there is a piece of its line.
fn lie_within(bytes: &[u8], diagnostics: &[Diagnostic]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<&str> = text.split('\n').collect();
    for diagnostic in diagnostics {
        let also = diagnostic.also.iter().map(|(location, _)| location);
        for position in diagnostic
            .location
            .iter()
            .chain(also)
            .filter_map(|location| location.position.as_ref())
        {
            let line = lines
                .get(position.line - 1)
                .unwrap_or_else(|| panic!("{diagnostic:?}"));
            let characters = line.chars().count();
            assert!((1..=characters + 1).contains(&position.column), "{diagnostic:?}");
            if let Some(end) = position.end_column() {
                assert!(end > position.column && end <= characters + 1, "{diagnostic:?}");
                let meant = line.chars().skip(position.column - 1).take(end - position.column);
                let shown = &position.text[position.span.clone()];
                assert_eq!(shown.chars().count(), end - position.column, "{diagnostic:?}");
                for (meant, shown) in meant.zip(shown.chars()) {
                    let is_plain = printable(&meant.to_string()) == meant.to_string();
                    assert!(meant == shown || !is_plain, "{diagnostic:?}");
                }
            }
        }
    }
}

#[test]
fn a_file_cut_short_anywhere_does_no_harm() {
    valid(SAMPLE);
    for end in 0..SAMPLE.len() {
        survives(&SAMPLE.as_bytes()[..end]);
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn random_yaml_does_no_harm(text in "([a-c&*!?|>%@:,#'\"~\\-\\[\\]{} \n\t]|rooms:|groups:|- id: 1\n|group:|null){0,60}") {
        survives(text.as_bytes());
        survives(format!("rooms:\n  - id: 1\n    members: {text}").as_bytes());
    }

    #[test]
    fn random_edits_do_no_harm(edits in prop::collection::vec((0..SAMPLE.len(), any::<u8>()), 1..6)) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        survives(&bytes);
    }
}
