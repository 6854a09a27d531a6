//! `roomsync validate`: its formats, and what it says of sites that are valid.

mod formats;
mod hostile;
mod memory;
mod secrets;

use roomsync::cli::validate::{self, Look};
use roomsync::settings::Env;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: validate::Args,
}

/// Output of `roomsync validate`, and true if it holds the files to be valid.
fn run(args: &[&str], config: &Path) -> (String, bool) {
    let args = ["validate"].iter().chain(args);
    let cli: Cli = clap::Parser::parse_from(args);
    let mut out = Vec::new();
    let valid = validate::check(&cli.args, config, &Env::default(), Look::default(), &mut out).unwrap();
    (String::from_utf8(out).unwrap(), valid)
}

/// The room files at the path alone.
fn rooms(path: &Path, format: &str) -> (String, bool) {
    let args = [path.to_str().unwrap(), "--format", format];
    run(&args, Path::new("nowhere.yaml"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn entries(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Every site of the folders of sites that cannot be used or are in doubt, as JSON.
fn all_sites() -> Vec<Value> {
    let of_settings = |path: PathBuf| run(&["--format", "json"], &path).0;
    let mut said: Vec<String> = entries("tests/invalid/rooms")
        .into_iter()
        .map(|path| rooms(&path, "json").0)
        .collect();
    said.extend(entries("tests/invalid/settings").into_iter().map(of_settings));
    let doubtful = entries("tests/doubtful").into_iter();
    said.extend(doubtful.map(|path| of_settings(path.join("roomsync.yaml"))));
    said.iter().map(|text| json(text)).collect()
}

/// One snapshot a directory of `tests/doubtful`: sites that are valid, and that something is said of all the same.
#[test]
fn doubtful_sites() {
    for path in entries("tests/doubtful") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (said, valid) = run(&[], &path.join("roomsync.yaml"));
        assert!(valid, "{said}");
        insta::assert_snapshot!(name, said);
    }
}

/// A daemon would refuse these, however valid they are otherwise.
#[test]
fn files_that_seem_unfinished_are_refused() {
    let room = "rooms:\n  - id: 1\n    members: [ann]\n";
    for (text, code) in [("", "empty-file"), (room.trim_end(), "no-final-newline")] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), room).unwrap();
        assert!(rooms(dir.path(), "json").1);
        fs::write(dir.path().join("b.yaml"), text.replace("id: 1", "id: 2")).unwrap();
        let (said, valid) = rooms(dir.path(), "json");
        let said = json(&said);
        assert!(!valid && said["valid"] == false, "{said}");
        let errors: Vec<&Value> = said["diagnostics"].as_array().unwrap().iter().collect();
        assert_eq!(errors.len(), 1, "{said}");
        assert_eq!(
            (&errors[0]["code"], &errors[0]["severity"]),
            (&code.into(), &"error".into())
        );
        assert!(
            errors[0]["message"].as_str().unwrap().contains("the daemon"),
            "{said}"
        );
        assert!(rooms(dir.path(), "github").0.starts_with("::error file="));
    }
}

/// The same in a set that is not valid for another reason too, and what is said of files that are not read.
#[test]
fn a_mistake_hides_nothing_of_other_files() {
    let room = "rooms:\n  - id: 1\n    members: [ann]\n";
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.yaml", room),
        ("b.yaml", &room.replace("ann", "group:mods").replace('1', "2")),
        ("c.yaml", room.replace('1', "3").trim_end()),
        ("d.yaml", ""),
        ("e.yaml.bak", room),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let (said, valid) = rooms(dir.path(), "json");
    let diagnostics = json(&said)["diagnostics"].as_array().unwrap().clone();
    let found: Vec<(&str, &str)> = diagnostics
        .iter()
        .map(|one| (one["severity"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("error", "no-such-group"),
        ("error", "no-final-newline"),
        ("error", "empty-file"),
        ("note", "not-read"),
    ];
    assert!(!valid);
    assert_eq!(found, expected);
}

/// The codes that the sources of the files' half speak of.
fn codes_in(folder: &str, codes: &mut BTreeSet<String>) {
    for path in entries(folder) {
        if path.is_dir() {
            codes_in(path.to_str().unwrap(), codes);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let literal = |text: &str| {
            text.strip_prefix('"')
                .map(|text| text.split('"').next().unwrap().to_owned())
        };
        for begun in [
            "RawDiagnostic::new(",
            "pub const LOOSER_GUARD: &str = ",
            "Self::new(",
        ] {
            codes.extend(
                source
                    .split(begun)
                    .skip(1)
                    .filter_map(|rest| literal(rest.trim_start())),
            );
        }
        // Nothing may make one in a way that is not seen above.
        let made = source.matches("RawDiagnostic::new(").count();
        let seen = source
            .split("RawDiagnostic::new(")
            .skip(1)
            .filter(|rest| rest.trim_start().starts_with('"') || rest.starts_with("LOOSER_GUARD"))
            .count();
        assert_eq!(made, seen, "{}: a code that is no literal", path.display());
    }
    if folder == "src/settings" {
        return;
    }
    assert!(codes.len() > 5, "{codes:?}");
}

#[test]
fn every_code_is_shown_by_a_site() {
    let mut codes = BTreeSet::new();
    for folder in ["src/desired", "src/diagnostics", "src/source", "src/yaml"] {
        codes_in(folder, &mut codes);
    }
    codes_in("src/settings", &mut codes);
    let shown: BTreeSet<String> = all_sites()
        .iter()
        .flat_map(|site| site["diagnostics"].as_array().unwrap())
        .map(|diagnostic| diagnostic["code"].as_str().unwrap().to_owned())
        .collect();
    // A repository cannot hold 64 MiB for this, nor a disk that hangs, files that change or a date that stays near, and these depend on
    // the command line and on the environment; the tests of room files and of settings show what is said of them.
    let elsewhere = [
        "too-large",
        "no-settings",
        "no-token",
        "bad-token",
        "bad-secret",
        "no-credentials-directory",
        "secret-readable",
        "secret-in-git",
        "secret-not-ignored",
        "secret-among-rooms",
        "slow-disk",
        "until-near",
        "restless",
    ];
    let missing: Vec<&String> = codes
        .iter()
        .filter(|code| !shown.contains(*code) && !elsewhere.contains(&code.as_str()))
        .collect();
    assert!(missing.is_empty(), "no site shows {missing:?}");
    let unknown: Vec<&String> = shown.difference(&codes).collect();
    assert!(unknown.is_empty(), "not found in the sources: {unknown:?}");
    for code in elsewhere {
        assert!(codes.contains(code), "{code} is gone");
    }
}

#[test]
fn there_are_many_sites_and_all_say_what_to_do() {
    let count = entries("tests/invalid/rooms").len() + entries("tests/invalid/settings").len();
    assert!(count >= 60, "{count}");
    for site in all_sites() {
        let diagnostics = site["diagnostics"].as_array().unwrap();
        assert!(!diagnostics.is_empty());
        for diagnostic in diagnostics {
            assert!(diagnostic["help"].is_string(), "{diagnostic}");
        }
    }
}

#[test]
fn the_example_and_the_rehearsal_are_beyond_doubt() {
    for config in ["examples/site/roomsync.yaml", "examples/rehearsal/roomsync.yaml"] {
        let (said, valid) = run(&["--format", "json"], Path::new(config));
        assert!(valid, "{said}");
        assert_eq!(json(&said)["diagnostics"], Value::Array(Vec::new()), "{config}");
    }
}

#[test]
fn guards_are_compared_with_settings_only() {
    let site = Path::new("tests/doubtful/looser-guards");
    let (said, _) = rooms(&site.join("rooms"), "json");
    assert_eq!(json(&said)["summary"]["notes"], 0, "{said}");
    let (said, _) = run(&["--format", "json"], &site.join("roomsync.yaml"));
    assert_eq!(json(&said)["summary"]["notes"], 5, "{said}");
}
