//! `roomsync validate`: checks files, calls nobody.

mod github;
mod json;

use super::{Exit, Globals, output};
use crate::desired::{self, Loaded, Retain};
use crate::diagnostics::{Diagnostic, Invalid, Severity, render};
use crate::model::{Guards, counted, counted_people};
use crate::settings::{self, Env};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks room files, and the settings with them; no network
///
/// Errors make the files invalid (exit 5). Warnings are things that are probably not meant. Notes are for whoever reviews the
/// files, such as a guard looser than that of the settings; where PATHs are given, there are no settings to compare with.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Room files and directories to check on their own, without the settings; without any, the settings and their rooms
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
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
    let valid = check(args, &globals.config, &globals.env, true, &mut out)?;
    output(&String::from_utf8_lossy(&out))?;
    Ok(if valid { Exit::Done } else { Exit::Invalid })
}

/// Checks the files and writes what was found. Whether they are valid.
pub fn check(args: &Args, config: &Path, env: &Env, styled: bool, out: &mut impl Write) -> io::Result<bool> {
    let found = Found::of(args, config, env);
    match args.format {
        Format::Text => {
            write!(out, "{}", render(&found.diagnostics, styled))?;
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
    Ok(found.is_valid())
}

/// Result of a check.
struct Found {
    /// `None`: the files are not valid.
    sizes: Option<Sizes>,
    /// In the order of the files, notes last.
    diagnostics: Vec<Diagnostic>,
}

impl Found {
    fn of(args: &Args, config: &Path, env: &Env) -> Self {
        let alone = !args.paths.is_empty();
        let load =
            |paths: &[PathBuf], guards: &Guards| desired::load(paths, Some(config), guards, Retain::Totals);
        let result = if alone {
            load(&args.paths, &Guards::default())
        } else {
            settings::load_offline(config, env).and_then(|settings| load(&settings.rooms, &settings.guards))
        };
        match result {
            Err(Invalid { diagnostics }) => Self {
                sizes: None,
                diagnostics,
            },
            Ok(Loaded {
                desired,
                rooms,
                groups,
                people,
                warnings: mut diagnostics,
                notes,
                ..
            }) => {
                // Guards without settings are compared with nobody's.
                let told = |note: &Diagnostic| !(alone && note.code == desired::LOOSER_GUARD);
                diagnostics.extend(notes.into_iter().filter(told));
                Self {
                    sizes: Some(Sizes {
                        files: desired.source.files,
                        rooms,
                        groups,
                        people: people.unwrap_or_default(),
                    }),
                    diagnostics,
                }
            }
        }
    }

    fn is_valid(&self) -> bool {
        self.sizes.is_some()
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
        if let Some(sizes) = &self.sizes {
            parts.insert(0, format!("{sizes}: valid"));
        }
        parts.join(", ")
    }
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
