//! Changes that others undo: a second daemon with other files, and strangers who come back, on virtual time.

use crate::house::{House, Running, house, id, minutes, one_room, room_text, writes};
use crate::service::{Service, room_id, room_of, state};
use crate::webhook::Hook;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use roomsync::emulator::{Room, WebhookStyle};
use roomsync::model::Op;
use roomsync::status::RoomState;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

const WEBHOOK: &str = "webhook: {secret_file: webhook}";
/// Guards that let a small room be fought over.
const GUARDS: &str = "guards: {max_removals: 100%, max_demotions: 100%, max_removals_total: 100%}\nsync: {interval: 5m, settle_removals: 0ms}";

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

fn entry(admins: &str, members: &str) -> String {
    format!(
        "rooms:\n  - {{id: {}, admins: [{admins}], members: [{members}]}}\n",
        room_id(1).as_str()
    )
}

/// A room of `boss`, in which `omar` is an admin.
fn room() -> Service {
    let room = room_of("boss", &["omar"], &["u0", "u1", "u2", "u3"]);
    Service::new(state([(room_id(1), room)])).taking(Duration::from_millis(20))
}

fn people(service: &Service) -> (BTreeSet<String>, BTreeSet<String>) {
    let people = crate::service::people(&service.emulator.state().rooms[&room_id(1)]);
    (people.members, people.admins)
}

/// Who is contested, and in what.
fn contested(daemon: &Running) -> Vec<(String, Op)> {
    let contested = daemon.status().contested.into_iter();
    contested.map(|who| (who.user.to_string(), who.op)).collect()
}

fn gauge(daemon: &Running, name: &str) -> String {
    let text = daemon.metrics.encode(&daemon.source.gauges()).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("roomsync_{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// True if every room is as wanted, and nothing needs attention.
fn is_well(daemon: &Running) -> bool {
    let status = daemon.status();
    status.attention.is_empty() && status.rooms.iter().all(|room| room.state == RoomState::InSync)
}

/// Write calls of both in each hour.
async fn writes_each_hour(houses: [&House; 2], hours: usize) -> Vec<usize> {
    let mut each = Vec::new();
    for _ in 0..hours {
        sleep(minutes(60)).await;
        each.push(houses.iter().map(|house| writes(&house.service)).sum());
    }
    each
}

/// Two daemons over some hours: one wants `mia` as an admin and `extra` as a member, the other neither. Gives the write calls of each hour.
fn two_daemons(webhooks: Option<WebhookStyle>, hours: usize) -> Vec<usize> {
    let mut each = Vec::new();
    let settings = match webhooks {
        Some(_) => format!("{WEBHOOK}\n{GUARDS}"),
        None => GUARDS.to_owned(),
    };
    house(room(), &settings, async |one: House| {
        let mut other = one.beside(&settings);
        other.service = other.service.taking(Duration::from_millis(20));
        one.rooms(&entry("omar, mia", "omar, mia, extra, u0, u1, u2, u3"));
        other.rooms(&entry("omar", "omar, u0, u1, u2, u3"));
        let (a, b) = (one.start(), other.start());
        if let Some(style) = webhooks {
            let hooks = [Hook::of(&one, &a), Hook::of(&other, &b)];
            Hook::of_all(&[&hooks[0], &hooks[1]], &one.service, style);
        }
        each = writes_each_hour([&one, &other], 2).await;
        let known = contested(&a);
        println!("{webhooks:?}: contested {known:?}");
        assert!(known.contains(&("mia".to_owned(), Op::Add)), "{known:?}");
        // Without an event nothing says that somebody put `extra` out.
        let is_said = webhooks == Some(WebhookStyle::New);
        assert_eq!(
            known.contains(&("extra".to_owned(), Op::Add)),
            is_said,
            "{known:?}"
        );
        let status = a.status();
        let item = status
            .attention
            .iter()
            .find(|item| item.code == "contested")
            .unwrap();
        assert!(item.message.contains("mia"), "{item:?}");
        assert_eq!(status.rooms[0].state, RoomState::Incomplete);
        assert!(status.rooms[0].missing.contested.to_string().contains("mia"));
        assert_ne!(gauge(&a, "people_contested"), "0");
        let back = b.status().comes_back;
        assert!(back.iter().any(|who| who.user.as_str() == "mia"), "{back:?}");
        assert_ne!(gauge(&b, "people_coming_back"), "0");
        each.extend(writes_each_hour([&one, &other], hours - 2).await);
        let (members, admins) = people(&one.service);
        assert_eq!(admins, ["omar".to_owned()].into());
        assert!(!members.contains("mia"));

        // The second writer goes.
        b.stop().await;
        one.rooms(&format!(
            "# Ours.\n{}",
            entry("omar, mia", "omar, mia, extra, u0, u1, u2, u3")
        ));
        a.until(minutes(1), |_| people(&one.service).1.contains("mia"))
            .await;
        assert!(contested(&a).is_empty());
        a.stop().await;
    });
    println!("{webhooks:?}: writes each hour {each:?}");
    each
}

#[test]
fn two_daemons_with_other_files_stop_undoing_each_other() {
    let each = two_daemons(None, 25);
    assert!(
        each[0] < 20 && each[1..24].iter().sum::<usize>() <= 30,
        "{each:?}"
    );
    assert!(
        (6..20).contains(&each[24]),
        "a day later they are tried again: {each:?}"
    );
}

#[test]
fn with_webhooks_they_stop_too() {
    for (style, hours) in [(WebhookStyle::New, 25), (WebhookStyle::Old, 3)] {
        let each = two_daemons(Some(style), hours);
        assert!(
            each[0] < 20 && each[1..].iter().take(23).sum::<usize>() <= 30,
            "{each:?}"
        );
    }
}

/// What others do between two looks.
fn edit(house: &House, change: impl FnOnce(&mut Room)) {
    let room = room_id(1);
    house
        .service
        .emulator
        .edit(|state| change(state.rooms.get_mut(&room).unwrap()));
}

/// Waits until `mia` is an admin and that was seen, and has others demote her.
async fn demoted(house: &House, daemon: &Running) {
    daemon
        .until(minutes(7), |_| people(&house.service).1.contains("mia"))
        .await;
    sleep(Duration::from_secs(5)).await;
    demote(house);
}

fn demote(house: &House) {
    edit(house, |room| {
        room.demote("mia");
    });
}

#[test]
fn a_restart_does_not_free_and_a_changed_file_does() {
    house(room(), GUARDS, async |house: House| {
        let text = entry("omar, mia", "omar, mia, u0, u1, u2, u3");
        house.rooms(&text);
        let daemon = house.start();
        let is_admin = || people(&house.service).1.contains("mia");
        for _ in 0..3 {
            demoted(&house, &daemon).await;
        }
        daemon.until(minutes(7), |_| !contested(&daemon).is_empty()).await;
        assert_eq!(contested(&daemon), [("mia".to_owned(), Op::Promote)]);
        // As a member she is put back all the same.
        edit(&house, |room| {
            room.leave("mia");
        });
        daemon
            .until(minutes(7), |_| people(&house.service).0.contains("mia"))
            .await;
        let until = daemon.status().contested[0].until;
        daemon.stop().await;

        let daemon = house.start();
        sleep(minutes(30)).await;
        assert!(!is_admin());
        assert_eq!(daemon.status().contested[0].until, until);
        daemon.kill().await;
        let daemon = house.start();
        sleep(minutes(30)).await;
        assert!(!is_admin() && contested(&daemon).len() == 1);
        house.rooms(&format!("# Agreed with the others.\n{text}"));
        daemon.until(minutes(1), |_| is_admin()).await;
        daemon.until_well(minutes(7)).await;
        daemon.stop().await;
    });
}

#[test]
fn whoever_is_back_by_the_doing_of_others_is_free() {
    house(room(), GUARDS, async |house: House| {
        house.rooms(&entry("omar, mia", "omar, mia, u0, u1, u2, u3"));
        let daemon = house.start();
        for _ in 0..3 {
            demoted(&house, &daemon).await;
        }
        daemon.until(minutes(7), |_| !contested(&daemon).is_empty()).await;
        edit(&house, |room| {
            room.promote("mia");
        });
        daemon.until_well(minutes(7)).await;
        assert!(contested(&daemon).is_empty());
        daemon.stop().await;
    });
}

#[test]
fn while_the_wanted_admins_are_contested_nobody_else_is_demoted() {
    house(room(), GUARDS, async |house: House| {
        // Nobody else is wanted as an admin.
        house.rooms(&entry("mia", "omar, mia, u0, u1, u2, u3"));
        let daemon = house.start();
        for _ in 0..3 {
            daemon
                .until(minutes(7), |_| {
                    people(&house.service).1 == ["mia".to_owned()].into()
                })
                .await;
            sleep(Duration::from_secs(5)).await;
            edit(&house, |room| {
                room.promote("omar");
                room.demote("mia");
            });
        }
        daemon.until(minutes(7), |_| !contested(&daemon).is_empty()).await;
        assert_eq!(contested(&daemon), [("mia".to_owned(), Op::Promote)]);
        for _ in 0..50 {
            sleep(minutes(5)).await;
            assert_eq!(people(&house.service).1, ["omar".to_owned()].into());
        }
        daemon.stop().await;
    });
}

#[test]
fn a_stranger_who_rejoins_after_each_removal_is_removed_at_each_look() {
    house(
        one_room(&["u0".to_owned(), "u1".to_owned()]),
        GUARDS,
        async |house: House| {
            house.rooms(&room_text(&id(), ["u0".to_owned(), "u1".to_owned()]));
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            let mut removals = 0;
            let mut named_after = None;
            for _ in 0..24 * 60 {
                let is_here = people(&house.service).0.contains("stranger");
                if !is_here {
                    edit(&house, |room| {
                        room.join("stranger");
                    });
                    removals += 1;
                }
                if named_after.is_none() && !daemon.status().comes_back.is_empty() {
                    named_after = Some(removals - 1);
                }
                sleep(minutes(1)).await;
            }
            let looks = 24 * 60 / 5;
            println!("a day: about {looks} looks, {removals} removals, named after {named_after:?}");
            // One a look of each 5 minutes, give or take a tenth and the minute of this test.
            assert!(
                (looks * 8 / 10..=looks * 11 / 10).contains(&removals),
                "{removals}"
            );
            assert_eq!(named_after, Some(3));
            assert_eq!(gauge(&daemon, "people_coming_back"), "1");
            assert!(contested(&daemon).is_empty());
            // Once the stranger stays away for a day, nobody is named.
            edit(&house, |room| {
                room.leave("stranger");
            });
            sleep(hours(25)).await;
            assert!(daemon.status().comes_back.is_empty());
            daemon.until_well(minutes(1)).await;
            daemon.stop().await;
        },
    );
}

/// What others do.
#[derive(Debug, Clone, Copy)]
enum Other {
    Demote,
    Remove,
    Promote,
    Stranger,
    Restart,
    Wait(u64),
}

fn others() -> impl Strategy<Value = Vec<Other>> {
    let other = prop_oneof![
        4 => Just(Other::Demote),
        2 => Just(Other::Remove),
        1 => Just(Other::Promote),
        2 => Just(Other::Stranger),
        1 => Just(Other::Restart),
        6 => (1..12_u64).prop_map(Other::Wait),
    ];
    prop::collection::vec(other, 1..60)
}

/// Whatever others do, nobody whom the files want is removed or demoted by us, and a day after it ends the room is as wanted.
#[test]
fn whatever_others_do_the_room_is_as_wanted_a_day_later() {
    let mut runner = TestRunner::new(Config {
        // A day of each takes some seconds.
        cases: 3,
        source_file: Some(file!()),
        ..Config::default()
    });
    let run = runner.run(&others(), |events| {
        let settings = format!("audit_log: audit.jsonl\n{GUARDS}");
        house(room(), &settings, async |house: House| {
            house.rooms(&entry("omar, mia", "omar, mia, u0, u1, u2, u3"));
            let mut daemon = house.start();
            daemon.until_well(minutes(7)).await;
            for event in &events {
                match event {
                    Other::Demote => demote(&house),
                    Other::Remove => edit(&house, |room| {
                        room.leave("mia");
                    }),
                    Other::Promote => edit(&house, |room| {
                        room.join("mia");
                        room.promote("mia");
                    }),
                    Other::Stranger => edit(&house, |room| {
                        room.join("stranger");
                    }),
                    Other::Restart => {
                        daemon.stop().await;
                        daemon = house.start();
                    }
                    Other::Wait(units) => sleep(minutes(*units)).await,
                }
                assert!(people(&house.service).1.contains("omar"));
            }
            sleep(hours(26)).await;
            assert!(is_well(&daemon), "{:#?}", daemon.status());
            assert!(people(&house.service).1.contains("mia"));
            let taken: BTreeSet<String> = house
                .audit()
                .iter()
                .filter(|line| ["remove", "demote"].contains(&line["op"].as_str().unwrap()))
                .map(|line| line["user"].as_str().unwrap().to_owned())
                .collect();
            assert!(taken.iter().all(|user| user == "stranger"), "{taken:?}");
            daemon.stop().await;
        });
        Ok(())
    });
    run.unwrap();
}
