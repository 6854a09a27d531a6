//! The man pages in `deploy/man`: made from the commands' own help, and held against it.

use super::Cli;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FOLDER: &str = "deploy/man";

/// What the environment can say.
const ENVIRONMENT: [(&str, &str); 4] = [
    (
        "ROOMSYNC_CONFIG",
        "The settings file, where --config does not name it.",
    ),
    (
        "ROOMSYNC_URL",
        "The address of the service. It wins over the settings.",
    ),
    (
        "ROOMSYNC_TOKEN",
        "The token for the service. It wins over service.auth.token_file.",
    ),
    (
        "ROOMSYNC_ADMIN_TOKEN",
        "What a caller of the daemon must show to have it look at all rooms.",
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        "roomsync.yaml",
        "The settings. roomsync schema settings prints what they can say.",
    ),
    (
        "rooms/",
        "The room files, *.yaml and *.yml. roomsync schema rooms prints what they can say.",
    ),
    (
        ".roomsync/",
        "What the daemon must not forget; state_dir in the settings names another folder.",
    ),
];

/// The pages of a command and of those below it, by file name.
fn pages(command: &Command, pages: &mut BTreeMap<String, String>) {
    for inner in command.get_subcommands() {
        self::pages(inner, pages);
    }
    let version = Cli::command().get_version().unwrap_or_default().to_owned();
    let man = Man::new(command.clone())
        .source(format!("roomsync {version}"))
        .manual("roomsync");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    let is_root = command.has_subcommands();
    if is_root {
        man.render_subcommands_section(&mut page).unwrap();
    }
    let mut rest = Roff::new();
    if let Some(notes) = command.get_after_long_help().or(command.get_after_help()) {
        // Without filling, so that tables stay tables; the sentences in them are broken as on a terminal.
        rest.control("SH", ["NOTES"]).control("nf", []);
        for line in textwrapped(&notes.to_string()) {
            rest.text([roman(line)]);
        }
        rest.control("fi", []);
    }
    if is_root {
        for (title, entries) in [("ENVIRONMENT", &ENVIRONMENT[..]), ("FILES", &FILES)] {
            rest.control("SH", [title]);
            for (name, text) in entries {
                rest.control("TP", []);
                rest.text([bold(*name)]).text([roman(*text)]);
            }
        }
    } else {
        rest.control("SH", ["SEE ALSO"])
            .text([bold("roomsync"), roman("(1)")]);
    }
    let text = format!("{}{}", String::from_utf8(page).unwrap(), rest.to_roff());
    // What clap cannot know of a line: no page has white space at its end.
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    pages.insert(man.get_filename(), lines.join("\n") + "\n");
}

/// Lines no longer than a terminal's, broken between words.
fn textwrapped(text: &str) -> Vec<String> {
    const WIDTH: usize = 76;
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((end, _)) = rest.char_indices().nth(WIDTH) {
            let Some(at) = rest
                .get(..end)
                .and_then(|head| head.rfind(' '))
                .filter(|at| *at > 0)
            else {
                break;
            };
            let (head, tail) = rest.split_at(at);
            lines.push(head.to_owned());
            rest = tail.trim_start();
        }
        lines.push(rest.to_owned());
    }
    lines
}

#[test]
fn they_say_what_the_help_says() {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut wanted = BTreeMap::new();
    pages(&command, &mut wanted);
    assert!(wanted.len() > 8 && wanted.contains_key("roomsync-plan.1"));
    let folder = Path::new(FOLDER);
    if std::env::var_os("OVERWRITE").is_some() {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).unwrap();
        for (name, page) in &wanted {
            fs::write(folder.join(name), page).unwrap();
        }
    }
    let kept: BTreeMap<String, String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    let names: Vec<_> = wanted.keys().chain(kept.keys()).collect();
    let stale: Vec<_> = names
        .into_iter()
        .filter(|name| wanted.get(*name) != kept.get(*name))
        .collect();
    assert!(
        stale.is_empty(),
        "not what the help says now: {stale:?} in {FOLDER}; make them anew with\n  \
         OVERWRITE=1 cargo test --lib cli::man\nand read the difference"
    );
}
