use super::*;
use crate::daemon::state_dir::Pause;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rooms<'a>(ids: &'a [RoomId], state: RoomState, error: Option<&'a Note>) -> Vec<RoomFacts<'a>> {
    let facts = |(index, id): (usize, &'a RoomId)| RoomFacts {
        id,
        name: (index == 0).then_some("lobby"),
        state,
        since: at(100 - i64::try_from(index).unwrap()),
        error,
    };
    ids.iter().enumerate().map(facts).collect()
}

fn ids(count: usize) -> Vec<RoomId> {
    let id = |number: usize| RoomId::parse(&(1_000 + number).to_string()).unwrap();
    (0..count).map(id).collect()
}

#[test]
fn rooms_are_counted_by_kind_and_failures_come_before_guards() {
    let (failed, blocked) = (ids(1), ids(300));
    let error = Note::new(ReasonCode::NoSuchRoom, "there is no such room");
    let mut all = rooms(&blocked, RoomState::Blocked, None);
    all.extend(rooms(&failed, RoomState::Failed, Some(&error)));
    all.extend(rooms(&failed, RoomState::InSync, None));
    let items = of_rooms(&all, false);
    let [first, second] = items.as_slice() else {
        panic!("{items:#?}");
    };
    assert_eq!(first.message, "room lobby failed: there is no such room");
    assert_eq!((first.code, first.since, first.count), ("failed", at(100), 1));
    assert_eq!(
        second.message,
        "300 rooms (lobby, 1001, 1002 and 297 more) blocked by a guard; `roomsync approve ROOM` lets through once what is meant"
    );
    assert_eq!(
        (second.since, second.count, second.rooms.len()),
        (at(-199), 300, 25)
    );
    assert!(items.iter().all(|item| item.severity == AttentionSeverity::Amber));
}

#[test]
fn why_rooms_are_not_seen_is_said_once() {
    let ids = ids(2);
    let all = rooms(&ids, RoomState::Unknown, None);
    assert!(of_rooms(&all, true).is_empty());
    let items = of_rooms(&all, false);
    assert_eq!(
        items[0].message,
        "2 rooms (lobby, 1001) not seen for two intervals"
    );
    assert_eq!(items[0].severity, AttentionSeverity::Red);
}

#[test]
fn a_pause_waits_for_a_person_and_a_full_disk_is_an_outage() {
    let closure = |code, pause| Closure {
        code,
        message: "so it is".to_owned(),
        since: Some(at(5)),
        pause,
    };
    let pause = Pause {
        since: at(5),
        by: "alice".to_owned(),
        why: Some("a deploy".to_owned()),
        until: None,
    };
    let paused = closed(closure(ReasonCode::Paused, Some(pause)), at(0)).unwrap();
    assert_eq!(paused.message, "paused, so nothing is written: so it is");
    assert_eq!(
        (
            paused.severity,
            paused.by.as_deref(),
            paused.why.as_deref(),
            paused.since
        ),
        (AttentionSeverity::Amber, Some("alice"), Some("a deploy"), at(5))
    );
    for code in [ReasonCode::AuditLog, ReasonCode::StateDir] {
        let full = closed(closure(code, None), at(0)).unwrap();
        assert_eq!(
            (full.severity, full.code),
            (AttentionSeverity::Red, code.as_str())
        );
    }
    assert_eq!(closed(closure(ReasonCode::DryRun, None), at(0)), None);
}

#[test]
fn rooms_that_left_together_are_one_item() {
    let rooms = ids(25).into_iter().map(|id| (id.clone(), id.to_string()));
    let item = departed(&DepartedTogether {
        at: at(7),
        rooms: rooms.collect(),
    });
    assert_eq!(
        item.message,
        "25 rooms (1000, 1001, 1002 and 22 more) no longer managed: left as is"
    );
    assert_eq!((item.code, item.since, item.count), ("not_managed", at(7), 25));
}
