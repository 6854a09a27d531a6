//! Rooms of the app that no file names: the daemon counts them once an hour, and waits for that with nothing.

use super::house::{House, Running, house, id, members, minutes, names, room_text};
use super::service::{Reply, Service, room_id, room_of, state};
use http::Method as Http;
use roomsync::emulator::State;
use roomsync::model::Unmanaged;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// A service with so many rooms, of which the files name the first.
fn rooms(number: usize) -> State {
    let people = names(0..3);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    state((1..=number).map(|number| (room_id(number), room_of("boss", &[], &people))))
}

fn lists(service: &Service) -> usize {
    let journal = service.emulator.journal();
    let lists = journal
        .calls
        .iter()
        .filter(|call| call.path.contains("/chatrooms?"));
    lists.count()
}

fn shown(daemon: &Running) -> Option<Unmanaged> {
    daemon.status().unmanaged.map(|shown| shown.unmanaged)
}

#[test]
fn they_are_counted_once_an_hour() {
    house(
        Service::new(rooms(250)),
        "report_unmanaged: true",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..3)));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            daemon
                .until(minutes(1), |status| status.unmanaged.is_some())
                .await;
            let counted = shown(&daemon).unwrap();
            assert_eq!(
                (counted.count, counted.listed, counted.complete),
                (249, 250, true)
            );
            assert_eq!(counted.rooms.len(), Unmanaged::MOST_NAMED);
            assert_eq!(daemon.source.gauges().unmanaged, Some(249));
            let pages = lists(&house.service);
            sleep(minutes(50)).await;
            assert_eq!(lists(&house.service), pages);
            sleep(minutes(20)).await;
            assert_eq!(lists(&house.service), 2 * pages);
            sleep(minutes(60 * 5)).await;
            let hours = lists(&house.service) / pages;
            assert!((6..=8).contains(&hours), "{hours}");
            daemon.stop().await;
        },
    );
}

#[test]
fn a_refused_list_and_one_without_an_end_are_no_trouble() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let service = Service::new(rooms(3)).with_fault(move |_, request, _| {
        let is_list = request.method == Http::GET && request.url.path().ends_with("/chatrooms");
        is_list.then(|| {
            counter.fetch_add(1, Ordering::SeqCst);
            Reply::Answer(
                403,
                r#"{"error": "forbidden", "error_description": "no"}"#.to_owned(),
            )
        })
    });
    house(service, "report_unmanaged: true", async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        daemon
            .until(minutes(1), |status| status.unmanaged.is_some())
            .await;
        let status = daemon.status();
        assert!(
            status.attention.is_empty() && status.service.trouble.is_none(),
            "{status:#?}"
        );
        let line = status.unmanaged.unwrap().line.unwrap();
        assert!(line.starts_with("rooms in no file: not known: "), "{line}");
        assert_eq!(daemon.source.gauges().unmanaged, None);
        assert!(asked.load(Ordering::SeqCst) <= 3);
        daemon.stop().await;
    });
}

#[test]
fn nothing_waits_for_a_list_that_hangs() {
    let hanging = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&hanging);
    let service = Service::new(rooms(3)).with_fault(move |_, request, _| {
        let is_list = request.method == Http::GET && request.url.path().ends_with("/chatrooms");
        is_list.then(|| {
            counter.fetch_add(1, Ordering::SeqCst);
            Reply::LoseCall
        })
    });
    house(service, "report_unmanaged: true", async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        for last in 4..9 {
            house.rooms(&room_text(&id(), names(0..last)));
            daemon
                .until(Duration::from_secs(5), |_| members(&house.service).len() == last)
                .await;
        }
        assert!(hanging.load(Ordering::SeqCst) > 0);
        daemon.stop().await;
    });
}

#[test]
fn where_nobody_asks_for_them_no_list_is_read() {
    house(
        Service::new(rooms(3)),
        "report_unmanaged: false",
        async |house: House| {
            house.rooms(&room_text(&id(), names(0..3)));
            let daemon = house.start();
            sleep(minutes(180)).await;
            assert_eq!(lists(&house.service), 0);
            assert!(daemon.status().unmanaged.is_none());
            daemon.stop().await;
        },
    );
}
