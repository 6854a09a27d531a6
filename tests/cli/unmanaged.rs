//! Rooms of the app that no file names, in `roomsync plan`.

use super::service::{Service, TOKEN};
use super::site::Site;
use std::fs;

/// Rooms 1 to `number`, each with bob.
fn state(number: usize) -> String {
    let rooms: Vec<String> = (1..=number)
        .map(|number| format!("\"{number}\": {{owner: boss, name: room-{number}, members: [bob]}}"))
        .collect();
    format!(
        "{{app_key: \"acme#demo\", tokens: [{TOKEN}], rooms: {{{}}}}}",
        rooms.join(", ")
    )
}

/// Files that want bob and mia in room 1.
const ROOMS: &str = "rooms:\n  - {id: 1, name: lobby, members: [bob, mia]}\n";

fn lists(service: &Service) -> usize {
    let calls = service.calls();
    calls.iter().filter(|call| call.contains("/chatrooms?")).count()
}

#[test]
fn plan_counts_them_for_people_and_a_saved_plan_knows_nothing_of_them() {
    let service = Service::start(&state(30));
    let site = Site::of(&service).with_rooms(ROOMS);
    let line = "29 rooms of the app are in no file: ";
    // The list is not waited for, so on a busy machine it may come too late.
    let counted = |args: &[&str]| {
        let mut runs = (0..20).map(|_| site.run(args).ends_with(0));
        runs.find(|run| run.stdout.contains("in no file"))
            .expect("never in twenty plans")
    };
    let run = counted(&["plan", "--out", "plan.json"]);
    assert!(run.stdout.contains(line), "{}", run.stdout);
    let markdown = counted(&["plan", "--format", "markdown"]);
    assert!(markdown.stdout.contains(line), "{}", markdown.stdout);
    // Meanwhile there is another room.
    let service = Service::start(&state(31));
    let later = Site::of(&service).with_rooms(ROOMS);
    later.write("plan.json", &fs::read_to_string(site.path("plan.json")).unwrap());
    later.run(&["apply", "--plan", "plan.json", "--yes"]).ends_with(0);
    assert_eq!(lists(&service), 0, "an apply counts nothing");
}

#[test]
fn nobody_counts_where_rooms_are_named_or_the_settings_say_no() {
    let service = Service::start(&state(30));
    let site = Site::of(&service).with_rooms(ROOMS);
    let run = site.run(&["plan", "--room", "lobby"]).ends_with(0);
    assert!(!run.stdout.contains("in no file"), "{}", run.stdout);
    let site = site.with_settings("rooms: rooms/", "rooms: rooms/\nreport_unmanaged: false");
    let run = site.run(&["plan"]).ends_with(0);
    assert!(!run.stdout.contains("in no file"), "{}", run.stdout);
    assert_eq!(lists(&service), 0);
}

#[test]
fn no_more_than_ten_pages_are_read_and_no_page_is_waited_for() {
    let service = Service::start(&state(1_500));
    let rooms: Vec<String> = (1..=1_200)
        .map(|number| format!("  - {{id: {number}, members: [bob]}}\n"))
        .collect();
    let site = Site::of(&service).with_rooms(&format!("rooms:\n{}", rooms.concat()));
    let run = site.run(&["plan"]).ends_with(0);
    let pages = lists(&service);
    assert!(pages <= 10, "{pages}");
    let counted = run.stdout.contains("the app has more than 1,000 rooms");
    assert!(counted || !run.stdout.contains("in no file"), "{}", run.stdout);
    assert!(pages == 10 || !counted, "{pages}");
}
