//! The texts of room files → the words of [`crate::model`], each with what is wrong where it is none.

use super::entry::{Entry, GROUP_PREFIX, GroupName};
use super::room::AllowEmpty;
use crate::diagnostics::{RawDiagnostic, closest, shown, suggest};
use crate::model::{
    Absent, BadGlob, BadUserId, Glob, Limit, Lookalike, Mode, RoomId, Until, UserId, looks_like_regex,
    parse_duration, pattern_of_regex,
};
use crate::yaml::Scalar;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Most characters of a room's label.
pub(super) const MAX_LABEL: usize = 100;

/// A user's name.
pub(super) const USER: Scalar<UserId> = Scalar {
    wants: "a name",
    parse: user,
    folds: |_| true,
};

pub(super) fn user(text: &str) -> Result<UserId, RawDiagnostic> {
    UserId::parse(text).map_err(|error| {
        if looks_like_regex(text) {
            return regular_expression(text, "and no name").help(
                "write out who is meant: only `ignore` and `protect` take patterns, such as `guest-*`",
            );
        }
        let raw = RawDiagnostic::new("bad-name", format!("{} is not a name: {error}", shown(text)));
        raw.help(instead_of(text, &error))
    })
}

fn regular_expression(text: &str, but: &str) -> RawDiagnostic {
    let message = format!("{} looks like a regular expression, {but}", shown(text));
    RawDiagnostic::new("regular-expression", message)
}

/// Advice about a regular expression in the place of a pattern.
pub(super) fn pattern_instead(text: &str) -> String {
    const RULES: &str = "`*` stands for any characters, and `?` for one";
    match pattern_of_regex(text) {
        Some(pattern) => format!("write {}; {RULES}", shown(&pattern)),
        None => format!(
            "write each name or pattern that is meant as an item of its own; {RULES}, as in `guest-*`"
        ),
    }
}

/// Help for a text that is not a name.
fn instead_of(text: &str, error: &BadUserId) -> String {
    match error {
        BadUserId::Empty => "write the user's name, or remove the quotes".to_owned(),
        BadUserId::TooLong(_) => "see whether it is one name; no user has a longer one".to_owned(),
        BadUserId::DotsOnly => "take it out: such a user cannot be kept by roomsync".to_owned(),
        BadUserId::BadChar(c) => match (text.split_once(':'), c) {
            (Some((prefix, name)), _)
                if UserId::parse(name).is_ok() && closest(prefix, ["group"]).is_some() =>
            {
                format!("did you mean `{GROUP_PREFIX}{name}`?")
            }
            (_, ' ' | ',' | ';') => {
                "write each name as an item of its own: `[ann, bob]`, or a line `- ann`".to_owned()
            }
            (_, '*' | '?') => {
                "write out who is meant: patterns can stand only under `ignore` and `protect`".to_owned()
            }
            (_, '@') => {
                "write the name by which the service knows the user, not an e-mail address".to_owned()
            }
            (_, c) if Lookalike::of(*c).is_some() => Lookalike::of(*c)
                .map(|lookalike| lookalike.help())
                .unwrap_or_default(),
            (_, ':') => "list a group as `group:NAME`, and a user by the name alone".to_owned(),
            _ => "write the name as the service has it".to_owned(),
        },
    }
}

pub(super) fn group_name(text: &str) -> Result<GroupName, RawDiagnostic> {
    UserId::parse(text)
        .map(|name| GroupName(Box::new(name)))
        .map_err(|error| {
            let message = format!("{} cannot name a group: {error}", shown(text));
            RawDiagnostic::new("bad-group-name", message).help(match error {
                BadUserId::BadChar('*' | '?') => {
                    "list each group that is meant: patterns cannot stand for groups"
                }
                _ => "give the group another name, here and where it is listed",
            })
        })
}

pub(super) fn entry(text: &str) -> Result<Entry, RawDiagnostic> {
    match text.strip_prefix(GROUP_PREFIX) {
        Some(name) => group_name(name).map(Entry::Group),
        None => user(text).map(Entry::User),
    }
}

/// Reads the end of somebody's place.
pub(super) fn until(text: &str) -> Result<Until, RawDiagnostic> {
    Until::parse(text).map_err(|error| {
        let raw = RawDiagnostic::new("bad-until", format!("{} is no end", shown(text)));
        raw.help(error.to_string())
    })
}

pub(super) fn room_id(text: &str) -> Result<RoomId, RawDiagnostic> {
    RoomId::parse(text).map_err(|error| {
        RawDiagnostic::new(
            "bad-room-id",
            format!("{} is not a room id: {error}", shown(text)),
        )
        .help(match text.bytes().any(|byte| byte.is_ascii_digit()) {
            true => "copy the id from the service: digits only, best between quotes",
            false => {
                "copy the id from the service, which is a number; what people call the room goes into `name`"
            }
        })
    })
}

/// Reads a room's label.
pub(crate) fn label(text: &str) -> Result<String, RawDiagnostic> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let message = format!("a room's name cannot hold control characters: {control:?}");
        return Err(RawDiagnostic::new("bad-label", message).help("write it on one line, as plain text"));
    }
    match text.chars().count() {
        0..=MAX_LABEL => Ok(text.to_owned()),
        length => {
            let message = format!("a room's name has at most {MAX_LABEL} characters, this one has {length}");
            Err(RawDiagnostic::new("bad-label", message)
                .help("shorten it; it is for people only, and never sent"))
        }
    }
}

/// Reads a pattern of names.
pub(crate) fn glob(text: &str) -> Result<Glob, RawDiagnostic> {
    Glob::parse(text).map_err(|error| {
        if looks_like_regex(text) {
            return regular_expression(text, "and no pattern").help(pattern_instead(text));
        }
        let message = format!("{} is not a pattern of names: {error}", shown(text));
        RawDiagnostic::new("bad-pattern", message).help(match error {
            BadGlob::BadChar(':') if text.starts_with(GROUP_PREFIX) => {
                "list the names of the group's people: groups cannot stand here".to_owned()
            }
            BadGlob::BadChar(c) if Lookalike::of(c).is_some() => Lookalike::of(c)
                .map(|lookalike| lookalike.help())
                .unwrap_or_default(),
            _ => "write a name, with `*` for any characters and `?` for one, such as `guest-*`".to_owned(),
        })
    })
}

/// Reads a guard's bound.
pub(crate) fn limit(text: &str) -> Result<Limit, RawDiagnostic> {
    Limit::parse(text).map_err(|error| {
        let message = format!("{} is not a limit", shown(text));
        // Half of everybody, written as a fraction.
        let fraction = text
            .strip_prefix("0.")
            .filter(|decimals| (1..=2).contains(&decimals.len()));
        let percent = fraction.and_then(|decimals| format!("{decimals:0<2}").parse::<u8>().ok());
        RawDiagnostic::new("bad-limit", message).help(match percent {
            Some(percent) => format!("did you mean `{percent}%`? {error}"),
            None => error.to_string(),
        })
    })
}

pub(super) fn mode(text: &str) -> Result<Mode, RawDiagnostic> {
    Mode::ALL
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| not_one_of("mode", text, &Mode::ALL.map(Mode::as_str)))
}

/// Kind of the values of `absent`.
pub(crate) const ABSENT: &str = "`readd`, `ignore` or `keep`";

pub(crate) fn absent(text: &str) -> Result<Absent, RawDiagnostic> {
    Absent::ALL
        .into_iter()
        .find(|absent| absent.as_str() == text)
        .ok_or_else(|| not_one_of("absent", text, &Absent::ALL.map(Absent::as_str)))
}

pub(super) fn allow_empty(text: &str) -> Result<AllowEmpty, RawDiagnostic> {
    let (admins, members) = match text {
        "admins" => (true, false),
        "members" => (false, true),
        "true" => (true, true),
        "false" => (false, false),
        _ => {
            return Err(not_one_of(
                "allow_empty",
                text,
                &["admins", "members", "true", "false"],
            ));
        }
    };
    Ok(AllowEmpty { admins, members })
}

fn not_one_of(key: &str, text: &str, allowed: &[&str]) -> RawDiagnostic {
    RawDiagnostic::new("bad-value", format!("{} is no value for `{key}`", shown(text))).help(suggest(
        text,
        allowed,
        "the values are",
    ))
}

/// A value that is not what is wanted, such as "a duration".
pub(crate) fn bad_value(text: &str, wanted: &str, help: impl Into<String>) -> RawDiagnostic {
    RawDiagnostic::new("bad-value", format!("{} is not {wanted}", shown(text))).help(help)
}

/// Reads a whole number within a range.
pub(crate) fn whole<T: FromStr + PartialOrd + Display>(
    text: &str,
    range: RangeInclusive<T>,
) -> Result<T, RawDiagnostic> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let help = || format!("write a whole number from {} to {}", range.start(), range.end());
    match text.parse() {
        _ if !is_number => Err(bad_value(text, "a whole number", help())),
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(number) if number < *range.start() => Err(out_of_range(text, "small", help())),
        Ok(_) | Err(_) => Err(out_of_range(text, "large", help())),
    }
}

/// Reads a length of time between two others, which are written as in the file.
pub(crate) fn duration(text: &str, shortest: &str, longest: &str) -> Result<Duration, RawDiagnostic> {
    let duration = parse_duration(text).map_err(|error| bad_value(text, "a duration", error.help))?;
    let help = || format!("write a duration from {shortest} to {longest}");
    if parse_duration(shortest).is_ok_and(|shortest| duration < shortest) {
        Err(out_of_range(text, "short", help()))
    } else if parse_duration(longest).is_ok_and(|longest| duration > longest) {
        Err(out_of_range(text, "long", help()))
    } else {
        Ok(duration)
    }
}

fn out_of_range(text: &str, too: &str, help: String) -> RawDiagnostic {
    RawDiagnostic::new("bad-value", format!("{} is too {too}", shown(text))).help(help)
}
