//! The texts of room files → the words of [`crate::model`], each with what is wrong where it is none.

use super::AllowEmpty;
use super::problem::{Complaint, shown, suggest};
use super::spec::{Entry, GroupName};
use crate::model::{Absent, Glob, Limit, Mode, RoomId, UserId};

/// What a group is referred to by, before its name.
const GROUP_PREFIX: &str = "group:";
/// Most characters of a room's label.
pub(super) const MAX_LABEL: usize = 100;

pub(super) fn user(text: &str) -> Result<UserId, Complaint> {
    UserId::parse(text)
        .map_err(|error| Complaint::new("bad-name", format!("{} is not a name: {error}", shown(text))))
}

pub(super) fn group_name(text: &str) -> Result<GroupName, Complaint> {
    UserId::parse(text).map(GroupName).map_err(|error| {
        Complaint::new(
            "bad-group-name",
            format!("{} cannot name a group: {error}", shown(text)),
        )
    })
}

pub(super) fn entry(text: &str) -> Result<Entry, Complaint> {
    match text.strip_prefix(GROUP_PREFIX) {
        Some(name) => group_name(name).map(Entry::Group),
        None => user(text).map(Entry::User),
    }
}

pub(super) fn room_id(text: &str) -> Result<RoomId, Complaint> {
    RoomId::parse(text).map_err(|error| {
        Complaint::new(
            "bad-room-id",
            format!("{} is not a room id: {error}", shown(text)),
        )
    })
}

pub(super) fn label(text: &str) -> Result<String, Complaint> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let message = format!("a room's name cannot hold control characters: {control:?}");
        return Err(Complaint::new("bad-label", message));
    }
    match text.chars().count() {
        0..=MAX_LABEL => Ok(text.to_owned()),
        length => {
            let message = format!("a room's name has at most {MAX_LABEL} characters, this one has {length}");
            Err(Complaint::new("bad-label", message))
        }
    }
}

/// Reads a pattern of names.
pub(crate) fn glob(text: &str) -> Result<Glob, Complaint> {
    Glob::parse(text).map_err(|error| {
        Complaint::new(
            "bad-pattern",
            format!("{} is not a pattern of names: {error}", shown(text)),
        )
    })
}

/// Reads a guard's bound.
pub(crate) fn limit(text: &str) -> Result<Limit, Complaint> {
    Limit::parse(text)
        .map_err(|error| Complaint::new("bad-limit", format!("{} is not a guard: {error}", shown(text))))
}

pub(super) fn mode(text: &str) -> Result<Mode, Complaint> {
    match text {
        "authoritative" => Ok(Mode::Authoritative),
        "additive" => Ok(Mode::Additive),
        "observe" => Ok(Mode::Observe),
        _ => Err(not_one_of(
            "mode",
            text,
            &["authoritative", "additive", "observe"],
        )),
    }
}

pub(super) fn absent(text: &str) -> Result<Absent, Complaint> {
    match text {
        "readd" => Ok(Absent::Readd),
        "ignore" | "keep" => Err(Complaint::not_yet(&format!("`absent: {text}`"))),
        _ => Err(not_one_of("absent", text, &["readd"])),
    }
}

pub(super) fn allow_empty(text: &str) -> Result<AllowEmpty, Complaint> {
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

fn not_one_of(key: &str, text: &str, allowed: &[&str]) -> Complaint {
    Complaint::new("bad-value", format!("{} is no value for `{key}`", shown(text))).help(suggest(
        text,
        allowed,
        "the values are",
    ))
}
