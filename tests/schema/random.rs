//! Whatever the reader takes the schema takes: an editor must not underline what is right.

mod settings;
use settings::*;

use super::judge::{Judge, Kind, Verdict};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use roomsync::desired::{self, Retain};
use roomsync::diagnostics;
use roomsync::model::RoomDefaults;
use roomsync::settings::{Env, load_offline};
use std::cell::Cell;
use std::fs;
use std::path::Path;

const CASES: u32 = 512;

fn reads(kind: Kind, path: &Path) -> Result<(), diagnostics::Invalid> {
    match kind {
        Kind::Rooms => desired::load(
            &[path.to_owned()],
            None,
            &RoomDefaults::default(),
            Retain::Provenance,
        )
        .map(|_| ()),
        Kind::Settings => load_offline(path, &Env::default()).map(|_| ()),
    }
}

/// Asserts that roomsync takes the text.
pub(crate) fn assert_reads(kind: Kind, text: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.yaml");
    fs::write(&path, text).unwrap();
    if let Err(invalid) = reads(kind, &path) {
        panic!("{}", diagnostics::render(&invalid.diagnostics, false));
    }
}

/// One of these texts, mostly of the first, which are right.
fn text(right: &'static [&'static str], wrong: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![12 => select(right), 1 => select(wrong)]
        .prop_map(str::to_owned)
        .boxed()
}

fn list(item: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let items = prop::collection::vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
    prop_oneof![20 => items, 1 => select(&["~", "ann", "{a: b}"][..]).prop_map(str::to_owned)].boxed()
}

/// A map of some of these keys.
fn map(keys: Vec<(&'static str, f64, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let entries: Vec<_> = keys
        .into_iter()
        .map(|(key, often, value)| {
            prop::option::weighted(often, value).prop_map(move |value| Some(format!("{key}: {}", value?)))
        })
        .collect();
    let map = entries.prop_map(|entries| {
        let entries: Vec<String> = entries.into_iter().flatten().collect();
        format!("{{{}}}", entries.join(", "))
    });
    prop_oneof![40 => map, 1 => select(&["~", "x", "[]"][..]).prop_map(str::to_owned)].boxed()
}

const NAMES: &[&str] = &[
    "ann",
    "Bob.B-c_9",
    "007",
    "1.10",
    "0x1F",
    "0o17",
    "1e3",
    "true",
    "False",
    "no",
    "off",
    "y",
    "1_000",
    ".5",
    "-1",
    "-0.0",
    "\"null\"",
    "'true'",
    ".inf",
    ".nan",
    ".NaN",
    "a..",
    "..a",
    "2026-01-01",
    "12345678901234567890123",
    "_",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];
const NO_NAMES: &[&str] = &[
    "..",
    "\"\"",
    "~",
    "Null",
    "a b",
    "é",
    "\"a\\n\"",
    "+1",
    "[ann]",
    "group:..",
    "\"group:\"",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

fn name() -> BoxedStrategy<String> {
    let spelled = "[A-Za-z0-9_.-]{1,64}".prop_map(|name| format!("\"{name}\""));
    prop_oneof![3 => text(NAMES, NO_NAMES), 1 => spelled].boxed()
}

fn person() -> BoxedStrategy<String> {
    let groups = &["group:g", "\"group:G\"", "'group:007'"][..];
    prop_oneof![4 => name(), 1 => select(groups).prop_map(str::to_owned), 2 => with_end()].boxed()
}

fn with_end() -> BoxedStrategy<String> {
    let until = text(
        &[
            "2026-12-31",
            "\"2028-02-29\"",
            "2026-12-31T18:00:00Z",
            "2026-12-31T18:00:00.25-08:00",
        ],
        &[
            "tomorrow",
            "2026-12-31T18:00:00",
            "2026-1-1",
            "~",
            "2027-02-30",
            "[]",
        ],
    );
    map(vec![("user", 0.9, name()), ("until", 0.95, until.clone())])
        .prop_union(map(vec![
            ("group", 0.9, text(&["g", "\"G\"", "007"], &["\"group:g\"", "~"])),
            ("until", 0.95, until),
        ]))
        .boxed()
}

fn pattern() -> BoxedStrategy<String> {
    text(
        &[
            "\"guest-*\"",
            "'*x?'",
            "zz-*",
            "\"??????????????????????q\"",
            "7777",
            "1.5",
            "\"..\"",
            "zz",
        ],
        &["\"[ab]\"", "\"\"", "null", "a b"],
    )
}

fn bound() -> BoxedStrategy<String> {
    text(
        &[
            "0",
            "20",
            "\"20\"",
            "007",
            "0%",
            "25%",
            "2.5%",
            "0.01%",
            "100%",
            "100.00%",
            "100.0%",
            "025%",
            "099.99%",
            "18446744073709551615",
        ],
        &[
            "101%",
            "100.01%",
            "1.234%",
            "-1",
            "lots",
            "null",
            "2.5",
            "18446744073709551616",
            "0100%",
            "[1]",
        ],
    )
}

fn bound_or_null() -> BoxedStrategy<String> {
    prop_oneof![3 => bound(), 1 => select(&["null", "~"][..]).prop_map(str::to_owned)].boxed()
}

fn room_guards() -> Vec<(&'static str, f64, BoxedStrategy<String>)> {
    vec![
        ("max_removals", 0.4, bound()),
        ("max_demotions", 0.4, bound()),
        ("max_additions", 0.4, bound_or_null()),
        ("protect", 0.3, list(pattern())),
    ]
}

fn of_rooms_and_defaults() -> Vec<(&'static str, f64, BoxedStrategy<String>)> {
    let mut guards = room_guards();
    guards.push(("max_removals_total", 0.03, bound()));
    let modes = &["authoritative", "additive", "observe", "\"observe\""];
    vec![
        ("mode", 0.3, text(modes, &["Observe", "true", "null"])),
        (
            "absent",
            0.2,
            text(&["readd", "ignore", "'readd'"], &["keep", "null", "x"]),
        ),
        ("ignore", 0.2, list(pattern())),
        ("guards", 0.3, map(guards)),
    ]
}

fn room() -> BoxedStrategy<String> {
    let ids = &[
        "1",
        "\"2\"",
        "'66213271109633'",
        "99999999999999999999999999999999",
        "18446744073709551616",
        "4",
    ];
    let labels = &[
        "lobby",
        "\"\"",
        "5",
        "true",
        "1.50",
        "\"Ä lobby: #1 \\u00a0\"",
        "é",
        ".inf",
        "a b",
        "x: y",
    ];
    let empty = &["admins", "members", "true", "false", "\"true\"", "'members'"];
    let mut keys = vec![
        (
            "id",
            0.97,
            text(ids, &["0", "1e3", "007", "-1", "\"1/2\"", "1.0", "true", "null"]),
        ),
        (
            "name",
            0.4,
            text(labels, &["\"a\\u0007\"", "null", "[a]", "\"\\u0085\""]),
        ),
        ("owner", 0.3, name()),
        ("admins", 0.6, list(person())),
        ("members", 0.8, list(person())),
        (
            "allow_empty",
            0.6,
            text(empty, &["True", "yes", "none", "null", "[admins]"]),
        ),
        ("colour", 0.02, name()),
    ];
    keys.extend(of_rooms_and_defaults());
    map(keys)
}

fn version() -> BoxedStrategy<String> {
    text(&["1", "\"1\""], &["2", "0", "v1", "null"])
}

fn room_file() -> BoxedStrategy<String> {
    let groups = (list(name()), name())
        .prop_map(|(people, other)| format!("{{g: {people}, 007: [group:g, {other}], 1.10: [ann]}}"));
    let groups =
        prop_oneof![30 => groups, 1 => select(&["{..: [a]}", "[a]", "{g: ~}"][..]).prop_map(str::to_owned)];
    let keys = vec![
        ("groups", 0.95, groups.boxed()),
        ("defaults", 0.4, map(of_rooms_and_defaults())),
        (
            "rooms",
            0.99,
            prop_oneof![6 => room().prop_map(|room| format!("[{room}]")), 1 => list(room())].boxed(),
        ),
        ("version", 0.3, version()),
    ];
    map(keys)
}

fn the_schema_takes_what_the_reader_takes(kind: Kind, file: &BoxedStrategy<String>) {
    let judge = Judge::of(kind);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.yaml");
    let (taken, refused_by_both) = (Cell::new(0), Cell::new(0));
    let persistence = FileFailurePersistence::SourceParallel("proptest-regressions");
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(persistence)),
        ..Config::default()
    });
    let result = runner.run(file, |text| {
        fs::write(&path, &text).unwrap();
        let verdict = judge.judge(&text);
        match reads(kind, &path) {
            Ok(()) => {
                taken.set(taken.get() + 1);
                prop_assert_eq!(verdict, Verdict::Accepted, "{}", text);
            }
            Err(_) if verdict != Verdict::Accepted => refused_by_both.set(refused_by_both.get() + 1),
            Err(_) => {}
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (taken, refused) = (taken.get(), refused_by_both.get());
    assert!(taken > CASES / 8, "only {taken} of {CASES} files were any good");
    assert!(
        refused > CASES / 8,
        "only {refused} of {CASES} files were refused by both"
    );
}

#[test]
fn room_files_that_are_read_are_valid_by_the_schema() {
    the_schema_takes_what_the_reader_takes(Kind::Rooms, &room_file());
}

#[test]
fn settings_that_are_read_are_valid_by_the_schema() {
    the_schema_takes_what_the_reader_takes(Kind::Settings, &settings_file());
}
