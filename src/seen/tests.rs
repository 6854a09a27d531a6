use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn day(number: i16) -> Date {
    let first: Date = "2026-11-01".parse().unwrap();
    first.saturating_add(i32::from(number).days())
}

fn room(number: u8) -> RoomId {
    RoomId::parse(&(u32::from(number) + 1).to_string()).unwrap()
}

fn user(number: usize) -> UserId {
    UserId::parse(&format!("u{number}")).unwrap()
}

fn users(numbers: impl IntoIterator<Item = usize>) -> MemberSet {
    numbers.into_iter().map(user).collect()
}

fn look(day_number: i16, numbers: impl IntoIterator<Item = usize>) -> Sighting {
    let (by, day) = (SeenBy::Look, day(day_number));
    Sighting {
        room: room(0),
        last: LastSeen { by, day },
        users: users(numbers),
    }
}

fn known(seen: &Seen) -> usize {
    seen.since(Date::MIN).count()
}

/// Something that happens in a room.
#[derive(Debug, Clone)]
enum Happens {
    Left(BTreeSet<usize>),
    Event(BTreeSet<usize>),
    AreHere(BTreeSet<usize>),
    DaysPass(i16),
}

fn happens() -> impl Strategy<Value = (u8, Happens)> {
    let some = || prop::collection::btree_set(0usize..8, 0..5);
    let what = prop_oneof![
        3 => some().prop_map(Happens::Left),
        2 => some().prop_map(Happens::Event),
        2 => some().prop_map(Happens::AreHere),
        1 => (1i16..20).prop_map(Happens::DaysPass),
    ];
    (0u8..3, what)
}

/// Does all of it, and gives what is known then, what was recorded on the way, and the last day. A model of single people goes
/// along.
fn played(all: &[(u8, Happens)]) -> (Seen, Vec<Sighting>, Date) {
    let (mut seen, mut recorded, mut now) = (Seen::default(), Vec::new(), 0);
    let mut model: BTreeMap<(RoomId, UserId), LastSeen> = BTreeMap::new();
    for (number, what) in all {
        let room = room(*number);
        let last = |by| LastSeen { by, day: day(now) };
        match what {
            Happens::Left(who) => {
                let (last, users) = (last(SeenBy::Look), users(who.iter().copied()));
                for user in &users {
                    model.insert((room.clone(), user.clone()), last);
                }
                let sighting = Sighting { room, last, users };
                seen.add(&sighting);
                recorded.push(sighting);
            }
            Happens::Event(who) => {
                let last = last(SeenBy::Event);
                for number in who {
                    let entry = model.entry((room.clone(), user(*number))).or_insert(last);
                    *entry = last.max(*entry);
                }
                recorded.extend(seen.add_by_event(&room, &users(who.iter().copied()), day(now)));
            }
            Happens::AreHere(who) => {
                let here = users(who.iter().copied());
                model.retain(|(other, user), _| *other != room || !here.contains(user));
                seen.back(&room, &here);
            }
            Happens::DaysPass(days) => {
                now += days;
                let from = first_day(day(now));
                model.retain(|_, last| last.day >= from);
                seen.tidy(day(now));
            }
        }
        let all: BTreeMap<_, _> = seen
            .since(Date::MIN)
            .map(|(room, user, last)| ((room.clone(), user.clone()), last))
            .collect();
        assert_eq!(all, model);
    }
    (seen, recorded, day(now))
}

proptest! {
    #[test]
    fn the_file_tells_a_later_process_of_everyone_whom_this_one_knows(all in prop::collection::vec(happens(), 0..20)) {
        let (seen, recorded, today) = played(&all);
        let mut kept = read(&appended(&recorded, 0)).unwrap().seen;
        kept.tidy(today);
        // The file does not know who came back: it may know more of them, and an event after that can be hidden by the look before.
        for (room, user, last) in seen.since(Date::MIN).filter(|(_, _, last)| last.by == SeenBy::Look) {
            prop_assert!(kept.get(room, user).is_some_and(|kept| kept >= last));
        }
        let again = read(&whole(&seen)).unwrap();
        prop_assert_eq!(again.oldest, seen.oldest());
        prop_assert_eq!(again.seen, seen);
    }

    #[test]
    fn a_crash_costs_the_last_record_at_most(all in prop::collection::vec(happens(), 0..12), cut in any::<prop::sample::Index>()) {
        let (_, recorded, _) = played(&all);
        let bytes = appended(&recorded, 0);
        prop_assert_eq!(read(&bytes).unwrap().whole, if recorded.is_empty() { 0 } else { bytes.len() as u64 });
        let torn = &bytes[..cut.index(bytes.len())];
        let kept = read(torn).unwrap();
        let replayed = |number: usize| {
            let mut seen = Seen::default();
            recorded[..number].iter().for_each(|sighting| seen.add(sighting));
            seen
        };
        prop_assert!((0..=recorded.len()).any(|number| kept.seen == replayed(number)));
        // What is appended after it is read as well.
        let whole = usize::try_from(kept.whole).unwrap();
        let more = look(300, [7]);
        let bytes = [&torn[..whole], &appended(std::slice::from_ref(&more), kept.whole)].concat();
        let mut with_more = kept.seen;
        with_more.add(&more);
        prop_assert_eq!(read(&bytes).unwrap().seen, with_more);
    }

    #[test]
    fn a_changed_byte_is_noticed(all in prop::collection::vec(happens(), 1..12), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (_, recorded, _) = played(&all);
        let bytes = appended(&recorded, 0);
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= 1 << bit;
        // Only a longer key may reach past the end, as a torn record does.
        if let Ok(kept) = read(&damaged) {
            prop_assert!(kept.whole < bytes.len() as u64);
        }
    }
}

#[test]
fn a_room_keeps_the_10_000_who_were_seen_last_and_no_event_pushes_anybody_out() {
    let mut seen = Seen::default();
    let forged = |from: usize, number: usize| users(from..from + number);
    assert!(seen.add_by_event(&room(0), &forged(90_000, 50), day(9)).is_some());
    seen.add(&look(1, 0..6_000));
    seen.add(&look(2, 6_000..12_000));
    assert_eq!(known(&seen), MOST);
    // Whom only an event showed goes first, then who was seen longest ago.
    assert!(
        forged(90_000, 50)
            .iter()
            .all(|user| seen.get(&room(0), user).is_none())
    );
    let of_first = (0..6_000).filter(|number| seen.get(&room(0), &user(*number)).is_some());
    assert_eq!(of_first.count(), 4_000);
    assert!((6_000..12_000).all(|number| seen.get(&room(0), &user(number)).is_some()));
    let before = seen.clone();
    assert_eq!(seen.add_by_event(&room(0), &forged(90_000, 5_000), day(3)), None);
    assert_eq!(seen, before);
    // Read back, it is as many.
    assert_eq!(
        known(&read(&appended(&[look(1, 0..20_000)], 0)).unwrap().seen),
        MOST
    );
}

#[test]
fn a_look_is_worth_more_than_an_event_and_an_event_is_told_once_a_day() {
    let mut seen = Seen::default();
    let mut event = |number, on| seen.add_by_event(&room(0), &users([number]), day(on));
    assert!(event(1, 1).is_some());
    assert!(event(1, 1).is_none());
    assert!(event(1, 2).is_some());
    seen.add(&look(2, [1]));
    assert!(seen.add_by_event(&room(0), &users([1]), day(3)).is_none());
    let last = seen.get(&room(0), &user(1)).unwrap();
    assert_eq!((last.by, last.day), (SeenBy::Look, day(2)));
}

#[test]
fn a_clock_that_was_wrong_keeps_nobody_for_ever() {
    let mut seen = Seen::default();
    seen.add(&look(4_000, [1]));
    seen.tidy(day(10));
    assert_eq!(seen.get(&room(0), &user(1)).unwrap().day, day(10));
    seen.tidy(day(40));
    assert_eq!(known(&seen), 1);
    seen.tidy(day(41));
    assert_eq!(seen, Seen::default());
}
