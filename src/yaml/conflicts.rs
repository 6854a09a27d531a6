//! Conflict markers that a version control system left in a file.

use crate::diagnostics::{Place, Problem, RawDiagnostic, Target};

/// The beginnings of lines that mark a conflict, in the order in which they come.
const MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", BETWEEN, ">>>>>>>"];

/// The marker between the two sides. A line like it alone can also be part of a text.
const BETWEEN: &str = "=======";

/// The conflicts in a file.
pub(super) enum Conflicts {
    /// There is at least one, which is all that can be said of the file.
    Certain(Vec<Problem>),
    /// Lines that are left of one if the file is no YAML.
    Doubtful(Vec<Problem>),
}

/// An error for every conflict, at its first line, and for every marker that is left of one.
pub(super) fn conflicts(file: usize, text: &str) -> Conflicts {
    let mut problems: Vec<Problem> = Vec::new();
    if !MARKERS.iter().any(|marker| text.contains(marker)) {
        return Conflicts::Doubtful(problems);
    }
    let mut is_certain = false;
    let mut is_open = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let place = Place {
            file,
            at: Target::Byte(start),
        };
        start += line.len();
        let Some(marker) = marker(line) else { continue };
        is_certain |= marker != BETWEEN;
        if marker == "<<<<<<<" {
            let raw = RawDiagnostic::new("conflict-markers", "this file has a conflict of git that is not resolved")
                .help("keep what is meant of the two sides, and delete the lines that begin with <<<<<<<, ======= and >>>>>>>");
            problems.push(Problem::error(place, raw));
            is_open = true;
        } else if !is_open {
            let message = format!("this line is what is left of a conflict of git: {marker}");
            let raw = RawDiagnostic::new("conflict-markers", message)
                .help("see whether the conflict is resolved as meant, and delete this line");
            problems.push(Problem::error(place, raw));
        } else if marker == ">>>>>>>" {
            is_open = false;
            if let Some(problem) = problems.pop() {
                problems.push(problem.also(place, "its end"));
            }
        }
    }
    match is_certain {
        true => Conflicts::Certain(problems),
        false => Conflicts::Doubtful(problems),
    }
}

/// The marker that the line consists of, with or without a name behind it.
fn marker(line: &str) -> Option<&'static str> {
    let line = line.trim_end();
    let is = |marker: &&&str| {
        let rest = line.strip_prefix(**marker);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    MARKERS.iter().find(is).copied()
}
