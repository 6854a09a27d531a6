//! Texts of `--help`, and the table of settings.

use super::site::{Run, Site, roomsync};
use std::fs;
use std::path::Path;

#[test]
fn help_is_as_recorded() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd");
}

/// Every command that there is, by what the help lists.
fn commands() -> Vec<String> {
    let help = Run::of(roomsync(Path::new(".")).arg("--help"))
        .ends_with(0)
        .stdout;
    let (_, listed) = help.split_once("\nCommands:\n").unwrap();
    let lines = listed.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_help_of_every_command_is_kept_as_a_snapshot() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let path = format!("tests/cmd/{command}.trycmd");
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let wanted = format!("$ roomsync {command} --help\n");
        assert!(
            kept.contains(&wanted),
            "{path} does not hold the help of `roomsync {command}`; write it with the one line\n  {wanted}\
             in a ```console block, and then\n  TRYCMD=overwrite cargo test --test real cli::docs"
        );
    }
    let root = fs::read_to_string("tests/cmd/roomsync.trycmd").unwrap();
    assert!(root.contains("$ roomsync -h\n") && root.contains("$ roomsync --help\n"));
}

#[test]
fn every_setting_of_the_table_can_be_written_with_its_default() {
    let chapter = fs::read_to_string("deploy/README.md").unwrap();
    let (_, table) = chapter.split_once("| key | default | |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("| `"));
    let mut seen = Vec::new();
    for row in rows {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        let (key, default) = (cells.nth(1).unwrap(), cells.next().unwrap());
        let (group, last) = key.rsplit_once('.').unwrap_or(("", key));
        let entry = match group {
            "" => format!("{last}: {default}\n"),
            "service" => format!("  {last}: {default}\n"),
            // Without a default: the settings of every site name it.
            "service.auth" => String::new(),
            "webhook" if default.is_empty() => String::new(),
            "webhook" => format!("webhook: {{secret_file: hook, {last}: {default}}}\n"),
            _ => format!("{group}: {{{last}: {default}}}\n"),
        };
        let site = Site::at("http://127.0.0.1:1")
            .with_settings("sync: {settle_removals: 0s}\n", "")
            .with_settings("rooms: rooms/\n", &entry);
        site.run(&["validate"]).ends_with(0);
        seen.push(last.to_owned());
    }
    for key in [
        "token_file",
        "max_removals_total",
        "settle",
        "status_page",
        "audit_log",
    ] {
        assert!(seen.iter().any(|name| name == key), "no {key} in {seen:?}");
    }
}
