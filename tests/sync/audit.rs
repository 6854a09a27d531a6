//! The audit log says what is known: a line before each call, and `done` for what an answer or a look has shown.

use super::house::{House, house, id, members, minutes, names, one_room, room_text};
use super::service::{Reply, Service, error, room_id};
use http::Method as Http;
use roomsync::chat::Request;
use roomsync::emulator::Emulator;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

const AUDIT: &str = "audit_log: audit.jsonl";

/// People whom this request adds or removes, as its body or path names them.
fn named(request: &Request) -> Vec<String> {
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap_or_default();
    if let Some(names) = body["usernames"].as_array() {
        return names
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
    }
    let last = request.url.path().rsplit('/').next().unwrap();
    last.split("%2C").map(ToOwned::to_owned).collect()
}

/// Has these people, and perhaps others, added by the emulator, and answers that these were.
fn answers_to_adds(
    joins: fn(&str) -> bool,
    names: fn(&str) -> bool,
) -> impl Fn(&Emulator, &Request, usize) -> Option<Reply> {
    move |emulator, request, _| {
        if request.method != Http::POST {
            return None;
        }
        let people = named(request);
        emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            people.iter().filter(|user| joins(user)).for_each(|user| {
                room.join(user);
            });
        });
        let new: Vec<&String> = people.iter().filter(|user| names(user)).collect();
        Some(Reply::Answer(
            200,
            json!({"data": {"newmembers": new, "action": "add_member"}}).to_string(),
        ))
    }
}

/// The results of somebody, in order, those of `again` lines among them.
fn results_of(house: &House, user: &str) -> Vec<String> {
    let is_of = |line: &Value| {
        line["user"] == user
            || line["event"] == "again" && line["users"].as_array().unwrap().contains(&json!(user))
    };
    let lines = house.whole_audit();
    lines
        .iter()
        .filter(|line| is_of(line))
        .map(|line| line["result"].as_str().unwrap().to_owned())
        .collect()
}

/// True once the log has a line of a call that goes out.
fn is_sent(house: &House) -> bool {
    house.whole_audit().iter().any(|line| line["event"] == "sent")
}

/// Every outcome is of a call that has a line before it. Whoever is in such a line has an outcome of that call, or goes into a later one.
fn assert_whole(house: &House) {
    /// Room, operation and user.
    type Change = [String; 3];
    let mut open: BTreeMap<Change, String> = BTreeMap::new();
    let mut sent: BTreeSet<(String, String)> = BTreeSet::new();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for line in house.whole_audit() {
        let users = line["users"].as_array().cloned().unwrap_or_default();
        let change = |user: &Value| [&line["room"], &line["op"], user].map(text);
        let call = || text(&line["call"]);
        match line["event"].as_str() {
            Some("sent") => {
                for user in &users {
                    let pair = (call(), text(user));
                    assert!(sent.insert(pair.clone()), "{pair:?} twice");
                    open.insert(change(user), call());
                }
            }
            Some("again") => users.iter().for_each(|user| {
                open.remove(&change(user));
            }),
            Some("not_sent") => open.retain(|_, of| *of != call()),
            Some(_) => {}
            None => {
                let pair = (call(), text(&line["user"]));
                assert!(sent.contains(&pair), "no line before {line}");
                let change = change(&line["user"]);
                if open.get(&change) == Some(&pair.0) {
                    open.remove(&change);
                }
            }
        }
    }
    assert!(open.is_empty(), "no outcome: {open:?}");
}

#[test]
fn a_line_stands_in_the_file_before_its_call_goes_out() {
    let log: Arc<Mutex<PathBuf>> = Arc::default();
    let path = Arc::clone(&log);
    let service = one_room(&names(0..90)).with_fault(move |_, request, _| {
        if request.method != Http::GET {
            let text = fs::read_to_string(&*path.lock().unwrap()).unwrap();
            let people: BTreeSet<String> = named(request).into_iter().collect();
            let is_its = |line: &str| {
                let line: Value = serde_json::from_str(line).unwrap();
                let users = line["users"].as_array().into_iter().flatten();
                let users: BTreeSet<String> = users.map(|user| user.as_str().unwrap().to_owned()).collect();
                line["event"] == "sent" && users == people
            };
            assert!(text.lines().any(is_its), "no line before {people:?}");
        }
        None
    });
    house(
        service,
        "audit_log: audit.jsonl\nlimits: {add_batch: 7, concurrency: 1}",
        async |house: House| {
            *log.lock().unwrap() = house.path("audit.jsonl");
            house.rooms(&room_text(&id(), names(8..120)));
            let daemon = house.start();
            daemon.until_well(minutes(2)).await;
            daemon.stop().await;
            assert_eq!(members(&house.service), names(8..120).into_iter().collect());
            assert_whole(&house);
            let done = house
                .audit()
                .iter()
                .filter(|line| line["result"] == "done")
                .count();
            assert_eq!(done, 38);
        },
    );
}

/// `u5` is unknown, and the service refuses the whole batch for them; `u7` it refuses without a name.
#[test]
fn whoever_was_in_a_refused_batch_has_an_outcome_of_the_call_they_went_in() {
    let service = one_room(&names(0..1)).with_fault(|_, request, _| {
        let people = named(request);
        let has = |user: &str| request.method == Http::POST && people.iter().any(|other| other == user);
        let refused = |text: &str| Some(Reply::Answer(400, error("illegal_argument", text)));
        if has("u5") {
            refused("username u5 doesn't exist!")
        } else if has("u7") {
            refused("not now")
        } else {
            None
        }
    });
    house(service, AUDIT, async |house: House| {
        house.rooms(&room_text(&id(), names(0..12)));
        let daemon = house.start();
        daemon.until(minutes(1), |status| !status.aside.is_empty()).await;
        daemon.stop().await;
        assert_whole(&house);
        let first = |user: &str| results_of(&house, user).first().cloned();
        assert_eq!(first("u5").as_deref(), Some("no_such_user"));
        assert_eq!(first("u7").as_deref(), Some("refused"));
        for user in names(1..12)
            .iter()
            .filter(|user| !["u5", "u7"].contains(&user.as_str()))
        {
            assert_eq!(results_of(&house, user), ["done"], "{user}");
        }
    });
}

#[test]
fn whom_the_answer_leaves_out_is_done_once_a_look_shows_them() {
    let service = one_room(&names(0..3)).with_fault(answers_to_adds(|_| true, |user| user == "u3"));
    house(service, AUDIT, async |house: House| {
        house.rooms(&room_text(&id(), names(0..6)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        let order: Vec<String> = house
            .audit()
            .iter()
            .map(|line| format!("{} {}", line["user"], line["result"]))
            .collect();
        assert_eq!(order, [r#""u3" "done""#, r#""u4" "done""#, r#""u5" "done""#]);
        daemon.stop().await;
        assert_whole(&house);
    });
}

/// The service accepts `u1` three times, whether its answer names them or not, and never shows them.
fn is_set_aside(named: bool, first_result: &str) {
    let names_all: fn(&str) -> bool = if named { |_| true } else { |user| user != "u1" };
    let service = one_room(&names(0..1)).with_fault(answers_to_adds(|user| user != "u1", names_all));
    house(service, AUDIT, async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until(minutes(10), |status| !status.aside.is_empty()).await;
        let status = daemon.status();
        let aside = status.aside.first().unwrap();
        assert_eq!((aside.user.as_str(), aside.code.as_str()), ("u1", "not_taken"));
        assert_eq!(aside.room.as_ref().map(ToString::to_string), Some(id()));
        assert!(aside.message.contains("never shows them"), "{}", aside.message);
        assert!(status.coming_and_going.is_empty());
        let results = results_of(&house, "u1");
        assert_eq!(
            results.first().map(String::as_str),
            Some(first_result),
            "{results:?}"
        );
        let times = |result: &str| results.iter().filter(|other| *other == result).count();
        assert_eq!(times("not_confirmed"), 3, "{results:?}");
        assert_eq!(times("done"), if named { 3 } else { 0 }, "{results:?}");
        assert_eq!(results_of(&house, "u2"), ["done"]);
        // For an hour nobody tries again, and nobody counts as coming and going.
        house.service.take_sent();
        sleep(minutes(45)).await;
        assert_eq!(super::house::writes(&house.service), 0);
        assert!(daemon.status().coming_and_going.is_empty());
        sleep(minutes(30)).await;
        assert!(super::house::writes(&house.service) > 0, "then once more");
        daemon.stop().await;
        assert_whole(&house);
    });
}

#[test]
fn whom_the_service_leaves_out_and_never_shows_is_set_aside_as_not_taken() {
    is_set_aside(false, "not_confirmed");
}

#[test]
fn so_is_whom_it_names_and_never_shows() {
    is_set_aside(true, "done");
}

#[test]
fn whom_the_answer_to_a_removal_leaves_out_is_not_done_until_a_look_tells() {
    let service = one_room(&names(0..9)).with_fault(|emulator, request, _| {
        if request.method != Http::DELETE {
            return None;
        }
        let people = named(request);
        // `u8` stays; of `u7` it says nothing.
        emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(1)).unwrap();
            people.iter().filter(|user| *user != "u8").for_each(|user| {
                room.leave(user);
            });
        });
        let rows: Vec<Value> = people
            .iter()
            .filter(|user| !["u7", "u8"].contains(&user.as_str()))
            .map(|user| json!({"result": true, "user": user}))
            .collect();
        Some(Reply::Answer(200, json!({"data": rows}).to_string()))
    });
    let settings =
        "audit_log: audit.jsonl\nguards: {max_removals: 100%, max_removals_total: 100%, removal_budget: off}";
    house(service, settings, async |house: House| {
        let text = room_text(&id(), names(0..6)) + "    guards: {max_removals: 100%}\n";
        house.rooms(&text);
        let daemon = house.start();
        daemon.until(minutes(1), |_| house.audit().len() >= 3).await;
        assert_eq!(results_of(&house, "u6"), ["done"]);
        assert_eq!(results_of(&house, "u7"), ["done"]);
        assert_eq!(
            results_of(&house, "u8").first().map(String::as_str),
            Some("not_confirmed")
        );
        daemon.stop().await;
        assert_whole(&house);
    });
}

#[test]
fn a_call_that_is_cut_off_leaves_its_line() {
    let service = one_room(&names(0..1)).taking(Duration::from_secs(5));
    house(service, AUDIT, async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until(minutes(1), |_| is_sent(&house)).await;
        daemon.kill().await;
        let lines = house.whole_audit();
        let last = lines.last().unwrap();
        assert_eq!(
            (last["event"].as_str(), &last["users"]),
            (Some("sent"), &json!(["u1", "u2"]))
        );
        assert!(house.audit().is_empty());
    });
}

#[test]
fn a_run_that_ends_before_the_look_confirms_nobody_whom_no_answer_names() {
    let service: Service = one_room(&names(0..1))
        .with_fault(answers_to_adds(|_| true, |user| user == "u1"))
        .taking(Duration::from_secs(1));
    house(service, AUDIT, async |house: House| {
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until(minutes(1), |_| is_sent(&house)).await;
        daemon.stop().await;
        assert_eq!(results_of(&house, "u1"), ["done"]);
        assert_eq!(results_of(&house, "u2"), ["not_confirmed"]);
        assert_whole(&house);
    });
}
