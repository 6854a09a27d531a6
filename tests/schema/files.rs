//! The files that come with roomsync, and those that its documents show.

use super::judge::{Judge, Kind, Verdict};
use std::fs;
use std::path::{Path, PathBuf};

/// The YAML files in a folder and those below it.
pub(crate) fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files of the examples that roomsync reads as settings or rooms; the emulator's state and what CI reads are neither.
fn examples() -> Vec<(PathBuf, Kind)> {
    let files = yaml_files(Path::new("examples")).into_iter();
    files
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let kind = match name {
                "roomsync.yaml" => Kind::Settings,
                _ if path.parent()?.ends_with("rooms") => Kind::Rooms,
                _ => return None,
            };
            Some((path, kind))
        })
        .collect()
}

#[test]
fn every_example_is_valid_and_names_its_schema_to_the_editor() {
    let examples = examples();
    assert!(examples.len() >= 8, "{examples:?}");
    for (path, kind) in examples {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            Judge::of(kind).judge(&text),
            Verdict::Accepted,
            "{}",
            path.display()
        );
        let line = text.lines().next().unwrap();
        let named = line
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap_or_else(|| panic!("{}: no line for the editor: {line}", path.display()));
        let named = path.parent().unwrap().join(named).canonicalize().unwrap();
        assert_eq!(named, kind.schema().canonicalize().unwrap(), "{}", path.display());
    }
}

/// The blocks of YAML in a text, however far they are indented.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(indent) = line
            .strip_suffix("```yaml")
            .filter(|indent| indent.trim().is_empty())
        else {
            continue;
        };
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        let block: Vec<&str> = block
            .map(|line| line.strip_prefix(indent).unwrap_or(line))
            .collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

#[test]
fn what_the_documents_show_is_valid() {
    let mut judged = 0;
    for document in ["README.md", "examples/README.md", "deploy/README.md"] {
        for block in blocks(&fs::read_to_string(document).unwrap()) {
            let is_settings = block.lines().any(|line| line.starts_with("service:"));
            let kind = if is_settings { Kind::Settings } else { Kind::Rooms };
            assert_eq!(
                Judge::of(kind).judge(&block),
                Verdict::Accepted,
                "{document}: {block}"
            );
            judged += 1;
        }
    }
    assert!(judged >= 2, "{judged} blocks");
}

#[test]
fn what_is_deployed_is_valid() {
    let (mut settings, mut rooms) = (0, 0);
    for file in yaml_files(Path::new("deploy")) {
        let kind = if file.file_name().is_some_and(|name| name == "roomsync.yaml") {
            settings += 1;
            Kind::Settings
        } else if file.parent().is_some_and(|folder| folder.ends_with("rooms")) {
            rooms += 1;
            Kind::Rooms
        } else {
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            Judge::of(kind).judge(&text),
            Verdict::Accepted,
            "{}",
            file.display()
        );
    }
    assert!(settings >= 5 && rooms >= 4, "{settings}, {rooms}");
}

/// Every key that there is, in the spellings that are taken.
#[test]
fn everything_that_can_be_said_is_valid() {
    let rooms = r#"
groups: {moderators: [mia, Omar], 007: [group:moderators, 1.10, true, .5, -1, 0x1F, "null"]}
defaults: {mode: additive, absent: readd, ignore: ["guest-*", 7], guards: {max_removals: 2.5%, max_additions: null}}
rooms:
  - id: "66213271109633"
    name: 5
    owner: Alice
    admins: [group:moderators, alice]
    members: []
    ignore: []
    mode: observe
    absent: ignore
    allow_empty: members
    guards: {max_removals: 5, max_demotions: "007", max_additions: 100%, protect: [bot, "svc-?"]}
  - {id: 66213271109634, admins: [mia], allow_empty: "false"}
  - {id: 66213271109635, members: [mia], absent: keep}
version: "1"
"#;
    let settings = r#"
service:
  url: http://127.0.0.1:8080/
  app_id: 8be024f0-e978-4a6d.x
  auth: {token_file: token}
  ca_file: ~
  timeout: 500ms
  allow_http: "true"
rooms: [a, b.yaml, 7]
limits: {calls_per_second: {default: 40, list_admins: "90"}, share: 50%, concurrency: 8, add_batch: "100", remove_batch: 60}
guards: {max_removals: 3, max_demotions: 1%, max_removals_total: 5%, max_additions: 7, protect: [Bot, "ops-*"]}
sync: {interval: 1h, settle: 0ms, paused: true}
webhook: {listen: "[::1]:9465", path: /a/b-c_d.e~f, secret_file: webhook, previous_secret_file: null}
state_dir: /var/lib/roomsync
listen: "[::1]:0"
status_page: true
report_unmanaged: false
allowed_hosts: ["a.b-c.example", x_y, 7]
status_token_file: null
admin_token_file: null
audit_log: audit.jsonl
absent: "ignore"
version: 1
"#;
    for (kind, text) in [(Kind::Rooms, rooms), (Kind::Settings, settings)] {
        super::random::assert_reads(kind, text);
        assert_eq!(Judge::of(kind).judge(text), Verdict::Accepted, "{text}");
    }
}
