//! Why wanted people are not there, by what looks and events showed; and who was there before and is gone.

use crate::house::{House, Running, house, minutes, names, refs, writes};
use crate::service::{Service, people, room_id, room_of, state};
use crate::webhook::{Hook, call, kick};
use http::Method as Http;
use roomsync::emulator::{Emulator, Environment, Options, Profile, Side, WebhookStyle};
use roomsync::model::UserId;
use roomsync::status::{Absence, AbsenceReason, RoomState};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;
use tokio::time::sleep;

const SETTINGS: &str = "webhook: {secret_file: webhook}\nsync: {interval: 5m, settle_removals: 0ms}";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A room of `boss`, `mia` (an admin) and `u0` to `u9`, whose people leave it after two minutes offline.
fn service() -> Service {
    service_of(Side::Seed)
}

fn service_of(side: Side) -> Service {
    let members = names(0..10);
    let environment = Environment {
        offline_after: Some(secs(120)),
        ..Environment::default()
    };
    let room = room_of("boss", &["mia"], &refs(&members));
    let state = state([(room_id(1), room)]);
    let options = Options {
        profile: Profile {
            quit_action: side,
            ..Profile::all(side)
        },
        ..Options::default()
    };
    Service::of(Emulator::in_environment(state, options, environment))
}

fn entry(members: &str, rest: &str) -> String {
    format!(
        "rooms: [{{id: {}, admins: [mia], members: [{members}], {rest}}}]\n",
        room_id(1).as_str()
    )
}

fn edit(house: &House, change: impl FnOnce(&mut roomsync::emulator::Room)) {
    let room = room_id(1);
    house
        .service
        .emulator
        .edit(|state| change(state.rooms.get_mut(&room).unwrap()));
}

fn absences(daemon: &Running) -> BTreeMap<String, Absence> {
    let detail = daemon.source.room(&room_id(1)).unwrap();
    let named = detail.absences.into_iter();
    named
        .map(|absence| (absence.user.as_str().to_owned(), absence))
        .collect()
}

/// Who is not there, and why; the row, the room and the metrics say the same.
fn reasons(daemon: &Running) -> BTreeMap<String, &'static str> {
    let status = daemon.status();
    let mut counts: BTreeMap<AbsenceReason, usize> = BTreeMap::new();
    for absence in absences(daemon).values() {
        *counts.entry(absence.reason).or_default() += 1;
    }
    assert_eq!(status.rooms[0].absent, counts);
    let metrics = daemon.metrics.encode(&daemon.source.gauges()).unwrap();
    for reason in AbsenceReason::ALL {
        let number = counts.get(&reason).copied().unwrap_or_default();
        let line = format!(
            "roomsync_people_absent{{reason=\"{}\"}} {number}\n",
            reason.as_str()
        );
        assert!(metrics.contains(&line), "no {line} in\n{metrics}");
    }
    let reasons = absences(daemon).into_iter();
    reasons
        .map(|(user, absence)| (user, absence.reason.as_str()))
        .collect()
}

/// What a person is said to be absent by.
fn words(daemon: &Running, user: &str) -> String {
    absences(daemon)[user].message.clone()
}

fn record(house: &House) -> String {
    let bytes = fs::read(house.state_dir().join("seen")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Posts an event as if somebody with the secret had made it.
async fn forge(hook: &Hook, operation: &str, payload: serde_json::Value, operator: &str) {
    let mut event = hook.event(&room_id(1), operation, &payload);
    event["operator"] = operator.into();
    assert_eq!(hook.post(event.to_string()).await, 200);
}

#[test]
fn why_somebody_is_not_there_is_told_apart_where_an_event_said_so() {
    for (style, side) in [
        (WebhookStyle::New, Side::Seed),
        (WebhookStyle::New, Side::Newer),
        (WebhookStyle::Old, Side::Seed),
    ] {
        house(service_of(side), SETTINGS, async |house: House| {
            house.rooms(&entry(
                &format!("{}, nobody", names(0..10).join(", ")),
                "mode: observe",
            ));
            let daemon = house.start();
            daemon
                .until(minutes(1), |status| status.rooms.iter().any(|room| room.add == 1))
                .await;
            let hook = Hook::of(&house, &daemon);
            hook.of_emulator(&house.service, style);
            assert_eq!(reasons(&daemon), [("nobody".to_owned(), "never_seen")].into());
            assert_eq!(
                words(&daemon, "nobody"),
                "not seen here since 2026-11-23T00:00:00Z"
            );

            let room = room_id(1);
            house.service.emulator.offline(&["u1".to_owned()]);
            house.service.emulator.leave(&room, &["u2".to_owned()]);
            kick(&house.service, &room, "u3").await;
            call(&house.service, Http::POST, &format!("{room}/blocks/users/u4"), "").await;
            edit(&house, |room| {
                room.leave("u5");
                room.leave("u6");
                room.leave("u7");
            });
            forge(&hook, "LEAVE", json!({"member": ["u5"], "type": "KICK"}), "alice").await;
            forge(&hook, "LEAVE", json!({"member": ["u7"], "type": "QUIT"}), "u7").await;
            sleep(minutes(3)).await;
            // Only newer servers say whether somebody left or was offline.
            let (old, newer) = (style == WebhookStyle::Old, side == Side::Newer);
            let new_or_old = |new: &'static str| if old { "removed_or_offline" } else { new };
            let mut expected: BTreeMap<String, &str> = [
                ("nobody", "never_seen"),
                (
                    "u1",
                    new_or_old(if newer { "offline" } else { "left_or_offline" }),
                ),
                ("u2", if newer || old { "left" } else { "left_or_offline" }),
                ("u3", new_or_old("removed")),
                ("u4", new_or_old("blocked")),
                ("u5", "removed"),
                ("u6", "gone"),
                ("u7", "left_or_offline"),
            ]
            .map(|(user, reason)| (user.to_owned(), reason))
            .into();
            assert_eq!(reasons(&daemon), expected);
            assert_eq!(
                words(&daemon, "u5"),
                "an event said: was removed by alice; last seen here on 2026-11-23"
            );
            let absence = &absences(&daemon)["u5"];
            assert_eq!(absence.by.as_ref().map(UserId::as_str), Some("alice"));
            assert!(absence.event.is_some());
            assert_eq!(words(&daemon, "u6"), "last seen here on 2026-11-23");
            assert_eq!(
                words(&daemon, "u7"),
                "an event said: left, or was offline for two minutes; last seen here on 2026-11-23"
            );

            // Who is back needs no reason, and an old one does not come back with the next absence.
            edit(&house, |room| {
                room.join("u3");
                room.join("u5");
            });
            sleep(minutes(11)).await;
            for user in ["u3", "u5"] {
                expected.remove(user);
            }
            assert_eq!(reasons(&daemon), expected);
            edit(&house, |room| {
                room.leave("u5");
            });
            sleep(minutes(11)).await;
            expected.insert("u5".to_owned(), "gone");
            assert_eq!(reasons(&daemon), expected);
            assert_eq!(writes(&house.service), 0);

            // Reasons of events end with the process, what looks showed does not.
            daemon.stop().await;
            let daemon = house.start();
            daemon
                .until(minutes(1), |status| status.rooms.iter().any(|room| room.add == 7))
                .await;
            let others = expected.keys().map(|user| (user.clone(), "gone"));
            let mut expected: BTreeMap<String, &str> = others.collect();
            expected.insert("nobody".to_owned(), "never_seen");
            assert_eq!(reasons(&daemon), expected);
            assert_eq!(words(&daemon, "u6"), "last seen here on 2026-11-23");
            daemon.stop().await;
        });
    }
}

#[test]
fn who_comes_and_goes_or_is_set_aside_is_told_with_what_the_event_said() {
    house(service(), SETTINGS, async |house: House| {
        house.service.emulator.edit(|state| {
            state.users = Some(
                [names(0..10), vec!["mia".into(), "boss".into()]]
                    .concat()
                    .into_iter()
                    .collect(),
            );
        });
        house.rooms(&entry(
            &format!("{}, nobody", names(0..10).join(", ")),
            "mode: additive",
        ));
        let daemon = house.start();
        let hook = Hook::of(&house, &daemon);
        hook.of_emulator(&house.service, WebhookStyle::New);
        daemon.until(minutes(1), |status| !status.aside.is_empty()).await;
        for _ in 0..4 {
            kick(&house.service, &room_id(1), "u3").await;
            edit(&house, |room| {
                room.leave("u4");
            });
            sleep(minutes(1)).await;
        }
        let expected = [
            ("nobody", "set_aside"),
            ("u3", "contested"),
            ("u4", "coming_and_going"),
        ];
        assert_eq!(
            reasons(&daemon),
            expected.map(|(user, reason)| (user.to_owned(), reason)).into()
        );
        assert_eq!(
            words(&daemon, "u3"),
            "put out by others as often as they are added; an event said: was removed by a program; last seen here on 2026-11-23"
        );
        assert_eq!(
            words(&daemon, "u4"),
            "put back again and again, and gone again; last seen here on 2026-11-23"
        );
        assert!(words(&daemon, "nobody").starts_with("set aside: "));
        daemon.stop().await;
    });
}

#[test]
fn an_event_that_is_not_true_is_believed_in_nothing() {
    let run = |forged: bool| {
        let mut last = None;
        let settings = format!("audit_log: audit.jsonl\n{SETTINGS}");
        house(service(), &settings, async |house: House| {
            house.rooms(&entry(&names(0..10).join(", "), "absent: ignore"));
            let daemon = house.start();
            let hook = Hook::of(&house, &daemon);
            daemon.until_well(minutes(1)).await;
            if forged {
                let everyone: Vec<String> = [names(0..10), vec!["mia".into(), "boss".into()]].concat();
                for kind in ["KICK", "QUIT", "BLOCK", "DELETE"] {
                    forge(
                        &hook,
                        "LEAVE",
                        json!({"member": everyone, "type": kind}),
                        "mallory",
                    )
                    .await;
                }
                forge(
                    &hook,
                    "JOIN",
                    json!({"member": ["mallory"], "type": "DIRECT"}),
                    "mallory",
                )
                .await;
                forge(
                    &hook,
                    "BLOCK",
                    json!({"member": everyone, "type": "ADD"}),
                    "mallory",
                )
                .await;
            }
            sleep(secs(5)).await;
            assert_eq!(reasons(&daemon), BTreeMap::new());
            // A look shows them, so nobody was recorded as gone; whom no look shows is kept apart.
            let record = record(&house);
            assert!(!record.contains("u1") && !record.contains("mia"), "{record}");
            assert_eq!(record.contains("2026-11-23\nmallory"), forged, "{record}");
            house.rooms(&entry(&names(0..9).join(", "), "absent: ignore"));
            edit(&house, |room| {
                room.leave("u3");
                room.join("stranger");
            });
            sleep(minutes(11)).await;
            let status = daemon.status();
            assert_eq!(status.rooms[0].state, RoomState::InSync);
            let change =
                |line: &serde_json::Value| format!("{} {} {}", line["op"], line["user"], line["result"]);
            let changes: BTreeSet<String> = house.audit().iter().map(change).collect();
            let room = people(&house.service.emulator.state().rooms[&room_id(1)]);
            last = Some((status.rooms[0].not_here, changes, room.members, room.admins));
            daemon.stop().await;
        });
        last.unwrap()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn whoever_was_there_and_is_gone_is_recorded_but_not_whom_we_removed() {
    let settings = "guards: {max_removals_total: 100%}\nsync: {interval: 5m, settle_removals: 0ms}";
    house(service(), settings, async |house: House| {
        // `u8` and `u9` are not in the files yet.
        house.rooms(&entry(&names(0..8).join(", "), "mode: observe"));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                status.rooms.iter().any(|room| room.remove == 2)
            })
            .await;
        assert_eq!(record(&house), "", "everybody is here");
        edit(&house, |room| {
            for user in ["u2", "u9", "mia", "boss"] {
                room.leave(user);
            }
        });
        sleep(minutes(6)).await;
        assert!(
            record(&house).contains("2026-11-23\nmia\nu2\nu9"),
            "{}",
            record(&house)
        );
        assert_eq!(reasons(&daemon).len(), 2);

        // The list is completed by them: what looks showed before counts.
        house.rooms(&entry("u0, u1, u2, u3, u4, u5, u6, u7, u9", "mode: observe"));
        daemon
            .until(minutes(1), |_| reasons(&daemon).contains_key("u9"))
            .await;
        assert_eq!(words(&daemon, "u9"), "last seen here on 2026-11-23");

        // Roomsync removes `u8` itself, and is not surprised.
        let length = record(&house).len();
        house.rooms(&entry("u0, u1, u2, u3, u4, u5, u6, u7, u9", "absent: ignore"));
        daemon.until_well(minutes(2)).await;
        sleep(minutes(11)).await;
        let record = record(&house);
        assert!(!record.contains("u8"), "{record}");
        assert!(record.len() < length + 100);
        daemon.stop().await;
    });
}

#[test]
fn after_thirty_days_nobody_is_remembered() {
    house(service(), SETTINGS, async |house: House| {
        house.rooms(&entry(&names(0..10).join(", "), "mode: observe"));
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                status.rooms.iter().any(|room| room.looked.is_some())
            })
            .await;
        edit(&house, |room| {
            room.leave("u2");
        });
        sleep(minutes(6)).await;
        daemon.stop().await;
        for (days, is_known) in [(30, true), (1, false)] {
            sleep(minutes(60 * 24 * days)).await;
            let daemon = house.start();
            sleep(minutes(12)).await;
            assert_eq!(record(&house).contains("u2"), is_known);
            let reason = if is_known { "gone" } else { "never_seen" };
            assert_eq!(reasons(&daemon), [("u2".to_owned(), reason)].into());
            let message = words(&daemon, "u2");
            assert_eq!(message == "last seen here on 2026-11-23", is_known, "{message}");
            daemon.stop().await;
        }
    });
}

#[test]
fn a_record_that_is_damaged_stops_nothing() {
    house(service(), SETTINGS, async |house: House| {
        house.rooms(&entry(&names(0..10).join(", "), "mode: observe"));
        fs::create_dir(house.state_dir()).unwrap();
        fs::write(house.state_dir().join("seen"), "not what was written").unwrap();
        let daemon = house.start();
        daemon
            .until(minutes(1), |status| {
                status.rooms.iter().any(|room| room.looked.is_some())
            })
            .await;
        assert!(daemon.status().attention.is_empty());
        edit(&house, |room| {
            room.leave("u2");
        });
        sleep(minutes(6)).await;
        assert!(record(&house).contains("u2"));
        assert!(house.state_dir().join("seen.damaged").exists());
        daemon.stop().await;
    });
}
