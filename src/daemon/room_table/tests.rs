use super::*;
use crate::status::RoomState;

pub(in crate::daemon) fn desired(id: &str, name: &str) -> Arc<DesiredRoom> {
    Arc::new(DesiredRoom {
        name: Some(name.to_owned()),
        ..DesiredRoom::unmanaged(id)
    })
}

/// A table of these rooms, all of which are due.
fn table(ids: &[&str]) -> RoomTable {
    let mut table = RoomTable::default();
    for id in ids {
        table.put(desired(id, "first"), false, Timestamp::UNIX_EPOCH);
    }
    table
}

fn due(table: &mut RoomTable) -> Vec<Ticket> {
    table.take_due(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_room_has_one_worker_and_is_due_again_once_it_is_free() {
    let mut table = table(&["7", "8"]);
    let [seven, eight] = <[Ticket; 2]>::try_from(due(&mut table)).unwrap();
    assert!(due(&mut table).is_empty() && table.take_all(true).is_empty());
    table.end_looks(&[seven.clone(), eight]);
    assert!(table.reserve(&seven));
    // Another pass wants it while this one waits, and the files do, too.
    assert!(!table.reserve(&seven));
    assert_eq!((table.next_due(), table.take_all(true).len()), (None, 1));
    let stop = table.claim(&seven).unwrap();
    assert!(table.claim(&seven).is_none());
    table.put(desired("7", "second"), false, Timestamp::UNIX_EPOCH);
    assert!(stop.is_interruption());
    assert_eq!((table.next_due(), due(&mut table).len()), (None, 0));
    table.release(&seven.desired.id);
    assert_eq!(table.next_due(), Some(Instant::now()));
    let again = due(&mut table);
    assert_eq!(again.len(), 1);
    // The ticket for the entry before is worth nothing.
    assert!(table.current(&seven).is_none() && table.claim(&seven).is_none());
    assert!(table.current(&again[0]).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_left_and_came_back_waits_for_the_end_of_its_work() {
    let mut table = table(&["7"]);
    let ticket = due(&mut table).remove(0);
    assert!(table.reserve(&ticket));
    let stop = table.claim(&ticket).unwrap();
    let gone = table.remove_others(&BTreeMap::new());
    assert_eq!((gone, table.len()), (vec![Arc::clone(&ticket.desired)], 0));
    assert!(stop.is_interruption());
    table.put(desired("7", "first"), false, Timestamp::UNIX_EPOCH);
    assert!(table.take_all(true).is_empty() && due(&mut table).is_empty());
    table.release(&ticket.desired.id);
    assert_eq!(due(&mut table).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_failed_comes_back_on_its_own_unless_the_service_is_away() {
    let mut table = table(&["7"]);
    let ticket = due(&mut table).remove(0);
    table.end_looks(std::slice::from_ref(&ticket));
    table.retry(&ticket.desired.id, &mut fastrand::Rng::with_seed(1));
    let next = table.next_due().unwrap();
    assert!(next <= Instant::now() + ROOM_BACKOFF.first, "{next:?}");
    assert!(table.take_all(false).is_empty());
    assert_eq!(table.take_all(true).len(), 1);
    assert_eq!(table.next_due(), None);
}

#[tokio::test(start_paused = true)]
async fn a_look_is_dropped_after_a_later_one_and_while_somebody_changes_the_room() {
    let mut table = table(&["7"]);
    let ticket = due(&mut table).remove(0);
    let earlier = Instant::now();
    tokio::time::advance(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let mut see = |begun| table.current(&ticket).unwrap().see(begun, Timestamp::UNIX_EPOCH);
    assert!(see(begun));
    assert!(!see(earlier));
    assert!(table.reserve(&ticket));
    let room = table.current(&ticket).unwrap();
    assert!(!room.see(Instant::now(), Timestamp::UNIX_EPOCH));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_given_back_is_due_if_somebody_wanted_it_meanwhile() {
    let mut table = table(&["7"]);
    let ticket = due(&mut table).remove(0);
    assert!(table.reserve(&ticket));
    table.give_back([&ticket]);
    assert!(table.claim(&ticket).is_none() && table.next_due().is_none());
    assert!(table.reserve(&ticket));
    table.schedule(&ticket.desired.id, Instant::now());
    assert!(due(&mut table).is_empty());
    table.give_back([&ticket]);
    assert_eq!(due(&mut table).len(), 1);
    // A new entry takes it from the pass that waits.
    table.end_looks(std::slice::from_ref(&ticket));
    assert!(table.reserve(&ticket));
    table.put(desired("7", "second"), false, Timestamp::UNIX_EPOCH);
    assert!(table.claim(&ticket).is_none());
    assert_eq!(due(&mut table).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_nobody_sees_is_unknown_unless_somebody_has_it_in_hand() {
    let mut table = table(&["7"]);
    let ticket = due(&mut table).remove(0);
    let [is_here, is_away] = [false, true].map(|is_away| Freshness {
        fresh_for: Duration::from_secs(10),
        is_away,
    });
    let at = |second| Timestamp::from_second(second).unwrap();
    let shown = |table: &RoomTable, freshness| table.get(&ticket.desired.id).unwrap().shown_state(freshness);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(
        shown(&table, is_away).0,
        RoomState::Unseen,
        "nobody has seen it yet"
    );
    let room = table.current(&ticket).unwrap();
    assert!(room.see(Instant::now(), at(5)));
    room.set_state(RoomState::InSync, None, at(5));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(shown(&table, is_here), (RoomState::InSync, at(5)));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(shown(&table, is_here), (RoomState::Unknown, at(5)));
    // It failed, and its next try is later than that.
    table.end_looks(std::slice::from_ref(&ticket));
    let room = table.current(&ticket).unwrap();
    room.set_state(RoomState::Failed, None, at(6));
    table.retry(&ticket.desired.id, &mut fastrand::Rng::with_seed(1));
    assert_eq!(shown(&table, is_here), (RoomState::Failed, at(6)));
    assert_eq!(shown(&table, is_away).0, RoomState::Unknown);
    assert!(table.reserve(&ticket));
    assert_eq!(
        shown(&table, is_away).0,
        RoomState::Failed,
        "a pass is about to change it"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_has_seen_a_revision_is_given_what_has_changed_since() {
    let mut table = table(&["7", "8", "9"]);
    let fresh = Freshness {
        fresh_for: Duration::from_secs(10),
        is_away: false,
    };
    let changed = |table: &RoomTable, since: u64| -> Vec<String> {
        let rooms = table.changed(since, None);
        rooms.map(|room| room.desired().id.to_string()).collect()
    };
    table.age(fresh);
    assert_eq!(changed(&table, 0), ["7", "8", "9"]);
    let before = table.revision();
    assert!(changed(&table, before).is_empty());
    table.put(desired("8", "first"), false, Timestamp::UNIX_EPOCH);
    table.age(fresh);
    assert!(changed(&table, before).is_empty(), "it is as it was");
    table.put(desired("8", "second"), false, Timestamp::UNIX_EPOCH);
    let eight = RoomId::parse("8").unwrap();
    assert_eq!(changed(&table, before), ["8"]);
    assert_eq!(
        table.changed(0, Some(&eight)).count(),
        1,
        "after it comes one more"
    );
    let now = |table: &mut RoomTable, id: &str| {
        let room = table.get_mut(&RoomId::parse(id).unwrap()).unwrap();
        assert!(room.see(Instant::now(), Timestamp::UNIX_EPOCH));
        room.set_state(RoomState::InSync, None, Timestamp::UNIX_EPOCH);
    };
    now(&mut table, "9");
    table.age(fresh);
    let before = table.revision();
    // Time alone makes it unknown.
    tokio::time::advance(Duration::from_secs(11)).await;
    table.age(fresh);
    assert_eq!(changed(&table, before), ["9"]);
    let rooms = [desired("7", "first"), desired("9", "first")];
    table.remove_others(
        &rooms
            .iter()
            .map(|room| (room.id.clone(), Arc::clone(room)))
            .collect(),
    );
    assert_eq!(table.gone(before).collect::<Vec<_>>(), [&eight]);
    assert!(table.knows_since(before) && !table.knows_since(table.revision() + 1));
    table.put(desired("8", "third"), false, Timestamp::UNIX_EPOCH);
    assert_eq!(table.gone(before).count(), 0, "it is back");
}

#[tokio::test(start_paused = true)]
async fn rooms_that_left_long_ago_are_forgotten() {
    let ids: Vec<String> = (1..=10_001).map(|id| id.to_string()).collect();
    let mut table = table(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let before = table.revision();
    table.remove_others(&BTreeMap::new());
    assert!(!table.knows_since(before), "the first one is forgotten");
    assert!(table.knows_since(before + 1));
    assert_eq!(table.gone(before + 1).count(), 10_000);
}
