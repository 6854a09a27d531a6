//! Yes-or-no settings of a repository that say how its files are compared. None of them names a program, and files that
//! the settings include are not read.

use std::collections::HashMap;

/// Settings of one or more files: the last one of a name counts.
#[derive(Debug, Default)]
pub(super) struct GitConfig {
    /// By `section.name` in lower case. `None`: the name stands alone, which means true.
    values: HashMap<String, Option<String>>,
}

/// Number of the line that cannot be read, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine(pub(super) usize);

impl GitConfig {
    /// Adds the settings of this text. A setting of a subsection keeps its subsection in its name.
    pub(super) fn add(&mut self, text: &str) -> Result<(), BadLine> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut section = String::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let bad = || BadLine(number + 1);
            let mut rest = line.trim_start();
            if let Some(header) = rest.strip_prefix('[') {
                let (name, after) = header_end(header).ok_or_else(bad)?;
                section = name.to_ascii_lowercase();
                rest = after.trim_start();
            }
            if rest.is_empty() || rest.starts_with(['#', ';']) {
                continue;
            }
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return Err(bad());
            }
            let value = match after.trim_start() {
                "" => None,
                after if after.starts_with(['#', ';']) => None,
                after => {
                    let first = after.strip_prefix('=').ok_or_else(bad)?;
                    let more = || lines.next().map(|(_, line)| line);
                    Some(value(first, more).ok_or_else(bad)?)
                }
            };
            self.values
                .insert(format!("{section}.{}", name.to_ascii_lowercase()), value);
        }
        Ok(())
    }

    /// The value of `section.name`, in lower case.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_deref()
    }

    /// The value as git reads a yes or no. `Err`: it is neither.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, ()> {
        let Some(value) = self.values.get(name) else {
            return Ok(default);
        };
        let Some(value) = value else { return Ok(true) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" | "" => Ok(false),
            number => number.parse::<i64>().map(|number| number != 0).map_err(drop),
        }
    }
}

/// The name of a section, with its subsection in quotes, and what follows the bracket that ends it.
fn header_end(header: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in header.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some((header.get(..at)?, header.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// A value without its quotes, escapes and comment; `more` gives the lines that it goes on in. `None`: it has no end.
fn value<'a>(first: &'a str, mut more: impl FnMut() -> Option<&'a str>) -> Option<String> {
    let mut value = String::new();
    // Blanks within a value count, those at its end do not.
    let mut end = 0;
    let mut quoted = false;
    let mut line = first.trim_start();
    loop {
        let mut chars = line.chars();
        let mut goes_on = false;
        while let Some(c) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                '#' | ';' if !quoted => break,
                '\\' => match chars.next() {
                    None => goes_on = true,
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some('b') => value.push('\u{8}'),
                    Some(c @ ('"' | '\\')) => value.push(c),
                    Some(_) => return None,
                },
                c => value.push(c),
            }
            if quoted || !c.is_whitespace() {
                end = value.len();
            }
        }
        if !goes_on {
            break;
        }
        match more() {
            Some(next) => line = next,
            None => break,
        }
    }
    value.truncate(end);
    (!quoted).then_some(value)
}
