//! Output of `roomsync validate --format github`: a workflow command a line, which a pull request shows at the line meant.

use crate::diagnostics::{Diagnostic, Location, Severity};
use std::env;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// The folder that names of files are to be relative to.
pub(super) struct Root(Option<PathBuf>);

impl Root {
    /// The checkout that the present directory lies in, where a workflow says so; otherwise the present directory.
    pub(super) fn of_process() -> Self {
        let here = env::current_dir().ok();
        let workspace = env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let workspace = workspace
            .filter(|workspace| workspace.is_absolute())
            .filter(|workspace| here.as_ref().is_some_and(|here| here.starts_with(workspace)));
        Self(workspace.or(here))
    }

    /// The file's name from here, where it lies below.
    fn name_of(&self, file: &str) -> String {
        let Some(root) = &self.0 else {
            return file.to_owned();
        };
        let Ok(absolute) = std::path::absolute(file) else {
            return file.to_owned();
        };
        let absolute = without_dots(&absolute);
        match absolute.strip_prefix(root) {
            Ok(below) => below.display().to_string(),
            Err(_) => absolute.display().to_string(),
        }
    }

    /// The place, its file named from here.
    fn location(&self, location: &Location) -> Location {
        Location {
            file: self.name_of(&location.file),
            position: location.position.clone(),
        }
    }

    /// The command that shows a diagnostic, and its line's end.
    pub(super) fn command(&self, diagnostic: &Diagnostic) -> String {
        let Diagnostic {
            code,
            severity,
            message,
            location,
            also,
            help,
        } = diagnostic;
        let mut properties = Vec::new();
        if let Some(Location { file, position }) = location {
            properties.push(("file", self.name_of(file)));
            if let Some(at) = position {
                properties.push(("line", at.line.to_string()));
                properties.push(("endLine", at.line.to_string()));
                properties.push(("col", at.column.to_string()));
                properties.extend(at.end_column().map(|end| ("endColumn", end.to_string())));
            }
        }
        properties.push(("title", format!("roomsync: {code}")));
        // The log shows the text alone, and GitHub no more than ten annotations of a kind.
        let mut text = match location {
            None => message.clone(),
            Some(location) => format!("{}: {message}", self.location(location)),
        };
        if let Some((location, label)) = also {
            // Writing to a String does not fail.
            let _ = write!(text, "\n{label}: {}", self.location(location));
        }
        if let Some(help) = help {
            let _ = write!(text, "\nhelp: {help}");
        }
        let kind = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let properties: Vec<String> = properties
            .iter()
            .map(|(name, value)| format!("{name}={}", property(value)))
            .collect();
        format!("::{kind} {}::{}\n", properties.join(","), data(&text))
    }
}

/// The path with its `..` followed, as far as names go.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// A command's text, so that it stays on its line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, so that it does not end before it should.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
