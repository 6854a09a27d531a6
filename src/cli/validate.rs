//! `roomsync validate`: checks files, calls nobody.

use super::{Exit, Globals, output};
use crate::desired::{self, Invalid, Loaded, Severity};
use crate::model::{Guards, MemberSet};
use crate::plan::counted;
use crate::settings::{self, Env};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks room files, and the settings with them; no network.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Room files and directories to check on their own, without the settings; without any, the settings and their rooms
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
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
    let result = if args.paths.is_empty() {
        settings::load_offline(config, env)
            .and_then(|settings| desired::load(&settings.rooms, Some(config), &settings.guards))
    } else {
        desired::load(&args.paths, Some(config), &Guards::default())
    };
    let diagnostics = match &result {
        Ok(loaded) => &loaded.warnings,
        Err(Invalid { diagnostics }) => diagnostics,
    };
    write!(out, "{}", desired::render(diagnostics, styled))?;
    let of = |severity| {
        diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    match &result {
        Ok(loaded) => {
            let warnings = match warnings {
                0 => String::new(),
                warnings => format!(", {}", counted(warnings, "warning")),
            };
            writeln!(out, "{}: valid{warnings}", sizes(loaded))?;
        }
        Err(_) => {
            let errors = counted(errors, "error");
            match warnings {
                0 => writeln!(out, "{errors}")?,
                warnings => writeln!(out, "{errors}, {}", counted(warnings, "warning"))?,
            }
        }
    }
    Ok(result.is_ok())
}

/// How much a valid set holds.
fn sizes(loaded: &Loaded) -> String {
    let Loaded {
        desired,
        warnings: _,
        groups,
        origins: _,
    } = loaded;
    let lists = desired
        .rooms
        .iter()
        .flat_map(|room| [&room.admins, &room.members]);
    let people: MemberSet = lists.flatten().flatten().cloned().collect();
    [
        counted(desired.source.files, "file"),
        counted(desired.rooms.len(), "room"),
        counted(*groups, "group"),
        match people.len() {
            1 => "1 person".to_owned(),
            people => format!("{people} people"),
        },
    ]
    .join(", ")
}
