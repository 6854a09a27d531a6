//! People whom the service chokes on, and requests that are too long for it: the others are dealt with all the same.

use crate::house::{House, house, minutes, writes};
use crate::service::{BATCH, Reply, Service, desired, pass, people, room_id, room_of, state, virtually};
use http::Method as Http;
use roomsync::apply::{Outcome, Report};
use roomsync::chat::Request;
use roomsync::emulator::{Emulator, Fault};
use roomsync::model::Op;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Writes of the outage below where no batch is split: each room gives up after its looks.
const WRITES_WITHOUT_SPLITTING: usize = 5_127;

type Failure = fn() -> Reply;

const FAILURES: [(&str, Failure); 5] = [
    ("500", || {
        Reply::Answer(500, r#"{"error":"internal","error_description":"oops"}"#.into())
    }),
    ("403 of a proxy", || {
        Reply::Answer(403, "<html>blocked</html>".into())
    }),
    ("a lost call", || Reply::LoseCall),
    ("502", || Reply::Answer(502, "<html>".into())),
    ("an answer that is none", || {
        Reply::Answer(200, "{\"action\":\"post\"}".into())
    }),
];

fn names_any(request: &Request, names: &[&str]) -> bool {
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
    let last = request
        .url
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    names
        .iter()
        .any(|name| body.contains(&format!("\"{name}\"")) || last.split("%2C").any(|part| part == *name))
}

fn choking(
    on: &'static [&'static str],
    failure: Failure,
) -> impl Fn(&Emulator, &Request, usize) -> Option<Reply> + Send + Sync {
    move |_, request, _| (request.method != Http::GET && names_any(request, on)).then(failure)
}

fn run(service: &Service, files: &str) -> Report {
    let desired = desired(&[files]);
    virtually(pass(&service.client(BATCH), &desired, None)).1
}

/// Who was not done what to, and with which code.
fn failed(report: &Report) -> BTreeSet<(String, Op, &'static str)> {
    let failures = report.rooms.iter().flat_map(|room| &room.failed);
    failures
        .map(|failure| (failure.user.clone(), failure.op, failure.reason.code.as_str()))
        .collect()
}

fn writes_naming(sent: &[(Http, String, String, u16)], name: &str) -> usize {
    let names = |(method, path, body, _): &&(Http, String, String, u16)| {
        let last = path.rsplit('/').next().unwrap();
        *method != Http::GET
            && (body.contains(&format!("\"{name}\"")) || last.split("%2C").any(|part| part == name))
    };
    sent.iter().filter(names).count()
}

#[test]
fn one_of_many_whom_the_service_chokes_on_keeps_nobody_out() {
    for (what, failure) in FAILURES {
        let names: Vec<String> = (0..120).map(|n| format!("u{n}")).collect();
        let service = Service::new(state([(room_id(0), room_of("boss", &[], &[]))]))
            .with_fault(choking(&["u57"], failure));
        let report = run(
            &service,
            &format!("rooms: [{{id: {}, members: [{}]}}]", room_id(0), names.join(", ")),
        );
        assert_eq!(
            failed(&report),
            [("u57".to_owned(), Op::Add, "fails_alone")].into(),
            "{what}"
        );
        assert_eq!(report.rooms[0].status, Outcome::Partial, "{what}");
        let live = service.emulator.edit(|state| people(&state.rooms[&room_id(0)]));
        assert_eq!(live.members.len(), 119, "{what}");
        let calls = writes_naming(&service.take_sent(), "u57");
        println!("{what}: {calls} write calls named them");
        assert!(calls <= 16, "{what}: {calls} calls named them");
        assert!(report.rooms[0].calls <= 17, "{what}: {}", report.rooms[0].calls);
    }
}

#[test]
fn a_person_for_whom_no_answer_ever_comes_keeps_nobody_out() {
    let names: Vec<String> = (0..120).map(|n| format!("u{n}")).collect();
    let service = Service::new(state([(room_id(0), room_of("boss", &[], &[]))]));
    let fault = Fault::parse("writes,poison=u57:timeout").unwrap();
    service.emulator.add_fault(fault);
    let files = format!("rooms: [{{id: {}, members: [{}]}}]", room_id(0), names.join(", "));
    let report = run(&service, &files);
    assert_eq!(
        failed(&report),
        [("u57".to_owned(), Op::Add, "fails_alone")].into()
    );
    let live = service.emulator.edit(|state| people(&state.rooms[&room_id(0)]));
    assert_eq!(live.members.len(), 119);
    let calls = writes_naming(&service.take_sent(), "u57");
    println!("no answer: {calls} write calls named them");
    assert!(calls <= 16, "{calls} calls named them");
}

#[test]
fn somebody_in_several_rooms_is_found_in_each() {
    let rooms = (0..5).map(|n| (room_id(n), room_of("boss", &[], &["gone"])));
    let service = Service::new(state(rooms)).with_fault(choking(&["u7"], FAILURES[0].1));
    let names: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let files: String = (0..5)
        .map(|n| format!("  - {{id: {}, members: [{}]}}\n", room_id(n), names.join(", ")))
        .collect();
    let report = run(&service, &format!("rooms:\n{files}"));
    for room in &report.rooms {
        let live = service.emulator.edit(|state| people(&state.rooms[&room.id]));
        assert_eq!(live.members.len(), 19, "{room:?}");
        assert_eq!(room.failed.len(), 1, "{room:?}");
    }
    assert_eq!(
        failed(&report),
        [("u7".to_owned(), Op::Add, "fails_alone")].into()
    );
}

#[test]
fn a_promotion_that_fails_keeps_back_no_other_and_no_plain_removal() {
    for (what, failure) in FAILURES {
        let live = room_of("boss", &["old"], &["ann", "bob", "cy", "gone"]);
        let service = Service::new(state([(room_id(0), live)])).with_fault(move |_, request, _| {
            let promotes = request.method == Http::POST && request.url.path().ends_with("/admin");
            (promotes && names_any(request, &["bob"])).then(failure)
        });
        let report = run(
            &service,
            &format!(
                "rooms: [{{id: {}, admins: [ann, bob, cy], members: [], allow_empty: true, guards: {{max_removals: 100%, \
                 max_demotions: 100%}}}}]",
                room_id(0)
            ),
        );
        let live = service.emulator.edit(|state| people(&state.rooms[&room_id(0)]));
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(live.admins, set(&["ann", "cy"]), "{what}: {report:?}");
        assert_eq!(live.members, set(&["ann", "bob", "cy"]), "{what}: {report:?}");
        assert_eq!(
            failed(&report),
            [("bob".to_owned(), Op::Promote, "fails_alone")].into(),
            "{what}"
        );
    }
    // Alone, it keeps back what would leave the room without a wanted admin, and nothing else.
    let live = room_of("boss", &["old"], &["bob", "gone"]);
    let service = Service::new(state([(room_id(0), live)])).with_fault(move |_, request, _| {
        let promotes = request.method == Http::POST && request.url.path().ends_with("/admin");
        promotes.then(FAILURES[0].1)
    });
    let report = run(
        &service,
        &format!(
            "rooms: [{{id: {}, admins: [bob], members: [], allow_empty: true, guards: {{max_removals: 100%, max_demotions: \
             100%}}}}]",
            room_id(0)
        ),
    );
    let live = service.emulator.edit(|state| people(&state.rooms[&room_id(0)]));
    assert!(
        !live.members.contains("gone") && live.admins.contains("old"),
        "{report:?}"
    );
}

#[test]
fn one_removal_that_fails_keeps_back_no_other() {
    for (what, failure) in FAILURES {
        let names: Vec<String> = (0..150).map(|n| format!("u{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let service = Service::new(state([(room_id(0), room_of("boss", &[], &names))]))
            .with_fault(choking(&["u77"], failure));
        let report = run(
            &service,
            &format!(
                "rooms: [{{id: {}, members: [u0], guards: {{max_removals: 100%}}}}]",
                room_id(0)
            ),
        );
        let live = service.emulator.edit(|state| people(&state.rooms[&room_id(0)]));
        assert_eq!(live.members, ["u0".to_owned(), "u77".to_owned()].into(), "{what}");
        let calls = writes_naming(&service.take_sent(), "u77");
        println!("{what}: {calls} write calls named them");
        assert!(calls <= 17, "{what}: {calls} calls named them");
        assert_eq!(
            failed(&report),
            [("u77".to_owned(), Op::Remove, "fails_alone")].into()
        );
    }
}

#[test]
fn where_no_call_goes_through_it_is_the_service() {
    for (what, failure) in FAILURES {
        let rooms = (0..300).map(|n| (room_id(n), room_of("boss", &[], &["gone"])));
        let service = Service::new(state(rooms))
            .with_fault(move |_, request, _| (request.method != Http::GET).then(failure));
        let files: String = (0..300)
            .map(|n| {
                let names: Vec<String> = (0..20).map(|m| format!("u{m}")).collect();
                format!("  - {{id: {}, members: [{}]}}\n", room_id(n), names.join(", "))
            })
            .collect();
        let report = run(&service, &format!("rooms:\n{files}"));
        let failed = failed(&report);
        assert!(
            failed.iter().all(|(.., code)| *code == "no_clear_answer"),
            "{what}: {failed:?}"
        );
        let writes = service
            .take_sent()
            .iter()
            .filter(|(method, ..)| method != Http::GET)
            .count();
        println!("{what}: {writes} writes in 300 rooms");
        assert!(writes <= 300 * 4, "{what}: {writes}");
    }
}

#[test]
fn requests_that_are_too_long_are_shortened_once() {
    let failures: [(&str, Failure); 3] = [
        ("414", || Reply::Answer(414, String::new())),
        ("400", || Reply::Answer(400, "<html>Bad Request</html>".into())),
        ("502", || Reply::Answer(502, "<html>".into())),
    ];
    for limit in [2_000, 4_000, 8_000] {
        for (what, failure) in failures {
            let names: Vec<String> = (0..400).map(|n| format!("{n:x>64}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let service = Service::new(state([(room_id(0), room_of("boss", &[], &names))]))
                .with_fault(move |_, request, _| (request.url.as_str().len() > limit).then(failure));
            let report = run(
                &service,
                &format!(
                    "rooms: [{{id: {}, members: [{}], guards: {{max_removals: 100%}}}}]",
                    room_id(0),
                    names[0]
                ),
            );
            assert_eq!(
                report.rooms[0].status,
                Outcome::Converged,
                "{what}, {limit}: {report:?}"
            );
            let sent = service.take_sent();
            let writes = sent.iter().filter(|(method, ..)| method == Http::DELETE).count();
            println!("{what} beyond {limit} bytes: {writes} calls for 399 names");
            let least = (399_usize * 67).div_ceil(limit - 100);
            assert!(writes <= 2 * least + 3 + 16, "{what}, {limit}: {writes} calls");
        }
    }
}

#[test]
fn an_outage_of_all_writes_sets_nobody_aside() {
    const ROOMS: usize = 300;
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let rooms = (0..ROOMS).map(|n| (room_id(n), room_of("boss", &[], &["u0"])));
    let service = Service::new(state(rooms)).with_fault(move |_, request, _| {
        let fails = request.method != Http::GET && is_away.load(Ordering::Relaxed);
        fails.then(|| {
            Reply::Answer(
                503,
                r#"{"error":"unavailable","error_description":"later"}"#.into(),
            )
        })
    });
    house(service, "", async |house: House| {
        let line = |n| {
            format!(
                "  - {{id: {}, members: [u0, a{n}, b{n}, c{n}, d{n}]}}\n",
                room_id(n)
            )
        };
        house.rooms(&format!("rooms:\n{}", (0..ROOMS).map(line).collect::<String>()));
        let daemon = house.start();
        sleep(Duration::from_secs(120)).await;
        let during = writes(&house.service);
        let said = format!("{:#?}", daemon.status().attention);
        assert!(!said.contains("set aside"), "{said}");
        away.store(false, Ordering::Relaxed);
        daemon.until_well(minutes(12)).await;
        println!(
            "{during} writes during two minutes of outage, {} in all",
            writes(&house.service)
        );
        assert!(during <= WRITES_WITHOUT_SPLITTING * 3 / 2, "{during} writes");
        daemon.stop().await;
    });
}

#[test]
fn an_outage_in_the_midst_blames_nobody() {
    for seed in 0..100 {
        const ROOMS: usize = 30;
        let rooms = (0..ROOMS).map(|n| (room_id(n), room_of("boss", &[], &[])));
        let mut rng = fastrand::Rng::with_seed(seed);
        let (from, bad) = (rng.usize(1..40), rng.usize(0..ROOMS));
        let taken = std::sync::atomic::AtomicUsize::new(0);
        let service = Service::new(state(rooms)).with_fault(move |_, request, _| {
            let writes = request.method != Http::GET;
            let number = taken.fetch_add(usize::from(writes), Ordering::Relaxed);
            // Before the outage one person chokes the service.
            let chokes = names_any(request, &[&format!("b{bad}")]);
            (writes && (number >= from || chokes)).then(FAILURES[0].1)
        });
        let line = |n| format!("  - {{id: {}, members: [a{n}, b{n}, c{n}, d{n}]}}\n", room_id(n));
        let report = run(
            &service,
            &format!("rooms:\n{}", (0..ROOMS).map(line).collect::<String>()),
        );
        let bad = format!("b{bad}");
        let blamed: Vec<_> = failed(&report)
            .into_iter()
            .filter(|(user, _, code)| *code == "fails_alone" && *user != bad)
            .collect();
        assert!(blamed.is_empty(), "seed {seed}: {blamed:?}");
    }
}

#[test]
fn an_outage_that_ends_blames_nobody_and_leaves_nothing_behind() {
    for people in [1, 2, 3, 7, 60, 120] {
        for lasts in 1..14 {
            let taken = std::sync::atomic::AtomicUsize::new(0);
            let service = Service::new(state([(room_id(0), room_of("boss", &[], &[]))])).with_fault(
                move |_, request, _| {
                    let writes = request.method != Http::GET;
                    let number = taken.fetch_add(usize::from(writes), Ordering::Relaxed);
                    (writes && number < lasts).then(FAILURES[3].1)
                },
            );
            let names: Vec<String> = (0..people).map(|n| format!("u{n}")).collect();
            let files = format!("rooms: [{{id: {}, members: [{}]}}]", room_id(0), names.join(", "));
            let report = run(&service, &files);
            let blamed = failed(&report);
            assert!(
                blamed.iter().all(|(.., code)| *code != "fails_alone"),
                "{people} people, {lasts} writes: {blamed:?}"
            );
            service.take_sent();
            if lasts < 8 && people > 2 {
                assert_eq!(
                    report.rooms[0].status,
                    Outcome::Converged,
                    "{people} people, {lasts} writes"
                );
            }
        }
    }
}
