//! Answers to people, probes and Prometheus.

use super::place::{Place, ROOM, until};
use roomsync::model::RoomId;

#[test]
fn on_loopback_everything_is_served() {
    let place = Place::new();
    let daemon = place.ready();
    assert_eq!(daemon.get("/livez"), (200, "ok\n".to_owned()));
    assert_eq!(daemon.get("/readyz"), (200, "ok\n".to_owned()));
    let (status, metrics) = daemon.get("/metrics");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("roomsync_build_info") && metrics.contains("# TYPE"),
        "{metrics}"
    );
    let status = daemon.status();
    assert_eq!(status["files"]["rooms"], 1);
    assert_eq!(status["rooms"][0]["state"], "in_sync", "{status}");
    let (status, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("<html"), "{page}");
    let (status, room) = daemon.get(&format!("/api/rooms/{ROOM}"));
    assert_eq!(status, 200, "{room}");
}

#[test]
fn on_an_address_that_others_reach_the_page_is_hidden_unless_asked_for() {
    let place = Place::new();
    place.settings("listen: 0.0.0.0:0\n");
    let daemon = place.ready();
    for path in ["/", "/api/status", &format!("/api/rooms/{ROOM}")] {
        assert_eq!(daemon.get(path).0, 404, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(daemon.get(path).0, 200, "{path}");
    }
    drop(daemon);
    place.settings("listen: 0.0.0.0:0\nstatus_page: true\n");
    let daemon = place.ready();
    assert_eq!(daemon.get("/api/status").0, 200);
}

#[test]
fn a_look_at_all_rooms_is_for_whoever_has_the_token() {
    let place = Place::new();
    let daemon = place.ready();
    assert_eq!(
        daemon.ask("POST", "/-/reconcile", "").0,
        403,
        "nobody may where no token is set"
    );
    drop(daemon);
    let daemon = place.start_with(&[("ROOMSYNC_ADMIN_TOKEN", "open-sesame-123456")]);
    daemon.until("ready", |daemon| daemon.get("/readyz").0 == 200);
    daemon.until("at rest", |daemon| {
        daemon.status()["passes"]["running_since"].is_null()
    });
    place.emulator.edit(|state| {
        state
            .rooms
            .get_mut(&RoomId::parse(ROOM).unwrap())
            .unwrap()
            .leave("b");
    });
    assert_eq!(daemon.ask("POST", "/-/reconcile", "").0, 401);
    let wrong = "Authorization: Bearer open-sesame-123457\r\n";
    assert_eq!(daemon.ask("POST", "/-/reconcile", wrong).0, 401);
    assert!(!place.has("b"));
    let right = "Authorization: Bearer open-sesame-123456\r\n";
    assert_eq!(daemon.ask("POST", "/-/reconcile", right).0, 202);
    until("put back", || place.has("b"));
    assert!(!daemon.log().contains("open-sesame"));
}

#[test]
fn the_token_of_whoever_gives_orders_is_the_one_that_its_file_has_now() {
    let place = Place::new();
    place.write("orders", "open-sesame-123456\n");
    place.settings("admin_token_file: orders");
    let daemon = place.ready();
    let ask = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        daemon.ask("POST", "/-/reconcile", &header).0
    };
    assert_eq!(
        (ask("open-sesame-123456"), ask("close-sesame-654321")),
        (202, 401)
    );
    place.replace("orders", "close-sesame-654321\n");
    until("the new token is good", || ask("close-sesame-654321") == 202);
    assert_eq!(ask("open-sesame-123456"), 401);
    let log = daemon.log();
    assert!(
        !log.contains("open-sesame") && !log.contains("close-sesame"),
        "{log}"
    );
    // One that is named has to be there.
    drop(daemon);
    std::fs::remove_file(place.path("orders")).unwrap();
    let output = place.run(&["run"]);
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("`admin_token_file`: there is no such file"),
        "{said}"
    );
}
