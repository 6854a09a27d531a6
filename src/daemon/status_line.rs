//! The daemon in a line, for the service manager.

use super::attention;
use super::handle::{DaemonHandle, lock};
use super::room_table::Room;
use super::status_source;
use crate::model::{ReasonCode, age_in_words, counted};
use crate::status::{Attention, FirstLook, RoomState, missing};
use jiff::Timestamp;

/// The daemon, as far as a line tells.
#[derive(Debug, Default)]
struct Facts {
    attention: Vec<Attention>,
    /// Reason for which nothing is written, if there is one.
    suspended: Option<ReasonCode>,
    first_look: Option<FirstLook>,
    rooms: usize,
    /// Rooms that are being changed.
    changing: usize,
    /// Rooms that were not looked at yet, or not at their admins.
    unseen: usize,
    /// Number of wanted people who are not there because they are set aside, and because they come and go.
    missing: [usize; 2],
}

/// Describes the daemon in a line.
pub(super) fn in_a_line(daemon: &DaemonHandle) -> String {
    let stand = daemon.stand();
    let controller = lock(&daemon.controller);
    let rooms = || controller.rooms.iter();
    let freshness = attention::freshness(&controller);
    let is_unseen = |room: &&Room| room.shown_state(freshness).0 == RoomState::Unseen;
    let facts = Facts {
        attention: attention::attention(&controller),
        suspended: controller.gate.suspended().map(|why| why.code),
        first_look: status_source::first_look(&controller, stand.as_ref()),
        rooms: controller.rooms.len(),
        changing: rooms().filter(|room| room.state() == RoomState::Changing).count(),
        unseen: rooms().filter(is_unseen).count(),
        missing: [ReasonCode::SetAside, ReasonCode::ComingAndGoing]
            .map(|why| status_source::missing(&controller, why)),
    };
    line(&facts, controller.now())
}

fn line(facts: &Facts, now: Timestamp) -> String {
    let rooms = counted(facts.rooms, "room");
    let state = match (facts.attention.as_slice(), facts.suspended, facts.first_look) {
        ([one], ..) => lasting(one, now),
        ([one, rest @ ..], ..) => format!("{}, and {} more", lasting(one, now), rest.len()),
        ([], Some(code), _) => format!("nothing is written ({code})"),
        ([], None, Some(FirstLook { looked, rooms })) => format!("first look: {looked} of {rooms}"),
        ([], None, None) if facts.unseen > 0 => format!("{} not seen in full yet", facts.unseen),
        ([], None, None) if facts.changing > 0 => format!("{} being brought in line", facts.changing),
        ([], None, None) => as_the_files_say(facts.missing),
    };
    // A newline would end the message to the service manager.
    format!("{rooms}: {state}").replace('\n', " ")
}

/// Rooms without any trouble, but perhaps without some of their people.
fn as_the_files_say([aside, going]: [usize; 2]) -> String {
    match missing(aside, going) {
        Some(but) => format!("as the files say, but {but}"),
        None => "all is well".to_owned(),
    }
}

/// An item, with how long it has lasted.
fn lasting(item: &Attention, now: Timestamp) -> String {
    match age_in_words(now.duration_since(item.since).as_mins()) {
        Some(lasts) => format!("{} (for {lasts})", item.message),
        None => item.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::AttentionSeverity;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(60 * minutes).unwrap()
    }

    fn item(message: &str, since: i64) -> Attention {
        Attention {
            severity: AttentionSeverity::Red,
            code: "service_unreachable",
            message: message.to_owned(),
            since: at(since),
            by: None,
            why: None,
            count: 1,
            rooms: Vec::new(),
        }
    }

    #[test]
    fn the_line_never_says_better_than_what_is_so() {
        let facts = |change: fn(&mut Facts)| {
            let mut facts = Facts {
                rooms: 300,
                ..Facts::default()
            };
            change(&mut facts);
            line(&facts, at(200))
        };
        let lines = [
            facts(|_| {}),
            facts(|facts| facts.missing = [0, 2]),
            facts(|facts| facts.missing = [1, 1]),
            facts(|facts| facts.changing = 4),
            facts(|facts| (facts.changing, facts.unseen) = (4, 2)),
            facts(|facts| {
                facts.first_look = Some(FirstLook {
                    looked: 12,
                    rooms: 300,
                });
            }),
            facts(|facts| facts.suspended = Some(ReasonCode::DryRun)),
            facts(|facts| facts.attention = vec![item("cannot reach it", 196), item("and\nmore", 0)]),
            facts(|facts| facts.attention = vec![item("two\nlines", 0)]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        300 rooms: all is well
        300 rooms: as the files say, but 2 people come and go
        300 rooms: as the files say, but 1 person comes and goes and 1 person is set aside
        300 rooms: 4 being brought in line
        300 rooms: 2 not seen in full yet
        300 rooms: first look: 12 of 300
        300 rooms: nothing is written (dry_run)
        300 rooms: cannot reach it (for 4 min), and 1 more
        300 rooms: two lines (for 3 h)
        ");
    }
}
