//! The man pages in `deploy/man`: made from the commands' own help, and held against it.

use super::guides;
use crate::settings::DEFAULT_FILE;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FOLDER: &str = "deploy/man";

/// Environment variables.
const ENVIRONMENT: [(&str, &str); 6] = [
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
        "The token for the service. It wins over service.auth.",
    ),
    (
        "ROOMSYNC_APP_CERTIFICATE",
        "The app's certificate. It wins over service.auth.app_certificate_file.",
    ),
    (
        "ROOMSYNC_CLIENT_SECRET",
        "The client's secret. It wins over service.auth.client_secret_file.",
    ),
    (
        "ROOMSYNC_ADMIN_TOKEN",
        "What a caller of the daemon must show to have it look at all rooms. It wins over admin_token_file.",
    ),
];

const FILES: [(&str, &str); 3] = [
    (
        DEFAULT_FILE,
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
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    let is_root = command.has_subcommands();
    if is_root {
        man.render_subcommands_section(&mut page).unwrap();
    }
    let mut rest = Roff::new();
    let guide = guides::of(command.get_name());
    let notes = match guide {
        Some(guide) => Some(guide.notes.to_owned()).filter(|notes| !notes.is_empty()),
        None => command.get_after_help().map(ToString::to_string),
    };
    if let Some(guide) = guide {
        rest.control("SH", ["EXIT STATUS"]);
        for (exit, says) in guide.exits {
            rest.control("TP", []);
            rest.text([bold(exit.code().to_string())]).text([roman(*says)]);
        }
        rest.control("SH", ["EXAMPLES"]).control("nf", []);
        for example in guide.examples {
            rest.text([roman(format!("  {example}"))]);
        }
        rest.control("fi", []);
    }
    if let Some(notes) = notes {
        // Without filling, so that tables stay tables; the sentences in them are broken as on a terminal.
        rest.control("SH", ["NOTES"]).control("nf", []);
        for line in textwrapped(&notes) {
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
    let name = man.get_filename();
    let title = name.trim_end_matches(".1").replace('-', "\\-");
    let source = concat!("roomsync ", env!("CARGO_PKG_VERSION"));
    let text = String::from_utf8(page).unwrap() + &rest.to_roff();
    pages.insert(
        name,
        format!(
            ".TH \"{title}\" 1 \"\" \"{source}\" \"roomsync\"\n{}",
            tidy(&text)
        ),
    );
}

/// One page out of its parts: quotes are meant as they are, and lines that the help breaks are broken.
fn tidy(page: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    let mut filling = true;
    let is_text = |line: &str| !line.starts_with('.');
    for line in page.lines().map(str::trim_end) {
        let last = kept.last().map(String::as_str);
        match line {
            ".nf" => filling = false,
            ".fi" => filling = true,
            // An empty line stands only where lines are kept.
            "" if filling => continue,
            ".br" if last == Some(".br") => continue,
            // How each part makes sure that a quote is one.
            r".ie \n(.g .ds Aq \(aq" | ".el .ds Aq '" => continue,
            _ => {
                // Below the name of what it is about, a text begins a line of its own anyway.
                let named = kept
                    .len()
                    .checked_sub(2)
                    .and_then(|at| kept.get(at))
                    .is_some_and(|line| line == ".TP");
                // So does one that is indented.
                let apart = named || line.starts_with(' ');
                if filling && !apart && is_text(line) && last.is_some_and(is_text) {
                    kept.push(".br".to_owned());
                }
            }
        }
        kept.push(line.replace('`', r"\(ga").replace(r"\*(Aq", r"\(aq"));
    }
    kept.join("\n") + "\n"
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
    let mut command = super::command()
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS")
        .subcommand_value_name("COMMAND");
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
