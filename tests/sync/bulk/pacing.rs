//! Size and pace of bulk reads.

use super::*;

#[test]
fn what_is_too_large_is_asked_for_in_parts_and_not_again() {
    let refused = Arc::new(AtomicUsize::new(0));
    let service = fleet_of(2_000).with_fault({
        let refused = Arc::clone(&refused);
        move |_, request, _| {
            let too_large = asked(request).is_some_and(|rooms| rooms > 30);
            too_large.then(|| {
                refused.fetch_add(1, Ordering::Relaxed);
                Reply::TooLarge
            })
        }
    });
    let client = client(&service, |_| {});
    let seen = virtually(look(&client, &ids(2_000)));
    assert_complete(&service, &ids(2_000), &seen);
    let [details, pages, _] = reads(&service.take_sent());
    let refused = refused.load(Ordering::Relaxed);
    println!("{details} details, {refused} refused");
    assert_eq!(pages, 0);
    assert!(
        details < 130 && refused < 35,
        "{details} details, {refused} of them refused"
    );
}

#[test]
fn large_rooms_are_asked_for_few_at_a_time() {
    // The rows of a hundred of them would be 1.2 million.
    let names: Vec<String> = (0..12_000).map(|n| format!("somebody-{n}")).collect();
    let large = room_of("boss", &[], &names.iter().map(String::as_str).collect::<Vec<_>>());
    let largest = Arc::new(AtomicUsize::new(0));
    let service = Service::new(state((0..60).map(|n| (room_id(n), large.clone())))).with_fault({
        let (largest, details) = (Arc::clone(&largest), AtomicUsize::new(0));
        move |_, request, _| {
            let rooms = asked(request)?;
            if details.fetch_add(1, Ordering::Relaxed) > 0 {
                largest.fetch_max(rooms, Ordering::Relaxed);
            }
            None
        }
    });
    let client = client(&service, |_| {});
    let held = virtually(async {
        let rooms = ids(60);
        let requests: Vec<ReadRequest<'_>> = rooms.iter().map(ReadRequest::of_all).collect();
        let take = |_: usize, observed: Result<Observed, CallError>| {
            assert_eq!(observed.unwrap().complete().unwrap().members.len(), 12_000);
        };
        live::read_rooms(&client.reader(), &requests, &take).await
    });
    held.unwrap();
    let [details, pages, _] = reads(&service.take_sent());
    assert!(
        largest.load(Ordering::Relaxed) <= 30,
        "{largest:?} rooms in a call"
    );
    assert_eq!(pages, 0);
    assert!(details <= 10, "{details} details");
}

#[test]
fn the_pages_of_a_large_room_are_read_several_at_a_time() {
    let names: Vec<String> = (0..30_000).map(|n| format!("m{n}")).collect();
    let large = room_of("boss", &[], &names.iter().map(String::as_str).collect::<Vec<_>>());
    let service = Service::new(state([(room_id(0), large)]))
        .showing(1_000)
        .taking(Duration::from_millis(100));
    virtually(async {
        let client = client(&service, |_| {});
        let begun = Instant::now();
        let seen = look(&client, &ids(1)).await;
        assert_complete(&service, &ids(1), &seen);
        assert_eq!(reads(&service.take_sent()), [1, 31, 1]);
        // A detail, and four times eight pages.
        assert_eq!(begun.elapsed(), Duration::from_millis(500));
    });
    // Whoever goes meanwhile makes the list shorter than foretold: the page that is short ends it all the same.
    service
        .emulator
        .add_fault(roomsync::emulator::Fault::parse("list_members@33:slow=3s:after").unwrap());
    let gone: Vec<String> = names.iter().take(1_200).cloned().collect();
    service.emulator.edit(|state| {
        let room = state.rooms.get_mut(&room_id(0)).unwrap();
        gone.iter().for_each(|user| {
            room.leave(user);
        });
    });
    virtually(async {
        let client = client(&service, |_| {});
        let seen = look(&client, &ids(1)).await;
        assert_complete(&service, &ids(1), &seen);
        assert_eq!(reads(&service.take_sent()), [1, 29, 1]);
    });
}

/// A look at a fleet is bound by the lists of admins, which come one by one.
#[test]
fn a_look_takes_as_long_as_its_lists_of_admins() {
    const ROOMS: usize = 2_000;
    const LATENCY: Duration = Duration::from_millis(20);
    let (told, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let service = fleet_of(ROOMS).taking(LATENCY).with_fault({
        let (told, seen, most) = (Arc::clone(&told), Arc::clone(&seen), Arc::clone(&most));
        move |_, request, _| {
            let rooms = asked(request)?;
            let told = told.fetch_add(rooms, Ordering::Relaxed) + rooms;
            most.fetch_max(told - seen.load(Ordering::Relaxed), Ordering::Relaxed);
            None
        }
    });
    virtually(async {
        let client = client(&service, |_| {});
        let rooms = ids(ROOMS);
        let requests: Vec<ReadRequest<'_>> = rooms.iter().map(ReadRequest::of_all).collect();
        let begun = Instant::now();
        let take = |_: usize, observed: Result<Observed, CallError>| {
            assert!(observed.unwrap().complete().is_some());
            seen.fetch_add(1, Ordering::Relaxed);
        };
        live::read_rooms(&client.reader(), &requests, &take)
            .await
            .unwrap();
        let (took, bound) = (begun.elapsed(), Duration::from_secs(ROOMS as u64 / 100));
        assert!(took <= bound.mul_f64(1.05), "{took:?} of {bound:?}");
    });
    assert_eq!(reads(&service.take_sent()), [ROOMS / 100, 0, ROOMS]);
    // What is in memory does not grow with the fleet.
    assert!(
        most.load(Ordering::Relaxed) <= 300,
        "{most:?} rooms in memory at a time"
    );
}
