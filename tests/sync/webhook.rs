//! The webhook: from an event to the look that it asks for, on virtual time. The emulator posts the events, and what the tests forge.

use crate::house::{House, Running, house, minutes, names, refs};
use crate::near;
use crate::service::{Service, room_id, room_of, state};
use axum::body::Body;
use http::{Method as Http, Request};
use md5::{Digest as _, Md5};
use roomsync::chat::Secret;
use roomsync::emulator::{Fault, Webhook, WebhookAnswer, WebhookStyle};
use roomsync::model::RoomId;
use roomsync::web::{FollowedSecrets, WebhookOptions, webhook_router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

const SECRET: &str = "webh00k-secret";
/// A webhook, and looks so rare that none is by chance.
const SETTINGS: &str = "webhook: {secret_file: webhook}\nsync: {interval: 24h, settle_removals: 0ms}";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The receiver of a daemon, as it stands in `roomsync run`.
#[derive(Clone)]
pub(crate) struct Hook {
    router: axum::Router,
    clock: roomsync::clock::Clock,
    made: Arc<AtomicUsize>,
}

impl Hook {
    pub(crate) fn of(house: &House, daemon: &Running) -> Self {
        house.put("webhook", SECRET);
        let secret = Secret::file(house.path("webhook")).unwrap();
        let options = WebhookOptions {
            path: "/hooks/agora".to_owned(),
            secrets: FollowedSecrets::new(vec![secret]),
            app_key: Some("acme#demo".to_owned()),
        };
        Self {
            router: webhook_router(options, Arc::clone(&daemon.intake)),
            clock: house.clock.clone(),
            made: Arc::default(),
        }
    }

    pub(crate) async fn post(&self, body: String) -> u16 {
        let request = Request::post("/hooks/agora").body(Body::from(body)).unwrap();
        self.router
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    /// An event of a room, signed now.
    pub(crate) fn event(&self, room: &RoomId, operation: &str, payload: &Value) -> Value {
        let call_id = format!("acme#demo_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let now = self.clock.now().as_millisecond();
        let digest = Md5::digest(format!("{call_id}{SECRET}{now}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "callId": call_id, "security": hex, "timestamp": now, "payload": payload, "appkey": "acme#demo",
            "id": room.as_str(), "type": "CHATROOM", "event": "group_op_event", "operation": operation,
            "operator": "@ppAdmin",
        })
    }

    async fn left(&self, room: &RoomId, user: &str) {
        let event = self.event(room, "LEAVE", &json!({"member": [user], "type": "KICK"}));
        assert_eq!(self.post(event.to_string()).await, 200);
    }

    /// Has the emulator's events posted here.
    pub(crate) fn of_emulator(&self, service: &Service, style: WebhookStyle) {
        Self::of_all(&[self], service, style);
    }

    /// Has the emulator's events posted to all of these.
    pub(crate) fn of_all(hooks: &[&Self], service: &Service, style: WebhookStyle) {
        let mut webhook = Webhook::parse("http://127.0.0.1:9/", SECRET).unwrap();
        webhook.style = style;
        let poster = service.emulator.webhook(webhook);
        let hooks: Vec<Self> = hooks.iter().map(|hook| (*hook).clone()).collect();
        let post = move |body: String| {
            let hooks = hooks.clone();
            async move {
                let mut status = 200;
                for hook in &hooks {
                    status = hook.post(body.clone()).await.max(status);
                }
                Ok(WebhookAnswer {
                    status,
                    body_bytes: 3,
                })
            }
        };
        tokio::task::spawn_local(poster.run_with(post, std::future::pending()));
    }
}

/// Another program with an app token.
pub(crate) async fn call(service: &Service, method: Http, path: &str, body: &str) {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/acme/demo/chatrooms/{path}", near::BASE))
        .header("host", "127.0.0.1:1")
        .header("authorization", "Bearer secret")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = service.emulator.router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
}

pub(crate) async fn kick(service: &Service, room: &RoomId, user: &str) {
    call(service, Http::DELETE, &format!("{room}/users/{user}"), "").await;
}

fn has(service: &Service, room: &RoomId, user: &str) -> bool {
    service.emulator.state().rooms[room].members().contains(user)
}

/// So many rooms of `boss`, `mia` (an admin) and ten more.
fn rooms(count: usize) -> Service {
    let members = names(0..10);
    Service::new(state(
        (0..count).map(|n| (room_id(n), room_of("boss", &["mia"], &refs(&members)))),
    ))
}

fn files(count: usize) -> String {
    let entry = |n: usize| {
        format!(
            "  - {{id: {}, members: [mia, {}], admins: [mia]}}\n",
            room_id(n).as_str(),
            names(0..10).join(", ")
        )
    };
    format!("rooms:\n{}", (0..count).map(entry).collect::<String>())
}

/// Starts a daemon of these rooms, and waits until all is well.
async fn started(house: &House, count: usize) -> (Running, Hook) {
    house.rooms(&files(count));
    let daemon = house.start();
    let hook = Hook::of(house, &daemon);
    daemon.until_well(minutes(5)).await;
    sleep(secs(5)).await;
    house.service.take_sent();
    (daemon, hook)
}

/// The value of a counter.
fn counter(daemon: &Running, name: &str) -> u64 {
    let text = daemon.metrics.encode(&daemon.source.gauges()).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("roomsync_{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

fn result(daemon: &Running, result: &str) -> u64 {
    counter(daemon, &format!("webhook_events_total{{result=\"{result}\"}}"))
}

/// Reads of details and admin lists, and writes, since the last question.
fn calls(service: &Service) -> [usize; 3] {
    let sent = service.take_sent();
    let writes = sent.iter().filter(|(method, ..)| method != Http::GET).count();
    let admins = sent
        .iter()
        .filter(|(method, path, ..)| method == Http::GET && path.ends_with("/admin"))
        .count();
    [sent.len() - writes - admins, admins, writes]
}

/// Waits until somebody is there; gives how long it took.
async fn back(service: &Service, room: &RoomId, user: &str) -> Duration {
    let begun = Instant::now();
    while !has(service, room, user) {
        assert!(begun.elapsed() < minutes(1), "{user} is not back in {room}");
        sleep(ms(5)).await;
    }
    begun.elapsed()
}

#[test]
fn whoever_is_kicked_is_back_within_two_seconds_in_both_forms() {
    for style in [WebhookStyle::New, WebhookStyle::Old] {
        house(rooms(300).taking(ms(20)), SETTINGS, async |house: House| {
            let (daemon, hook) = started(&house, 300).await;
            hook.of_emulator(&house.service, style);
            let mut took = Vec::new();
            for n in 0..300 {
                kick(&house.service, &room_id(n), "u3").await;
                took.push(back(&house.service, &room_id(n), "u3").await);
            }
            took.sort_unstable();
            println!("{style:?}: median {:?}, the slowest {:?}", took[150], took[299]);
            assert!(took[299] < secs(2), "{:?}", took[299]);
            assert_eq!(daemon.status().rooms.len(), 300);
            daemon.stop().await;
        });
    }
}

#[test]
fn a_thousand_kicks_at_once_are_ten_looks() {
    house(rooms(1_000), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 1_000).await;
        hook.of_emulator(&house.service, WebhookStyle::New);
        let begun = Instant::now();
        house.service.emulator.edit(|state| {
            for room in state.rooms.values_mut() {
                room.leave("u3");
            }
        });
        for n in 0..1_000 {
            hook.left(&room_id(n), "u3").await;
        }
        let all_are_back = || {
            let state = house.service.emulator.state();
            state.rooms.values().all(|room| room.members().contains("u3"))
        };
        while !all_are_back() {
            assert!(begun.elapsed() < minutes(1));
            sleep(ms(100)).await;
        }
        println!("1,000 kicks at once: {:?}", begun.elapsed());
        assert!(begun.elapsed() < secs(25), "{:?}", begun.elapsed());
        let [details, admins, writes] = calls(&house.service);
        // A look a hundred rooms, and one after the changes.
        assert_eq!((admins, writes), (0, 1_000));
        assert!((10..=45).contains(&details), "{details}");
        sleep(minutes(10)).await;
        assert_eq!(result(&daemon, "look"), 1_000);
        assert_eq!(result(&daemon, "own_change"), 1_000);
        assert_eq!(counter(&daemon, "webhook_looks_total"), 1_000);
        assert_eq!(calls(&house.service)[2], 0);
        daemon.stop().await;
    });
}

#[test]
fn ten_thousand_events_for_one_room_are_a_look_every_two_seconds() {
    house(rooms(3), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 3).await;
        let begun = Instant::now();
        let mut before = 0;
        for n in 0..10_000_u64 {
            let room = room_id(1);
            let event = match n % 3 {
                0 => hook.event(&room, "JOIN", &json!({"member": ["stranger"], "type": "DIRECT"})),
                _ => hook.event(&room, "LEAVE", &json!({"member": ["stranger"], "type": "QUIT"})),
            };
            assert_eq!(hook.post(event.to_string()).await, 200);
            if n % 1_000 == 999 {
                sleep(secs(1)).await;
                let looks = counter(&daemon, "webhook_looks_total");
                assert!(
                    looks <= 1 + begun.elapsed().as_secs() / 2,
                    "{looks} after {:?}",
                    begun.elapsed()
                );
                assert!(looks >= before);
                before = looks;
            }
        }
        sleep(minutes(1)).await;
        assert_eq!(counter(&daemon, "webhook_looks_total"), 6);
        assert_eq!(result(&daemon, "look") + result(&daemon, "lost"), 10_000);
        assert_eq!(
            calls(&house.service),
            [6, 0, 0],
            "a call a look, and nothing else"
        );
        daemon.stop().await;
    });
}

#[test]
fn what_is_forged_replayed_stale_or_elsewhere_is_no_look() {
    house(rooms(3), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 3).await;
        let event = |room: &RoomId| hook.event(room, "LEAVE", &json!({"member": ["u1"], "type": "KICK"}));
        let good = event(&room_id(0));
        assert_eq!(hook.post(good.to_string()).await, 200);
        sleep(secs(5)).await;
        assert_eq!(calls(&house.service), [1, 0, 0]);
        for _ in 0..1_000 {
            // Posted again with another room: the digest does not cover it, the id does.
            let mut replayed = good.clone();
            replayed["id"] = room_id(1).as_str().into();
            assert_eq!(hook.post(replayed.to_string()).await, 200);
            let mut forged = event(&room_id(1));
            forged["callId"] = "acme#demo_x".into();
            assert_eq!(hook.post(forged.to_string()).await, 401);
        }
        let stale = event(&room_id(1));
        sleep(minutes(6)).await;
        assert_eq!(hook.post(stale.to_string()).await, 200);
        for (operation, room) in [("LEAVE", room_id(77)), ("WHITE", room_id(1))] {
            let event = hook.event(&room, operation, &json!({"member": ["u1"], "type": "ADD"}));
            assert_eq!(hook.post(event.to_string()).await, 200);
        }
        sleep(minutes(1)).await;
        assert_eq!(calls(&house.service), [0, 0, 0]);
        let counted = ["look", "repeated", "forged", "stale", "not_managed", "irrelevant"];
        assert_eq!(
            counted.map(|name| result(&daemon, name)),
            [1, 1_000, 1_000, 1, 1, 1]
        );
        daemon.stop().await;
    });
}

#[test]
fn events_of_our_own_changes_are_no_look_and_those_of_others_with_an_app_token_are() {
    let settings = "webhook: {secret_file: webhook}\nsync: {interval: 24h, settle_removals: 2s}";
    for style in [WebhookStyle::New, WebhookStyle::Old] {
        house(rooms(50), settings, async |house: House| {
            let (daemon, hook) = started(&house, 50).await;
            hook.of_emulator(&house.service, style);
            // Somebody more for every room, somebody less, and another admin.
            let text = files(50)
                .replace("[mia, u0,", "[mia, new, ")
                .replace("admins: [mia]", "admins: [mia, u1]");
            house.rooms(&text);
            daemon
                .until(minutes(2), |_| {
                    let state = house.service.emulator.state();
                    let done = |room: &roomsync::emulator::Room| {
                        let members = room.members();
                        members.contains("new") && !members.contains("u0") && room.admins().contains("u1")
                    };
                    state.rooms.values().all(done)
                })
                .await;
            sleep(secs(50)).await;
            assert_eq!(counter(&daemon, "webhook_looks_total"), 0);
            assert_eq!(result(&daemon, "look"), 0);
            let own = result(&daemon, "own_change");
            assert!(own >= 150, "{own}");

            // Another program puts the old one back, and removes the new one: neither is ours.
            call(
                &house.service,
                Http::POST,
                &format!("{}/users/u0", room_id(3)),
                "",
            )
            .await;
            kick(&house.service, &room_id(4), "new").await;
            back(&house.service, &room_id(4), "new").await;
            daemon
                .until(secs(5), |_| !has(&house.service, &room_id(3), "u0"))
                .await;
            assert!(counter(&daemon, "webhook_looks_total") >= 2);
            daemon.stop().await;
        });
    }
}

#[test]
fn an_events_change_that_failed_is_not_our_own() {
    house(rooms(1), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 1).await;
        let fault = house
            .service
            .emulator
            .add_fault(Fault::parse("writes:500").unwrap());
        house.rooms(&files(1).replace("u9", "u8"));
        sleep(secs(30)).await;
        assert!(has(&house.service, &room_id(0), "u9"));
        let before = counter(&daemon, "webhook_looks_total");
        hook.left(&room_id(0), "u9").await;
        sleep(ms(100)).await;
        assert_eq!(result(&daemon, "own_change"), 0);
        assert_eq!(result(&daemon, "look"), 1);
        // A room that fails comes back on its own, no sooner for events.
        assert_eq!(counter(&daemon, "webhook_looks_total"), before);
        house.service.emulator.remove_fault(fault.id);
        daemon.stop().await;
    });
}

/// 60 rooms, of which each pass reads 20 admin lists.
#[test]
fn admin_lists_are_read_where_an_event_speaks_of_admins() {
    let settings = "webhook: {secret_file: webhook}\nlimits: {calls_per_second: {default: 50, list_admins: 1}}\n\
                    sync: {interval: 60s, settle_removals: 0ms}";
    house(rooms(60), settings, async |house: House| {
        let (daemon, hook) = started(&house, 60).await;
        sleep(minutes(20)).await;
        daemon
            .until(minutes(2), |status| status.passes.running_since.is_none())
            .await;
        house.service.take_sent();
        hook.left(&room_id(1), "stranger").await;
        sleep(secs(1)).await;
        assert_eq!(calls(&house.service), [1, 0, 0], "members only");
        let demoted = hook.event(&room_id(2), "ADMIN", &json!({"admin": ["mia"], "type": "REMOVE"}));
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(2)).unwrap().demote("mia");
        });
        assert_eq!(hook.post(demoted.to_string()).await, 200);
        sleep(secs(1)).await;
        let sent = house.service.take_sent();
        let [list] = sent
            .iter()
            .filter(|(method, path, ..)| method == Http::GET && path.ends_with("/admin"))
            .collect::<Vec<_>>()[..]
        else {
            panic!("{sent:?}")
        };
        assert!(list.1.contains(room_id(2).as_str()));
        assert!(
            house.service.emulator.state().rooms[&room_id(2)]
                .admins()
                .contains("mia")
        );
        daemon.stop().await;
    });
}

#[test]
fn no_second_has_more_than_twenty_calls_for_events() {
    // Each room needs a page of its own.
    house(rooms(200).showing(3), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 200).await;
        for n in 0..200 {
            let event = hook.event(&room_id(n), "ADMIN", &json!({"admin": ["u1"], "type": "ADD"}));
            assert_eq!(hook.post(event.to_string()).await, 200);
        }
        let mut made = Vec::new();
        for _ in 0..400 {
            sleep(ms(100)).await;
            let [details, admins, writes] = calls(&house.service);
            assert_eq!(writes, 0);
            made.push(details + admins);
        }
        let most = made.windows(9).map(|second| second.iter().sum::<usize>()).max();
        assert!(most.unwrap() <= 20, "{made:?}");
        // Two lists a room, and a detail a batch.
        assert!((400..=500).contains(&made.iter().sum::<usize>()), "{made:?}");
        assert_eq!(counter(&daemon, "webhook_looks_total"), 200);
        daemon.stop().await;
    });
}

#[test]
fn while_the_service_is_away_events_wait_and_nothing_spins() {
    let away = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&away);
    let service = rooms(5).with_fault(move |_, _, _| {
        switch
            .load(Ordering::Relaxed)
            .then_some(crate::service::Reply::Unreachable)
    });
    house(service, SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 5).await;
        away.store(true, Ordering::Relaxed);
        hook.left(&room_id(1), "u1").await;
        daemon
            .until(minutes(1), |status| status.service.trouble.is_some())
            .await;
        house.service.emulator.edit(|state| {
            state.rooms.get_mut(&room_id(2)).unwrap().leave("u2");
        });
        hook.left(&room_id(2), "u2").await;
        sleep(minutes(10)).await;
        let tries = house.service.take_sent().len();
        assert!(tries < 100, "{tries}");
        away.store(false, Ordering::Relaxed);
        daemon
            .until(minutes(6), |_| has(&house.service, &room_id(2), "u2"))
            .await;
        daemon.stop().await;
    });
}

#[test]
fn before_the_first_look_at_all_rooms_events_wait() {
    house(rooms(5).taking(secs(2)), SETTINGS, async |house: House| {
        house.rooms(&files(5));
        let daemon = house.start();
        let hook = Hook::of(&house, &daemon);
        daemon.until(minutes(1), |status| status.rooms.len() == 5).await;
        hook.left(&room_id(1), "u1").await;
        hook.left(&room_id(1), "u1").await;
        sleep(secs(1)).await;
        assert_eq!(counter(&daemon, "webhook_looks_total"), 0);
        daemon.until_well(minutes(1)).await;
        sleep(secs(10)).await;
        assert_eq!(counter(&daemon, "webhook_looks_total"), 1);
        daemon.stop().await;
    });
}

/// What is lost is found at the next interval.
#[test]
fn an_event_that_is_lost_costs_an_interval() {
    let settings = "webhook: {secret_file: webhook}\nsync: {interval: 5m, settle_removals: 0ms}";
    house(rooms(2), settings, async |house: House| {
        let (daemon, hook) = started(&house, 2).await;
        hook.of_emulator(&house.service, WebhookStyle::New);
        house
            .service
            .emulator
            .add_fault(Fault::parse("events:lost").unwrap());
        kick(&house.service, &room_id(0), "u1").await;
        sleep(minutes(1)).await;
        assert!(!has(&house.service, &room_id(0), "u1"));
        daemon
            .until(minutes(6), |_| has(&house.service, &room_id(0), "u1"))
            .await;
        daemon.stop().await;
    });
}

#[test]
fn a_webhook_that_refuses_everything_needs_attention() {
    house(rooms(1), SETTINGS, async |house: House| {
        let (daemon, hook) = started(&house, 1).await;
        house.put("webhook", "an0ther-secret");
        sleep(secs(2)).await;
        for _ in 0..3 {
            let event = hook.event(&room_id(0), "LEAVE", &json!({"member": ["u1"], "type": "KICK"}));
            assert_eq!(hook.post(event.to_string()).await, 401);
        }
        let status = daemon.status();
        let [item] = &status.attention[..] else {
            panic!("{:?}", status.attention)
        };
        assert_eq!(item.code, "webhook");
        assert!(item.message.contains("`webhook.secret_file`"), "{}", item.message);
        assert!(!item.message.contains("an0ther-secret"));
        house.put("webhook", SECRET);
        sleep(secs(2)).await;
        hook.left(&room_id(0), "u1").await;
        assert!(daemon.status().attention.is_empty());

        // Other settings than those it was started with.
        let settings = std::fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        house.put(
            "roomsync.yaml",
            &settings.replace("webhook: {", "webhook: {path: /other, "),
        );
        daemon.tell(roomsync::daemon::Command::Reload).await;
        daemon
            .until(secs(5), |status| {
                status.attention.iter().any(|item| item.code == "webhook")
            })
            .await;
        assert!(daemon.status().attention[0].message.contains("restart"));
        daemon.stop().await;
    });
}
