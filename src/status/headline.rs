//! The daemon in one sentence, for the page and for `roomsync status`.

use super::{AttentionSeverity, RoomLine, RoomState, Status};
use crate::model::{MemberSet, counted, counted_people};
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of all rooms in one sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// How well it is.
    pub tone: Tone,
    /// The sentence, without a full stop.
    pub text: String,
}

/// How well the rooms are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As the files say.
    Good,
    /// Nothing is done, and nothing is wrong.
    #[default]
    Quiet,
    /// Something is being done.
    Busy,
    /// A person has to decide something.
    Warn,
    /// An outage.
    Bad,
}

/// All rooms in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RoomCounts {
    /// Number of rooms in each state that any is in.
    pub states: BTreeMap<RoomState, usize>,
    /// Wanted people who are missing somewhere because they are set aside.
    pub set_aside: usize,
    /// Wanted people who are missing somewhere because they come and go.
    pub coming_and_going: usize,
}

impl RoomCounts {
    /// Counts these rooms.
    #[must_use]
    pub fn of(rooms: &[RoomLine]) -> Self {
        let mut states = BTreeMap::new();
        for room in rooms {
            *states.entry(room.state).or_default() += 1;
        }
        let people = |of: fn(&RoomLine) -> &MemberSet| {
            let all = rooms
                .iter()
                .map(of)
                .fold(MemberSet::default(), |all, more| all.or(more));
            all.len()
        };
        Self {
            states,
            set_aside: people(|room| &room.missing.set_aside),
            coming_and_going: people(|room| &room.missing.coming_and_going),
        }
    }

    /// Number of rooms in this state.
    #[must_use]
    pub fn count(&self, state: RoomState) -> usize {
        self.states.get(&state).copied().unwrap_or_default()
    }

    /// Number of all rooms.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.states.values().sum()
    }
}

/// `one` or `many` rooms, with the verb in its number.
fn rooms(number: usize, one: &str, many: &str) -> String {
    let verb = if number == 1 { one } else { many };
    format!("{} {verb}", counted(number, "room"))
}

impl Headline {
    /// The sentence for this status. What is not well goes before what is.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let (tone, text) = sentence(status);
        Self { tone, text }
    }
}

fn sentence(status: &Status) -> (Tone, String) {
    let counts = &status.room_counts;
    let count = |state| counts.count(state);
    let all = counted(counts.rooms(), "room");
    let changing = count(RoomState::Changing);
    if !status.attention.is_empty() {
        let is_red = |severity| severity == AttentionSeverity::Red;
        let red = status.attention.iter().any(|item| is_red(item.severity));
        let text = match status.attention.len() {
            1 => "1 thing needs attention".to_owned(),
            number => format!("{number} things need attention"),
        };
        return (if red { Tone::Bad } else { Tone::Warn }, text);
    }
    if let Some(first) = &status.first_look {
        let text = format!("First look: {} of {}", first.looked, counted(first.rooms, "room"));
        return (Tone::Busy, text);
    }
    // Each of these has an item of its own; without one this would still not say that all is well.
    let (unknown, unseen) = (count(RoomState::Unknown), count(RoomState::Unseen));
    let in_need = count(RoomState::Failed) + count(RoomState::Blocked);
    if unknown > 0 {
        return (Tone::Bad, format!("{} unknown", rooms(unknown, "is", "are")));
    }
    if in_need > 0 {
        return (
            Tone::Warn,
            format!("{} attention", rooms(in_need, "needs", "need")),
        );
    }
    if !status.files.valid {
        return (Tone::Bad, "The room files on the disk are not valid".to_owned());
    }
    if status.service.trouble.is_some() {
        return (Tone::Bad, "The service does not answer as it should".to_owned());
    }
    if !status.holds.is_empty() {
        return (Tone::Warn, "Names are held that left the files".to_owned());
    }
    if counts.rooms() == 0 {
        return (Tone::Quiet, "No room files are in force yet".to_owned());
    }
    if unseen > 0 {
        return (
            Tone::Busy,
            format!("{} not been seen in full yet", rooms(unseen, "has", "have")),
        );
    }
    if status.withheld.is_some() {
        let text = match changing {
            0 => format!("Nothing is written, and nothing would be: {all} as the files say"),
            changing => format!("Nothing is written; {changing} of {all} would change"),
        };
        return (Tone::Quiet, text);
    }
    let settles = status.pending.as_ref().is_some_and(|pending| {
        pending.removals + pending.demotions + pending.additions > 0 && pending.rooms == changing
    });
    if settles {
        let text = format!(
            "{} for the room files to settle",
            rooms(changing, "waits", "wait")
        );
        return (Tone::Busy, text);
    }
    if changing > 0 {
        return (
            Tone::Busy,
            format!("{} being brought in line", rooms(changing, "is", "are")),
        );
    }
    if let Some(but) = missing(counts.set_aside, counts.coming_and_going) {
        return (Tone::Warn, format!("{all} as the files say, but {but}"));
    }
    match count(RoomState::Observed) {
        0 => (Tone::Good, format!("All is well: {all} as the files say")),
        observed if observed == counts.rooms() => (Tone::Quiet, format!("{all} observed, none written to")),
        observed => {
            let kept = counted(counts.rooms() - observed, "room");
            (
                Tone::Good,
                format!("All is well: {kept} as the files say, {observed} only observed"),
            )
        }
    }
}

/// The wanted people who are left alone for now. `None`: there are none.
#[must_use]
pub fn missing(set_aside: usize, coming_and_going: usize) -> Option<String> {
    let words = [
        (coming_and_going, "comes and goes", "come and go"),
        (set_aside, "is set aside", "are set aside"),
    ];
    let missing = words.into_iter().filter(|(number, ..)| *number > 0);
    let words: Vec<String> = missing
        .map(|(number, one, many)| {
            let verb = if number == 1 { one } else { many };
            format!("{} {verb}", counted_people(number))
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" and "))
}
