use super::*;
use proptest::prelude::*;
use std::cell::Cell;

fn user(n: u32) -> UserId {
    UserId::parse(&format!("u{n}")).unwrap()
}

fn room(n: u32) -> RoomId {
    RoomId::parse(&format!("1{n}")).unwrap()
}

fn refusal(room: &RoomId, everywhere: bool) -> Refusal<'_> {
    let (code, message) = if everywhere {
        (ReasonCode::NoSuchUser, "there is no such user")
    } else {
        (ReasonCode::Refused, "no")
    };
    Refusal {
        room,
        everywhere,
        code,
        message,
    }
}

fn epoch() -> Moment {
    let (wall, steady) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    Moment { wall, steady }
}

#[test]
fn the_delay_doubles_to_a_day_and_a_changed_file_ends_it() {
    let (zed, seven) = (user(26), room(7));
    let everybody: MemberSet = [zed.clone()].into_iter().collect();
    let mut aside = SetAside::default();
    let mut now = Timestamp::UNIX_EPOCH;
    // The time of day is another one.
    let wall = Timestamp::from_second(1_000_000).unwrap();
    let at = |steady| Moment { wall, steady };
    let mut hours = Vec::new();
    for _ in 0..7 {
        let first = aside.put(&zed, refusal(&seven, true), Some("a".into()), now);
        assert_eq!(first, hours.is_empty());
        assert_eq!(aside.waiting_in(&seven, &[&everybody], at(now)).len(), 1);
        assert_eq!(aside.waiting_in(&seven, &[], at(now)), []);
        let wait = aside.shown(at(now)).first().unwrap().until.duration_since(wall);
        hours.push(wait.as_hours());
        now = now.checked_add(wait).unwrap();
        assert_eq!(aside.waiting_in(&seven, &[&everybody], at(now)), []);
    }
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
    let named = |digest: &str| BTreeMap::from([(zed.clone(), digest.to_owned())]);
    assert!(!aside.let_go(&named("a")));
    assert!(aside.let_go(&named("b")));
    aside.put(&zed, refusal(&seven, false), None, now);
    assert_eq!(aside.waiting_in(&room(8), &[&everybody], at(now)), []);
    assert!(aside.seen_in(&seven, |_| true));
    assert_eq!(aside, SetAside::default());
}

#[test]
fn a_look_at_a_room_asks_only_for_people_whom_that_room_refused() {
    let mut aside = SetAside::default();
    for n in 0..10_000 {
        let room = room(n % 1_000);
        aside.put(&user(n), refusal(&room, n % 2 == 0), None, Timestamp::UNIX_EPOCH);
    }
    let asked = Cell::new(0);
    let is_there = |_: &UserId| {
        asked.set(asked.get() + 1);
        false
    };
    assert!(!aside.seen_in(&room(7), is_there));
    assert!(!aside.seen_in(&room(8), is_there));
    assert_eq!(asked.get(), 20);
}

proptest! {
    /// The indexes say the same as a walk over all entries.
    #[test]
    fn indexes_and_entries_agree(
        refused in prop::collection::vec((0u32..30, 0u32..4, any::<bool>()), 0..60),
        seen in prop::collection::vec((0u32..30, 0u32..4), 0..20),
        wanted in prop::collection::btree_set(0u32..30, 0..30),
    ) {
        let mut aside = SetAside::default();
        for (n, place, everywhere) in refused {
            aside.put(&user(n), refusal(&room(place), everywhere), None, Timestamp::UNIX_EPOCH);
        }
        for (n, place) in seen {
            let noticed = |(who, _, entry): &(&UserId, Option<&RoomId>, &Entry)| {
                **who == user(n) && entry.noticed == room(place)
            };
            let expected = aside.entries().iter().any(noticed);
            prop_assert_eq!(aside.seen_in(&room(place), |who| *who == user(n)), expected);
            prop_assert!(!aside.entries().iter().any(noticed));
        }
        let wanted: MemberSet = wanted.into_iter().map(user).collect();
        for place in 0..4 {
            let mut found: Vec<UserId> = aside
                .waiting_in(&room(place), &[&wanted], epoch())
                .into_iter()
                .map(|(who, _)| who)
                .collect();
            found.sort();
            let here = |scope: Option<&RoomId>| scope.is_none_or(|scope| *scope == room(place));
            let entries = aside.entries().into_iter();
            let expected: Vec<UserId> = entries
                .filter(|(who, scope, _)| here(*scope) && wanted.contains(who))
                .map(|(who, _, _)| who.clone())
                .collect();
            prop_assert_eq!(found, expected);
        }
        let entries = aside.entries().into_iter();
        let copy = entries.map(|(who, scope, entry)| (who.clone(), scope.cloned(), entry.clone()));
        let copy: Vec<_> = copy.collect();
        let copy = SetAside::from_entries(copy);
        prop_assert_eq!(copy.entries(), aside.entries());
    }
}

#[test]
fn whoever_fails_in_three_rooms_is_set_aside_in_all() {
    let (zed, now) = (user(26), Timestamp::UNIX_EPOCH);
    let mut set_aside = SetAside::default();
    let rooms = [room(1), room(2), room(3)];
    for (number, room) in rooms.iter().enumerate() {
        let refusal = Refusal {
            code: ReasonCode::FailsAlone,
            ..refusal(room, false)
        };
        assert_eq!(set_aside.everywhere.len(), 0, "in {number} rooms");
        assert!(set_aside.put(&zed, refusal, None, now));
    }
    assert_eq!(set_aside.everywhere.len(), 1);
}
