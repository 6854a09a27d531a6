//! Rooms as the command line names them: by id, by name, or by a pattern of names.

use super::exit::Usage;
use crate::desired::DesiredRoom;
use crate::diagnostics::closest;
use crate::model::{RoomId, first_few, glob_matches};
use std::collections::BTreeSet;

/// A room that can be named.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedRoom<'r> {
    pub(super) id: &'r RoomId,
    pub(super) name: Option<&'r str>,
}

impl<'r> From<&'r DesiredRoom> for NamedRoom<'r> {
    fn from(room: &'r DesiredRoom) -> Self {
        let name = room.name.as_deref();
        Self { id: &room.id, name }
    }
}

/// Where rooms are named, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming {
    /// The argument, as messages call it.
    pub(super) argument: &'static str,
    /// The place that has the rooms, as in `in the files`.
    pub(super) place: &'static str,
    /// True if a text with `*` or `?` is a pattern of names.
    pub(super) patterns: bool,
}

impl Naming {
    /// Rooms of the files, named by this argument.
    pub(super) fn in_files(argument: &'static str, patterns: bool) -> Self {
        Self {
            argument,
            place: "in the files",
            patterns,
        }
    }
}

/// The rooms that these texts name. A text that is no room's id or name may be several with commas between them.
pub(super) fn select(
    naming: Naming,
    rooms: &[NamedRoom<'_>],
    texts: &[String],
) -> Result<BTreeSet<RoomId>, Usage> {
    let mut selected: BTreeSet<RoomId> = BTreeSet::new();
    for text in texts {
        match naming.exactly(rooms, text)? {
            Some(id) => selected.extend([id.clone()]),
            None => {
                for part in text.split(',') {
                    selected.extend(naming.part(rooms, part.trim(), text)?.into_iter().cloned());
                }
            }
        }
    }
    Ok(selected)
}

/// The one room that a text names.
pub(super) fn find(naming: Naming, rooms: &[NamedRoom<'_>], text: &str) -> Result<RoomId, Usage> {
    match naming.exactly(rooms, text)? {
        Some(id) => Ok(id.clone()),
        None => Err(naming.unknown(rooms, text)),
    }
}

impl Naming {
    /// The room of this id, or else of this name.
    fn exactly<'r>(&self, rooms: &[NamedRoom<'r>], text: &str) -> Result<Option<&'r RoomId>, Usage> {
        if let Some(room) = rooms.iter().find(|room| room.id.as_str() == text) {
            return Ok(Some(room.id));
        }
        let named = rooms.iter().filter(|room| room.name == Some(text));
        match named.map(|room| room.id).collect::<Vec<_>>().as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id)),
            several => {
                let ids: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                Err(Usage(format!(
                    "{} {text:?} is the name of several rooms; say which by its id: {}",
                    self.argument,
                    ids.join(", ")
                )))
            }
        }
    }

    /// The rooms that one part of a text with commas names, or a text without.
    fn part<'r>(&self, rooms: &[NamedRoom<'r>], part: &str, text: &str) -> Result<Vec<&'r RoomId>, Usage> {
        if part.is_empty() {
            let why = if text.trim().is_empty() {
                "names no room"
            } else {
                "has nothing between two commas"
            };
            return Err(Usage(format!("{} {text:?} {why}", self.argument)));
        }
        if let Some(id) = self.exactly(rooms, part)? {
            return Ok(vec![id]);
        }
        if !part.contains(['*', '?']) {
            return Err(self.unknown(rooms, part));
        }
        if !self.patterns {
            let message = format!(
                "{} {part:?}: patterns cannot stand here; name each room by its id or its name",
                self.argument
            );
            return Err(Usage(message));
        }
        let is_meant = |room: &&NamedRoom<'_>| room.name.is_some_and(|name| glob_matches(part, name));
        let meant: Vec<&RoomId> = rooms.iter().filter(is_meant).map(|room| room.id).collect();
        if meant.is_empty() {
            let names = first_few(
                rooms
                    .iter()
                    .filter_map(|room| room.name.map(|name| format!("{name:?}"))),
            );
            let known = if names.is_empty() {
                "none has a name".to_owned()
            } else {
                format!("the names are {names}")
            };
            return Err(Usage(format!(
                "{} {part:?}: no room {} has such a name; {known}",
                self.argument, self.place
            )));
        }
        Ok(meant)
    }

    fn unknown(&self, rooms: &[NamedRoom<'_>], text: &str) -> Usage {
        let known = rooms.iter().flat_map(|room| [Some(room.id.as_str()), room.name]);
        let near = closest(text, known.flatten());
        let near = near
            .map(|near| format!("; did you mean {near:?}?"))
            .unwrap_or_default();
        let (argument, place) = (self.argument, self.place);
        let shown = match RoomId::parse(text) {
            Ok(id) => id.to_string(),
            Err(_) => format!("{text:?}"),
        };
        Usage(format!("{argument} {shown}: no such room {place}{near}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMING: Naming = Naming {
        argument: "--room",
        place: "in the files",
        patterns: true,
    };

    fn selected(naming: Naming, texts: &[&str]) -> Result<String, String> {
        let rooms = [
            ("71", Some("lobby")),
            ("72", Some("team-a")),
            ("73", Some("team-b")),
            ("74", Some("twin")),
            ("75", Some("twin")),
            ("76", Some("a, b")),
            ("77", Some("71")),
            ("78", Some("*")),
            ("79", None),
        ];
        let rooms: Vec<(RoomId, Option<&str>)> = rooms
            .into_iter()
            .map(|(id, name)| (RoomId::parse(id).unwrap(), name))
            .collect();
        let rooms: Vec<NamedRoom<'_>> = rooms
            .iter()
            .map(|(id, name)| NamedRoom { id, name: *name })
            .collect();
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        match select(naming, &rooms, &texts) {
            Ok(ids) => Ok(ids.iter().map(RoomId::as_str).collect::<Vec<_>>().join(" ")),
            Err(Usage(message)) => Err(message),
        }
    }

    #[test]
    fn a_room_is_named_by_id_name_or_pattern_and_counts_once() {
        for (texts, ids) in [
            (&["71"][..], "71"),
            (&["lobby"], "71"),
            (&["79", "lobby", "71"], "71 79"),
            (&["team-*"], "72 73"),
            (&["team-?,79", "team-b"], "72 73 79"),
            (&["tw*"], "74 75"),
            // What is a whole name or id is nothing else.
            (&["a, b"], "76"),
            (&["*"], "78"),
            (&["team-a, 71"], "71 72"),
            (&[], ""),
        ] {
            assert_eq!(selected(NAMING, texts).as_deref(), Ok(ids), "{texts:?}");
        }
    }

    #[test]
    fn what_names_no_room_or_several_says_what_to_do() {
        let wrong = |text| selected(NAMING, &["lobby", text]).unwrap_err();
        insta::assert_snapshot!(
            ["99", "loby", "twin", "lobby,", "lobby,,79", "", "xx*", "79, twin", "Lobby", "a,b"].map(wrong).join("\n"),
            @r#"
        --room 99: no such room in the files
        --room "loby": no such room in the files; did you mean "lobby"?
        --room "twin" is the name of several rooms; say which by its id: 74, 75
        --room "lobby," has nothing between two commas
        --room "lobby,,79" has nothing between two commas
        --room "" names no room
        --room "xx*": no room in the files has such a name; the names are "lobby", "team-a", "team-b" and 5 more
        --room "twin" is the name of several rooms; say which by its id: 74, 75
        --room "Lobby": no such room in the files; did you mean "lobby"?
        --room "a": no such room in the files
        "#
        );
        let of_ids = Naming {
            patterns: false,
            ..NAMING
        };
        insta::assert_snapshot!(selected(of_ids, &["team-*"]).unwrap_err(), @r#"--room "team-*": patterns cannot stand here; name each room by its id or its name"#);
        assert_eq!(selected(of_ids, &["*"]).as_deref(), Ok("78"));
    }
}
