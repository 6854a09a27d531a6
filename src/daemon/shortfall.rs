//! Rooms in which a pass came short: they were not looked at, or what may be written there could not be.

use super::room_table::{Room, RoomTable};
use crate::apply::{Outcome, Report};
use crate::model::{ReasonCode, RoomId};
use crate::status::RoomState;
use std::collections::BTreeSet;

/// Failures in a row, while the service answers for others, after which a room counts as one that fails on its own. They come
/// within a minute: the next pass over all rooms knows.
const OF_ITS_OWN_AFTER: u32 = 5;
/// One of so many rooms may fail on its own in a good pass, and always one. More are no fault of each.
const ONE_OF: usize = 10;

/// Rooms in which a pass came short.
#[derive(Debug, Default)]
pub(super) struct Shortfall {
    /// Rooms in which the service, the way to it or this machine failed.
    rooms: BTreeSet<RoomId>,
    /// Rooms that fail on their own: nobody sees them, or what was done there does not show. Each has its alert, and is no reason to
    /// wake anybody.
    of_their_own: BTreeSet<RoomId>,
    /// Most of the latter in a good pass.
    most: usize,
}

impl Shortfall {
    /// Shortfall of a pass that has just ended. `report`: what came of its writes, if it made any.
    pub(super) fn new(rooms: &RoomTable, report: Option<&Report>) -> Self {
        let mut shortfall = Self {
            most: (rooms.len() / ONE_OF).max(1),
            ..Self::default()
        };
        for room in rooms.iter().filter(|room| room.state() == RoomState::Failed) {
            let code = room.error().map(|error| error.code);
            if code.is_some_and(is_of_the_service) {
                shortfall.put(room.desired().id.clone(), rooms);
            } else if code == Some(ReasonCode::NotConfirmed) || !is_seen(room) {
                shortfall.of_their_own.insert(room.desired().id.clone());
            }
        }
        for room in report.iter().flat_map(|report| &report.rooms) {
            let reasons = room
                .failed
                .iter()
                .map(|failure| &failure.reason)
                .chain(&room.error);
            let mut codes = reasons.map(|reason| reason.code);
            if room.status == Outcome::NotBegun || codes.clone().any(is_of_the_service) {
                shortfall.put(room.id.clone(), rooms);
            } else if codes.any(|code| code == ReasonCode::NotConfirmed) {
                shortfall.of_their_own.insert(room.id.clone());
            }
        }
        shortfall
    }

    /// True if every room was looked at and what may be written was written, but for few rooms that fail on their own.
    pub(super) fn is_none(&self) -> bool {
        self.rooms.is_empty() && self.of_their_own.len() <= self.most
    }

    fn put(&mut self, id: RoomId, rooms: &RoomTable) {
        // Without another room nobody knows whose fault it is.
        let failures = rooms.get(&id).map_or(0, Room::failures);
        if rooms.len() > 1 && failures >= OF_ITS_OWN_AFTER {
            self.of_their_own.insert(id);
        } else {
            self.rooms.insert(id);
        }
    }
}

/// True if the last look at a room saw it.
fn is_seen(room: &Room) -> bool {
    room.plan().is_some_and(|plan| plan.live.is_some())
}

/// True if a failure is that of the service, of the way to it or of this machine, and says nothing of the person or room. What the
/// service refuses for a person's or a room's sake may not be written.
fn is_of_the_service(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::AnswerTooLarge
            | ReasonCode::AuditLog
            | ReasonCode::CredentialsRefused
            | ReasonCode::IncompleteRead
            | ReasonCode::Interrupted
            | ReasonCode::NoClearAnswer
            | ReasonCode::NoPermission
            | ReasonCode::NoSuchApp
            | ReasonCode::NotAKnownCall
            | ReasonCode::NotBegun
            | ReasonCode::NotLookedAt
            | ReasonCode::Quota
            | ReasonCode::RateLimited
            | ReasonCode::Redirected
            | ReasonCode::RequestTooLong
            | ReasonCode::ServiceUnreachable
            | ReasonCode::StaleRead
            | ReasonCode::StateDir
            | ReasonCode::UnknownCall
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{Failure, Reason, RoomReport};
    use crate::daemon::room_table::tests::desired;
    use crate::model::Op;
    use crate::plan::{LiveSummary, Note, RoomPlan};
    use jiff::Timestamp;

    fn id(n: usize) -> RoomId {
        RoomId::parse(&n.to_string()).unwrap()
    }

    /// So many rooms, of which the first `failed` fail by this code, were tried so often in vain, and were seen or not.
    fn rooms(all: usize, failed: usize, code: ReasonCode, tries: u32, seen: bool) -> RoomTable {
        let mut rooms = RoomTable::default();
        let mut random = fastrand::Rng::with_seed(1);
        for n in 1..=all {
            rooms.put(desired(&n.to_string(), "room"), false, Timestamp::UNIX_EPOCH);
            if n > failed {
                continue;
            }
            let error = Note::new(code, "it failed");
            let mut plan = RoomPlan::failed(id(n), None, error.clone());
            plan.live = seen.then(|| LiveSummary {
                members: 1,
                admins: Some(0),
                digest: "sha256:0".to_owned(),
                owner_page: None,
            });
            let room = rooms.get_mut(&id(n)).unwrap();
            room.set_state(RoomState::Failed, Some(error), Timestamp::UNIX_EPOCH);
            room.set_plan(plan);
            for _ in 0..tries {
                rooms.retry(&id(n), &mut random);
            }
        }
        rooms
    }

    fn report(room: usize, codes: &[ReasonCode], status: Outcome) -> RoomReport {
        let failed = codes.iter().enumerate().map(|(n, code)| Failure {
            user: format!("u{n}"),
            op: Op::Add,
            reason: Reason::new(*code, "it failed"),
        });
        RoomReport {
            id: id(room),
            status,
            calls: 1,
            failed: failed.collect(),
            error: None,
            not_seen: Vec::new(),
        }
    }

    fn is_good(rooms: &RoomTable) -> bool {
        Shortfall::new(rooms, None).is_none()
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_that_is_gone_is_no_shortfall_and_many_are() {
        let gone = |all, failed| is_good(&rooms(all, failed, ReasonCode::NoSuchRoom, 1, false));
        assert!(gone(5, 0) && gone(5, 1) && gone(1, 1) && gone(100, 10));
        assert!(!gone(5, 2) && !gone(5, 5) && !gone(100, 11));
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_without_a_clear_answer_is_a_shortfall_until_it_is_known_to_fail_alone() {
        let unclear =
            |all, failed, tries| is_good(&rooms(all, failed, ReasonCode::NoClearAnswer, tries, false));
        assert!(!unclear(100, 1, 1) && !unclear(100, 1, 4));
        assert!(unclear(100, 1, 5) && unclear(100, 10, 5) && unclear(2, 1, 5));
        assert!(!unclear(100, 11, 99) && !unclear(2, 2, 99) && !unclear(1, 1, 99));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_for_a_persons_or_a_rooms_sake_is_no_shortfall() {
        for code in [
            ReasonCode::OwnerDiffers,
            ReasonCode::RoomFull,
            ReasonCode::Refused,
        ] {
            assert!(is_good(&rooms(3, 3, code, 1, true)), "{code}");
        }
        assert!(
            !is_good(&rooms(3, 2, ReasonCode::Refused, 1, false)),
            "nobody has seen them"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_shows_in_many_rooms_not_what_it_says_is_a_shortfall() {
        let not_confirmed = |all, failed| is_good(&rooms(all, failed, ReasonCode::NotConfirmed, 1, true));
        assert!(not_confirmed(5, 1) && not_confirmed(100, 10));
        assert!(!not_confirmed(5, 2) && !not_confirmed(100, 11));
        let fine = rooms(5, 0, ReasonCode::Refused, 0, true);
        let of = |rooms: usize| Report {
            rooms: (1..=rooms)
                .map(|n| {
                    report(
                        n,
                        &[ReasonCode::Refused, ReasonCode::NotConfirmed],
                        Outcome::Partial,
                    )
                })
                .collect(),
            stopped: None,
        };
        assert!(Shortfall::new(&fine, Some(&of(1))).is_none());
        assert!(!Shortfall::new(&fine, Some(&of(2))).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_fails_is_a_shortfall_beside_others_that_are_refused() {
        let rooms = rooms(3, 0, ReasonCode::Refused, 0, true);
        let of = |codes: &[ReasonCode], status| {
            let report = Report {
                rooms: vec![report(1, codes, status)],
                stopped: None,
            };
            Shortfall::new(&rooms, Some(&report)).is_none()
        };
        let persons = [
            ReasonCode::NoSuchUser,
            ReasonCode::FailsAlone,
            ReasonCode::SetAside,
        ];
        assert!(of(&persons, Outcome::Partial));
        assert!(!of(
            &[ReasonCode::NoSuchUser, ReasonCode::NoClearAnswer],
            Outcome::Partial
        ));
        assert!(!of(&[], Outcome::NotBegun));
    }
}
