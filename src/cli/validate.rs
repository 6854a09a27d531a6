//! `roomsync validate`: checks files, calls nobody.

mod github;
mod json;

use super::{Exit, Globals, output};
use crate::desired::{self, Loaded, Retain};
use crate::diagnostics::{Diagnostic, Invalid, RawDiagnostic, Severity, render};
use crate::model::{Limit, RoomDefaults, counted, counted_people};
use crate::settings::{self, Env};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks room files, and the settings with them; no network
///
/// Errors make the files invalid (exit 5); a file that is empty or does not end in a newline is one, too, because the daemon takes it
/// for one that is still being written. Warnings are things that are probably not meant. Notes are for whoever reviews the
/// files, such as a guard looser than that of the settings; where PATHs are given, there are no settings to compare with. A
/// secret's file that others can read, or that git has or can take along, is a warning.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Room files and directories to check on their own, without the settings; without any, the settings and their rooms
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Check the settings and their secret files alone, as they are where roomsync is to run; no room file is read
    #[arg(long, conflicts_with = "paths")]
    settings: bool,
    /// How to show what is found
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How what is found is shown. Lines and columns are from 1, columns in characters; in each format an end is the column after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// For people; of very many, the first 200
    #[default]
    Text,
    /// For programs: one object with all of them
    Json,
    /// For GitHub workflows: a command for each, which annotates the line meant, and a summary
    Github,
}

/// Runs `roomsync validate`.
pub(super) fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let mut out = Vec::new();
    let look = Look {
        styled: true,
        errors_only: globals.quiet,
    };
    let valid = check(args, &globals.config, &globals.env, look, &mut out)?;
    output(&String::from_utf8_lossy(&out))?;
    Ok(if valid { Exit::Done } else { Exit::Invalid })
}

/// Look of the text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// True if it has styles.
    pub styled: bool,
    /// True if warnings and notes are only counted.
    pub errors_only: bool,
}

/// Checks the files and writes what was found. True if they are valid.
pub fn check(args: &Args, config: &Path, env: &Env, look: Look, out: &mut impl Write) -> io::Result<bool> {
    let found = Found::of(args, config, env);
    match args.format {
        Format::Text => {
            let is_shown = |one: &&Diagnostic| !look.errors_only || one.severity == Severity::Error;
            let shown: Vec<Diagnostic> = found.diagnostics.iter().filter(is_shown).cloned().collect();
            write!(out, "{}", render(&shown, look.styled))?;
            writeln!(out, "{}", found.summary())?;
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &json::Report::new(&found))?;
            writeln!(out)?;
        }
        Format::Github => {
            let root = github::Root::of_process();
            for diagnostic in &found.diagnostics {
                write!(out, "{}", root.command(diagnostic))?;
            }
            writeln!(out, "{}", found.summary())?;
        }
    }
    Ok(found.is_valid)
}

/// Result of a check.
struct Found {
    is_valid: bool,
    /// `None`: the files are not valid, or were not asked for.
    sizes: Option<Sizes>,
    /// In the order of the files, notes last.
    diagnostics: Vec<Diagnostic>,
}

impl Found {
    fn of(args: &Args, config: &Path, env: &Env) -> Self {
        if args.settings {
            return Self::of_settings(config, env);
        }
        let alone = !args.paths.is_empty();
        let mut of_settings = Vec::new();
        let mut total = Limit::ALL;
        let load = |paths: &[PathBuf], defaults: &RoomDefaults| {
            desired::load(paths, Some(config), defaults, Retain::Totals)
        };
        let result = if alone {
            load(&args.paths, &RoomDefaults::default())
        } else {
            settings::load_offline(config, env).and_then(|settings| {
                of_settings = settings.warnings;
                total = settings.max_removals_total;
                load(&settings.rooms, &settings.room_defaults)
            })
        };
        match result {
            Err(Invalid { diagnostics }) => {
                let mut diagnostics = [of_settings, diagnostics].concat();
                refuse_unfinished(&mut diagnostics);
                Self {
                    is_valid: false,
                    sizes: None,
                    diagnostics,
                }
            }
            Ok(Loaded {
                desired,
                rooms,
                groups,
                people,
                warnings,
                notes,
                departures,
                ..
            }) => {
                // Guards without settings are compared with nobody's.
                let told = |note: &Diagnostic| !(alone && note.code == desired::LOOSER_GUARD);
                let mut diagnostics = [of_settings, warnings].concat();
                diagnostics.extend(departures.forecast(total).map(|forecast| {
                    let raw = RawDiagnostic::new("until-trips-guard", forecast.to_string());
                    Diagnostic::warning_without_file(raw.help(forecast.help()))
                }));
                let is_valid = !refuse_unfinished(&mut diagnostics);
                diagnostics.extend(notes.into_iter().filter(told));
                let sizes = Sizes {
                    files: desired.source.files,
                    rooms,
                    groups,
                    people: people.unwrap_or_default(),
                };
                Self {
                    is_valid,
                    sizes: is_valid.then_some(sizes),
                    diagnostics,
                }
            }
        }
    }

    /// The settings and their secrets alone.
    fn of_settings(config: &Path, env: &Env) -> Self {
        let (is_valid, diagnostics) = match settings::check(config, env) {
            Ok(warnings) => (true, warnings),
            Err(Invalid { diagnostics }) => (false, diagnostics),
        };
        Self {
            is_valid,
            sizes: None,
            diagnostics,
        }
    }

    fn count(&self, severity: Severity) -> usize {
        let of_it = |diagnostic: &&Diagnostic| diagnostic.severity == severity;
        self.diagnostics.iter().filter(of_it).count()
    }

    /// One line for people.
    fn summary(&self) -> String {
        let severities = [
            (Severity::Error, "error"),
            (Severity::Warning, "warning"),
            (Severity::Note, "note"),
        ];
        let mut parts: Vec<String> = severities
            .into_iter()
            .filter_map(|(severity, name)| match self.count(severity) {
                0 => None,
                count => Some(counted(count, name)),
            })
            .collect();
        match &self.sizes {
            Some(sizes) => parts.insert(0, format!("{sizes}: valid")),
            None if self.is_valid => parts.insert(0, "settings and secrets: valid".to_owned()),
            None => {}
        }
        parts.join(", ")
    }
}

/// Makes errors of the warnings about files that the daemon does not take: whoever checks files wants to know that before it
/// refuses them. True if there is one.
fn refuse_unfinished(diagnostics: &mut [Diagnostic]) -> bool {
    let unfinished = diagnostics
        .iter_mut()
        .filter(|diagnostic| desired::UNFINISHED.contains(&diagnostic.code));
    unfinished
        .map(|diagnostic| diagnostic.severity = Severity::Error)
        .count()
        > 0
}

/// Size of a valid set.
struct Sizes {
    files: usize,
    rooms: usize,
    groups: usize,
    people: usize,
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            rooms,
            groups,
            people,
        } = self;
        let people = counted_people(*people);
        let (files, rooms, groups) = (
            counted(*files, "file"),
            counted(*rooms, "room"),
            counted(*groups, "group"),
        );
        write!(f, "{files}, {rooms}, {groups}, {people}")
    }
}
