//! Rooms of the app that no room file names.

use super::{ReasonCode, RoomId, printable, room_label};
use serde::Serialize;

/// Rooms of the app that no room file names, as far as the service lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unmanaged {
    /// Number of such rooms, of those that were listed.
    pub count: usize,
    /// Number of rooms that the service listed.
    pub listed: usize,
    /// True if the list was read to its end.
    pub complete: bool,
    /// The first of them, by id; at most 25.
    pub rooms: Vec<UnmanagedRoom>,
    /// Reason why nothing is known; `null` if something is.
    pub error: Option<UnmanagedError>,
}

/// A room that no room file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnmanagedRoom {
    /// The service's id.
    pub id: RoomId,
    /// Its name there; `null` if it has none.
    pub name: Option<String>,
}

/// Reason why the app's rooms are not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnmanagedError {
    /// Stable.
    pub code: ReasonCode,
    /// In words.
    pub message: String,
}

/// Rooms that a line names.
const FEW: usize = 3;

impl Unmanaged {
    /// Most rooms that are named.
    pub const MOST_NAMED: usize = 25;

    /// Says in a line how many there are, or why nobody knows. `None`: there are none.
    #[must_use]
    pub fn in_a_line(&self) -> Option<String> {
        let Self {
            count,
            listed,
            complete,
            rooms,
            error,
        } = self;
        if let Some(UnmanagedError { message, .. }) = error {
            return Some(format!("rooms in no file: not known: {}", printable(message)));
        }
        let are = if *count == 1 { "is" } else { "are" };
        let more = match complete {
            true => String::new(),
            false => format!(
                " (of the first {}: the app has more than {0} rooms)",
                thousands(*listed)
            ),
        };
        if *count == 0 {
            return (!complete).then(|| format!("rooms in no file: none{more}"));
        }
        let named: Vec<String> = rooms
            .iter()
            .take(FEW)
            .map(|room| room_label(room.name.as_deref(), &room.id))
            .collect();
        let others = match count - named.len() {
            0 => String::new(),
            others => format!(" and {} more", thousands(others)),
        };
        let noun = if *count == 1 { "room" } else { "rooms" };
        Some(format!(
            "{} {noun} of the app {are} in no file{more}: {}{others}",
            thousands(*count),
            named.join(", ")
        ))
    }
}

/// A number with commas, as in `1,000`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<String> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_and_never_more_than_is_known() {
        let of = |count: usize, listed: usize, complete: bool| {
            let rooms = (1..=count.min(Unmanaged::MOST_NAMED)).map(|number| UnmanagedRoom {
                id: RoomId::parse(&number.to_string()).unwrap(),
                name: (number == 1).then(|| "lob\nby".to_owned()),
            });
            let unmanaged = Unmanaged {
                count,
                listed,
                complete,
                rooms: rooms.collect(),
                error: None,
            };
            unmanaged.in_a_line().unwrap_or_else(|| "nothing".to_owned())
        };
        let refused = Unmanaged {
            error: Some(UnmanagedError {
                code: ReasonCode::NoPermission,
                message: "no\u{1b}".to_owned(),
            }),
            ..Unmanaged::default()
        };
        let lines = [
            of(0, 7, true),
            of(1, 7, true),
            of(3, 7, true),
            of(1_234, 4_000, true),
            of(0, 1_000, false),
            of(1_000, 1_000, false),
            refused.in_a_line().unwrap(),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        nothing
        1 room of the app is in no file: lob\u{a}by (1)
        3 rooms of the app are in no file: lob\u{a}by (1), 2, 3
        1,234 rooms of the app are in no file: lob\u{a}by (1), 2, 3 and 1,231 more
        rooms in no file: none (of the first 1,000: the app has more than 1,000 rooms)
        1,000 rooms of the app are in no file (of the first 1,000: the app has more than 1,000 rooms): lob\u{a}by (1), 2, 3 and 997 more
        rooms in no file: not known: no\u{1b}
        ");
    }
}
