//! Rooms that have left the files. They are left as they are, and shown for a day: they may have left by mistake.

use crate::desired::DesiredRoom;
use crate::model::{RoomId, printable};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Time for which they are shown.
const SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// Rooms that have left the files within a day.
#[derive(Debug, Default)]
pub(super) struct Departed(BTreeMap<RoomId, Departure>);

#[derive(Debug)]
struct Departure {
    /// Label in the files, or else the id.
    label: String,
    at: Timestamp,
}

/// Rooms that have left with one set of files.
#[derive(Debug)]
pub(super) struct DepartedTogether {
    pub(super) at: Timestamp,
    /// Ids and labels, by id.
    pub(super) rooms: Vec<(RoomId, String)>,
}

impl Departed {
    /// Forgets the rooms that are no longer shown.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, departure| departure.is_shown(now));
    }

    /// Records that a room has left the files.
    pub(super) fn left(&mut self, room: &DesiredRoom, now: Timestamp) {
        let label = room
            .name
            .as_deref()
            .map_or_else(|| room.id.to_string(), |name| printable(name).into_owned());
        self.0.insert(room.id.clone(), Departure { label, at: now });
    }

    /// Forgets a room that is in the files again.
    pub(super) fn back(&mut self, room: &RoomId) {
        self.0.remove(room);
    }

    /// Those to be shown, the last to leave first.
    pub(super) fn shown(&self, now: Timestamp) -> Vec<DepartedTogether> {
        let mut by_time: BTreeMap<Timestamp, Vec<(RoomId, String)>> = BTreeMap::new();
        for (id, departure) in self.0.iter().filter(|(_, departure)| departure.is_shown(now)) {
            let together = by_time.entry(departure.at).or_default();
            together.push((id.clone(), departure.label.clone()));
        }
        let together = by_time.into_iter().rev();
        together
            .map(|(at, rooms)| DepartedTogether { at, rooms })
            .collect()
    }
}

impl Departure {
    fn is_shown(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < SHOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(id: &str, name: Option<&str>) -> DesiredRoom {
        DesiredRoom {
            name: name.map(str::to_owned),
            ..DesiredRoom::unmanaged(id)
        }
    }

    #[test]
    fn a_room_is_shown_for_a_day_or_until_it_is_back() {
        let at = |hours: i64| Timestamp::from_second(3600 * hours).unwrap();
        let mut departed = Departed::default();
        departed.left(&room("7", Some("lobby")), at(0));
        departed.left(&room("8", None), at(0));
        departed.left(&room("9", None), at(5));
        let shown = |departed: &Departed, hours: i64| -> Vec<(Timestamp, Vec<String>)> {
            let shown = departed.shown(at(hours)).into_iter();
            let labels = |rooms: Vec<(RoomId, String)>| rooms.into_iter().map(|(_, label)| label).collect();
            shown
                .map(|together| (together.at, labels(together.rooms)))
                .collect()
        };
        let first = (at(0), vec!["lobby".to_owned(), "8".to_owned()]);
        let second = (at(5), vec!["9".to_owned()]);
        assert_eq!(shown(&departed, 23), [second.clone(), first]);
        assert_eq!(shown(&departed, 24), [second]);
        departed.back(&RoomId::parse("9").unwrap());
        assert_eq!(
            shown(&departed, 6),
            [(at(0), vec!["lobby".to_owned(), "8".to_owned()])]
        );
        assert!(shown(&departed, 24).is_empty());
        departed.forget(at(24));
        assert!(departed.0.is_empty());
    }
}
