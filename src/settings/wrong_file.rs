//! Errors about a settings file that is not there, or is something else.

use super::file::SettingsSpec;
use super::{DEFAULT_FILE, Env};
use crate::diagnostics::{Diagnostic, Place, Problem, RawDiagnostic, Target};
use crate::disk;
use crate::source;
use crate::yaml::Document;
use std::fs;
use std::io;
use std::path::Path;

/// The error about a settings file that is not there, or is a folder. `None`: it is a file.
pub(super) fn missing(path: &Path, env: &Env) -> Option<Diagnostic> {
    let from_env = env
        .config
        .as_ref()
        .is_some_and(|config| config.as_os_str() == path);
    let name = source::name_of(path);
    let shown = match from_env {
        true => format!("ROOMSYNC_CONFIG names {name}, which"),
        false => name.clone(),
    };
    let found = disk::bounded(path, |path| Ok(fs::metadata(path)?.is_dir()));
    let is_missing = |error: io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    };
    let raw = if matches!(found, Ok(true)) {
        let inside = path.join(DEFAULT_FILE);
        let raw = RawDiagnostic::new("no-settings", format!("{shown} is a folder, not a settings file"));
        match inside.is_file() {
            true => raw.help(format!("name the file in it: {}", source::name_of(&inside))),
            false => raw.help(format!(
                "name the settings file, which is usually called {DEFAULT_FILE}"
            )),
        }
    } else if found.is_err_and(is_missing) {
        if from_env {
            RawDiagnostic::new("no-settings", format!("{shown} does not exist"))
                .help("correct the variable, or unset it and go to the folder with the settings file")
        } else if path == Path::new(DEFAULT_FILE) {
            let folder = std::env::current_dir();
            let folder = folder.map_or_else(|_| "this folder".to_owned(), |folder| source::name_of(&folder));
            RawDiagnostic::new("no-settings", format!("there is no {DEFAULT_FILE} in {folder}"))
                .help("go to the folder that has one, or name it with --config FILE or ROOMSYNC_CONFIG")
        } else {
            RawDiagnostic::new("no-settings", format!("the settings file {name} does not exist"))
                .help("correct --config; a relative path counts from the folder in which roomsync is started")
        }
    } else {
        return None;
    };
    Some(Diagnostic::of_file(name, raw))
}

/// The error about a room file in the place of the settings.
pub(super) fn room_file(document: &Document<SettingsSpec>) -> Option<Problem> {
    let spec = document.fields.as_ref()?;
    let unknown = |key: &str| document.unknown_keys.iter().any(|(unknown, _)| unknown == key);
    let rooms = spec.rooms.value.as_deref().unwrap_or_default();
    let has_rooms = !rooms.is_empty() && rooms.iter().all(Option::is_none);
    if spec.service.entry.is_some() || !(has_rooms || unknown("groups") || unknown("defaults")) {
        return None;
    }
    let raw = RawDiagnostic::new("room-file", "this looks like a room file, not like settings").help(
        "--config takes the settings, roomsync.yaml; `roomsync validate FILE` checks a room file by itself",
    );
    let at = Target::File;
    Some(Problem::error(Place { file: 0, at }, raw))
}
