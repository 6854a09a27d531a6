//! Words about a room, compared with those about other rooms.

use super::RoomId;
use std::fmt;

/// Stands for the room's own id. No text that we show has it: [`RoomText::new`] takes it out.
const ROOM: &str = "\0";

/// Words about a room without its own id, so that the same words about several rooms are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomText(String);

impl RoomText {
    /// Takes the room's id out of the words. Digits within a longer word or number are no id.
    #[must_use]
    pub fn new(text: &str, room: &RoomId) -> Self {
        let (text, id) = (text.replace(ROOM, "\u{fffd}"), room.as_str());
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut words = String::with_capacity(text.len());
        let mut rest = 0;
        for (at, _) in text.match_indices(id) {
            let (before, after) = (text.get(..at), text.get(at + id.len()..));
            let before = before.and_then(|text| text.chars().next_back());
            let after = after.and_then(|text| text.chars().next());
            if !is_word(before) && !is_word(after) {
                words.push_str(text.get(rest..at).unwrap_or_default());
                words.push_str(ROOM);
                rest = at + id.len();
            }
        }
        words.push_str(text.get(rest..).unwrap_or_default());
        Self(words)
    }

    /// The words about this room.
    #[must_use]
    pub fn about(&self, room: &RoomId) -> String {
        self.0.replace(ROOM, room.as_str())
    }
}

/// The words about several rooms: `ID` stands for the id of each.
impl fmt::Display for RoomText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.replace(ROOM, "ID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> RoomId {
        RoomId::parse(id).unwrap()
    }

    #[test]
    fn the_same_words_about_two_rooms_are_equal_and_each_gets_its_own_back() {
        let said = |room: &str| format!("the App ID is wrong in room {room}; see /rooms/{room}/users");
        let (one, other) = (id("31"), id("4"));
        let text = RoomText::new(&said("31"), &one);
        assert_eq!(text, RoomText::new(&said("4"), &other));
        assert_eq!(text.about(&one), said("31"));
        assert_eq!(
            text.to_string(),
            "the App ID is wrong in room ID; see /rooms/ID/users"
        );
    }

    #[test]
    fn an_id_is_a_number_by_itself() {
        for text in ["310 of 131 people", "u31", "31a"] {
            assert_eq!(RoomText::new(text, &id("31")).to_string(), text);
        }
        assert_eq!(RoomText::new("31,31", &id("31")).to_string(), "ID,ID");
    }

    #[test]
    fn what_stands_for_an_id_is_no_part_of_the_words() {
        let text = RoomText::new("a\0b 31", &id("31"));
        assert_eq!(text.about(&id("31")), "a\u{fffd}b 31");
    }
}
