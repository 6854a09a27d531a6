//! Looks of a plan: one fleet with a room of every kind, as text and as JSON.

use crate::service::{Service, desired, room_of, state, virtually};
use roomsync::chat::BatchLimits;
use roomsync::desired::{DesiredRoom, Source};
use roomsync::model::RoomId;
use roomsync::plan::{FleetPlan, Rates};
use roomsync::reconcile::{self, Planned};
use roomsync::render::{Document, Meta, text};

const FILES: &str = r#"
rooms:
  - {id: 1, name: lobby, owner: boss, admins: [mia, omar], members: [ann, bob], guards: {max_removals: 100%, max_demotions: 100%}}
  - {id: 2, name: quiet, members: [ann]}
  - {id: 3, name: emptied, members: [ann]}
  - {id: 4, name: taken over, owner: alice, members: [ann]}
  - {id: 5, name: watched, members: [ann], mode: observe}
  - {id: 6, name: gone, members: [ann]}
  - {id: 7, name: kept, members: [ann], guards: {protect: ["bot-*"]}}
"#;

fn planned() -> Planned {
    let room = |id: &str, owner, admins: &[&str], members: &[&str]| {
        (RoomId::parse(id).unwrap(), room_of(owner, admins, members))
    };
    let service = Service::new(state([
        room("1", "boss", &["eve", "mia"], &["bob", "old"]),
        room("2", "boss", &[], &["ann"]),
        room("3", "boss", &[], &["ann", "b", "c", "d", "e", "f", "g"]),
        room("4", "mallory", &[], &["bob"]),
        room("5", "boss", &[], &["bob"]),
        room("7", "boss", &["chief"], &["ann", "bot-1", "x,y", "\u{1b}[2J"]),
    ]));
    let desired = desired(&[FILES]);
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let batch = BatchLimits { add: 60, remove: 100 };
    virtually(reconcile::plan(
        &service.client(batch).reader(),
        &rooms,
        None,
        &|| {},
    ))
}

fn shown(plan: &FleetPlan, seconds: f64) -> String {
    let mut shown = String::new();
    text(&mut shown, plan, seconds).unwrap();
    anstream::adapter::strip_str(&shown).to_string()
}

#[test]
fn as_text() {
    let text = shown(&planned().plan, 0.04);
    assert!(!text.contains('\u{1b}'), "what the service says is escaped");
    insta::assert_snapshot!(text);
}

#[test]
fn as_json() {
    let meta = Meta {
        created: "2026-11-22T21:00:00Z".into(),
        app: "acme#demo".into(),
        source: Source {
            files: 1,
            digest: "sha256:00".into(),
            revision: None,
        },
        rates: Rates {
            add: 50,
            promote: 50,
            demote: 50,
            remove_one: 50,
            remove_many: 50,
            allow: 50,
            disallow: 50,
        },
    };
    let planned = planned();
    let document = Document::new(&planned.plan, &meta).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_plan_of_many_thousands_is_shown_in_a_moment() {
    let people: Vec<String> = (0..20_000).map(|n| format!("m{n}")).collect();
    let (there, wanted) = people.split_at(10_000);
    let there: Vec<&str> = there.iter().map(String::as_str).collect();
    let service = Service::new(state([(RoomId::parse("1").unwrap(), {
        let mut room = room_of("boss", &[], &there);
        room.maxusers = 100_000;
        room
    })]));
    let desired = desired(&[&format!(
        "rooms: [{{id: 1, members: [{}], guards: {{max_removals: 100%}}}}]",
        wanted.join(", ")
    )]);
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let batch = BatchLimits { add: 60, remove: 100 };
    let planned = virtually(reconcile::plan(
        &service.client(batch).reader(),
        &rooms,
        None,
        &|| {},
    ));
    let text = shown(&planned.plan, 0.0);
    let changes = |sign: &str| text.lines().filter(|line| line.starts_with(sign)).count();
    assert_eq!(
        (changes("  +m"), changes("  -m")),
        (10_000, 10_000),
        "nobody is left out"
    );
}
