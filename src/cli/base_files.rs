//! The earlier version of the room files that `plan --base` names.

use super::Globals;
use super::exit::Usage;
use crate::base::BaseDiff;
use crate::desired::{self, DesiredRoom, Retain};
use crate::diagnostics::{Diagnostic, Severity};
use crate::disk::{self, described};
use crate::model::{Guards, log_code, printable};
use crate::plan::FleetPlan;
use crate::reconcile::CheckedClock;
use crate::settings::Settings;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The rooms of the base version, or why they cannot be used.
pub(super) struct BaseFiles(Result<Vec<DesiredRoom>, String>);

impl BaseFiles {
    /// Reads the base version from all of these paths, if there are any, with the settings' values for rooms. That it is not valid is
    /// no error: a change that repairs the files can be planned, too.
    pub(super) fn load(
        paths: &[PathBuf],
        globals: &Globals,
        settings: &Settings,
    ) -> anyhow::Result<Option<Self>> {
        if paths.is_empty() {
            return Ok(None);
        }
        for path in paths {
            let refuse =
                |error: io::Error| Usage(format!("--base {}: {}", path.display(), described(&error)));
            let readable = |path: &Path| match fs::metadata(path)?.is_dir() {
                true => fs::read_dir(path).map(drop),
                false => Ok(()),
            };
            disk::bounded(path, readable).map_err(refuse)?;
        }
        let (roots, bases) = (settings.rooms.len(), paths.len());
        if bases < roots {
            tracing::warn!(
                code = log_code::BASE_ROOTS,
                roots,
                bases,
                "the settings name more roots of room files than --base does: rooms of the others look new"
            );
        }
        // Where it lies beside the rooms, the base version's own settings file is no room file either.
        let own = globals.config.file_name().and_then(|name| {
            let mut beside = paths.iter().map(|path| path.join(name));
            beside.find(|path| path.exists())
        });
        let own = own.as_deref().unwrap_or(&globals.config);
        let invalid = match desired::load(paths, Some(own), &settings.room_defaults, Retain::Rooms) {
            Ok(loaded) => return Ok(Some(Self(Ok(loaded.desired.rooms)))),
            Err(invalid) => invalid,
        };
        globals.diagnose(&invalid.diagnostics)?;
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        tracing::warn!(
            code = log_code::BASE_INVALID,
            base = names.join(" "),
            "the base version of the files is not valid, so what leaves the files cannot be said"
        );
        let mut errors = invalid
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error);
        let first = errors.next().map(told).unwrap_or_default();
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Ok(Some(Self(Err(format!("{first}{more}")))))
    }

    /// Ends the places that are over, as in the files themselves.
    pub(super) fn end_places(&mut self, clock: &CheckedClock) {
        if let Ok(rooms) = &mut self.0 {
            clock.end_places(rooms);
        }
    }

    /// Changes since then for these rooms; noted in the plan, too. `whole`: these are all the rooms of the files.
    pub(super) fn compare(
        &self,
        now: &[&DesiredRoom],
        whole: bool,
        plan: &mut FleetPlan,
        settings: &Guards,
    ) -> Result<BaseDiff, &str> {
        let base = self.0.as_ref().map_err(String::as_str)?;
        let mut base_diff = BaseDiff::new(base, now, plan, settings);
        if !whole {
            // The other rooms are only not asked for.
            base_diff.gone.clear();
        }
        base_diff.note(plan);
        for (id, name) in &base_diff.gone {
            tracing::warn!(code = log_code::NOT_MANAGED, room = %id, name, "leaves the files and is no longer managed; it is left as it is");
        }
        Ok(base_diff)
    }
}

/// For people, before the plan.
pub(super) fn not_said(why: &str) -> String {
    format!(
        "what leaves the files cannot be said, because their base version is not valid: {}\n\n",
        printable(why)
    )
}

fn told(diagnostic: &Diagnostic) -> String {
    let location = diagnostic
        .location
        .as_ref()
        .map(|location| format!("{location}: "));
    format!("{}{}", location.unwrap_or_default(), diagnostic.message)
}
