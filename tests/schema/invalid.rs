//! Every file of `tests/invalid` by the schema. What is expected follows from what the reader says of the file.

use super::files::yaml_files;
use super::judge::{Judge, Kind, Verdict};
use roomsync::desired::{self, Retain};
use roomsync::diagnostics::{Diagnostic, Severity};
use roomsync::model::RoomDefaults;
use roomsync::settings::{Env, load_offline};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Knowledge that an editor has of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Its own parser refuses the file.
    Parser,
    /// The schema refuses it.
    Schema,
    /// A schema cannot see it, because of this.
    Blind(&'static str),
}

/// True if a schema sees a problem of this code in this document.
fn sight(kind: Kind, code: &str, document: &Value) -> Sight {
    use Sight::{Blind, Parser, Schema};
    match code {
        "control-character" | "not-text" | "tab" | "tag" | "too-deep" | "yaml" => Parser,

        "foreign-file" | "merge-key" | "room-file" | "room-outside-rooms" | "settings-file" => Schema,

        "bad-group-name" | "nobody-named" | "two-at-once" | "bad-label" | "bad-limit" | "bad-name"
        | "bad-pattern" | "bad-room-id" | "bad-url" | "bad-value" | "fleet-guard" | "half-credentials"
        | "newer-version" | "no-app" | "no-id" | "no-until" | "no-webhook-secret" | "no-service"
        | "not-supported" | "nothing-managed" | "null" | "two-apps" | "two-credentials" | "unknown-key"
        | "wrong-kind" => Schema,

        "bad-until" if document.to_string().contains("tomorrow") => Schema,
        "bad-until" => Blind("the calendar is no pattern"),

        // In some places the parser itself stumbles over these.
        "conflict-markers"
        | "full-width-character"
        | "invisible-character"
        | "odd-space"
        | "regular-expression"
        | "typographic-character" => match document.is_null() {
            true => Parser,
            false => Schema,
        },

        "no-rooms" if kind == Kind::Settings => Schema,
        "no-rooms" => Blind("another file may hold the rooms"),
        "nobody" if has_empty_list(document) => Schema,
        "nobody" => Blind("a group may come to nobody, and so may a list of the owner alone"),

        "too-many-aliases" => Blind("a parser may take it"),
        "duplicate-key" => Blind("one of the two is gone once the file is parsed"),
        "group-cycle" | "group-twice" | "no-such-group" | "room-twice" => {
            Blind("it takes a look at other places")
        }
        "no-url" | "plain-http" => Blind("the environment may name another address"),
        "listed-and-excluded" | "too-many-admins" | "wanted-and-ignored" => {
            Blind("it takes the groups written out")
        }
        "kernel-files" | "link-loop" | "link-outside" | "unreadable" => Blind("it takes a look at the disk"),
        "same-address" => Blind("it takes a comparison of two places"),
        "two-documents" => Blind("each document is judged by itself"),

        _ => panic!("say in {} whether a schema can see `{code}`", file!()),
    }
}

/// Files that are judged otherwise than their codes would have it, and why.
const OTHERWISE: &[(&str, bool, &str)] = &[(
    "settings/two-documents.yaml",
    true,
    "the second of them has no `service`",
)];

fn has_empty_list(document: &Value) -> bool {
    let rooms = document["rooms"].as_array().into_iter().flatten();
    rooms
        .flat_map(|room| [&room["admins"], &room["members"]])
        .any(|list| list.as_array().is_some_and(Vec::is_empty))
}

/// The codes of the errors of a file or a folder, by the file in which they are.
fn codes(kind: Kind, path: &Path) -> BTreeMap<PathBuf, Vec<&'static str>> {
    let diagnostics: Vec<Diagnostic> = match kind {
        Kind::Rooms => {
            match desired::load(
                &[path.to_owned()],
                None,
                &RoomDefaults::default(),
                Retain::Provenance,
            ) {
                Ok(_) => Vec::new(),
                Err(invalid) => invalid.diagnostics,
            }
        }
        Kind::Settings => load_offline(path, &Env::default()).unwrap_err().diagnostics,
    };
    let mut codes: BTreeMap<PathBuf, Vec<&'static str>> = BTreeMap::new();
    for diagnostic in diagnostics {
        // What is said of a folder or of no file at all is said of no document.
        let file = diagnostic.location.map(|location| PathBuf::from(location.file));
        if let Some(file) = file.filter(|_| diagnostic.severity == Severity::Error) {
            codes.entry(file).or_default().push(diagnostic.code);
        }
    }
    codes
}

/// Checks that the file is refused as expected. The error says what is wrong.
fn judged(kind: Kind, judge: &Judge, path: &Path, codes: &[&str]) -> Result<bool, String> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(true);
    };
    let verdict = judge.judge(&text);
    let documents = super::judge::json(&text).unwrap_or_default();
    let nothing = Value::Null;
    let document = documents.first().unwrap_or(&nothing);
    let sights: Vec<(Sight, &str)> = codes
        .iter()
        .map(|code| (sight(kind, code, document), *code))
        .collect();
    let sees = |wanted: Sight| sights.iter().any(|(sight, _)| *sight == wanted);
    let name = path.strip_prefix("tests/invalid").unwrap();
    let otherwise = OTHERWISE.iter().find(|(file, ..)| Path::new(file) == name);
    let by_the_codes = !documents.iter().all(Value::is_null) && sees(Sight::Schema);
    let refused = match otherwise {
        Some((file, refused, why)) if *refused == by_the_codes => {
            return Err(format!(
                "{file} is judged by its codes now, not otherwise ({why}): take it out"
            ));
        }
        Some((_, refused, _)) => *refused,
        None => by_the_codes,
    };
    match verdict {
        Verdict::NoYaml(_) if sees(Sight::Parser) => Ok(true),
        Verdict::NoYaml(error) => Err(format!("{}: an editor cannot parse it: {error}", name.display())),
        _ if sees(Sight::Parser) => Err(format!(
            "{}: an editor would parse it: {sights:?}",
            name.display()
        )),
        Verdict::Accepted if refused => Err(format!("{}: the schema takes it: {sights:?}", name.display())),
        Verdict::Refused(why) if !refused => Err(format!(
            "{}: the schema refuses it, for all that {sights:?}: {why}",
            name.display()
        )),
        Verdict::Accepted | Verdict::Refused(_) => Ok(refused),
    }
}

#[test]
fn every_invalid_file_is_refused_where_a_schema_can_see_why() {
    let (mut refused, mut accepted, mut wrong) = (0, 0, Vec::new());
    for (kind, folder) in [
        (Kind::Rooms, "tests/invalid/rooms"),
        (Kind::Settings, "tests/invalid/settings"),
    ] {
        let judge = Judge::of(kind);
        for site in fs::read_dir(folder).unwrap() {
            let site = site.unwrap().path();
            let files = if site.is_dir() {
                yaml_files(&site)
            } else {
                vec![site.clone()]
            };
            let codes = codes(kind, &site);
            // What a link leads to elsewhere is no file of the site.
            let own = |file: &PathBuf| Some(file.canonicalize().ok()?.starts_with(site.canonicalize().ok()?));
            for file in files.into_iter().filter(|file| own(file) == Some(true)) {
                match judged(kind, &judge, &file, codes.get(&file).map_or(&[], Vec::as_slice)) {
                    Ok(true) => refused += 1,
                    Ok(false) => accepted += 1,
                    Err(why) => wrong.push(why),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        refused >= 35 && accepted >= 10,
        "{refused} refused, {accepted} taken"
    );
}
