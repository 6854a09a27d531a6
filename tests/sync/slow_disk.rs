//! A disk that takes seconds for an fsync keeps back the writes that depend on it, and nothing else.

use super::house::{House, house, id, members, minutes, names, one_room, refs, room_text, writes};
use super::service::{Service, people, room_id, room_of, state};
use axum::body::Body;
use http::header::HOST;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use roomsync::daemon::Fsync;
use roomsync::web::{Metrics, Options, router};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, timeout};
use tower::ServiceExt as _;

/// Syncs nothing while it is shut.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn fsync(&self) -> Fsync {
        let gate = Arc::clone(&self.0);
        Fsync::by(move |file| {
            let shut = gate.0.lock().unwrap();
            drop(gate.1.wait_while(shut, |shut| *shut).unwrap());
            file.sync_all()
        })
    }

    fn shut(&self, shut: bool) {
        *self.0.0.lock().unwrap() = shut;
        self.0.1.notify_all();
    }
}

/// The disk's thread would wait for ever after a test that fails.
impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shut(false);
        }
    }
}

#[test]
fn an_fsync_of_6_seconds_keeps_back_removals_and_nothing_else() {
    let folder: Arc<OnceLock<PathBuf>> = Arc::default();
    let seen_in = Arc::clone(&folder);
    let service = one_room(&names(0..9)).with_fault(move |_, request, _| {
        if request.method == Method::DELETE {
            let read = |name: &str| fs::read_to_string(seen_in.get().unwrap().join(name)).unwrap();
            assert!(
                read(".roomsync/state.json").contains("\"u8\""),
                "sent before it counts"
            );
            assert!(read("audit.jsonl").contains("\"event\":\"pass\""));
        }
        None
    });
    house(service, "audit_log: audit.jsonl", async |mut house: House| {
        folder.set(house.path("")).unwrap();
        let gate = Gate::default();
        house.fsync = gate.fsync();
        house.rooms(&room_text(&id(), names(0..9)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        writes(&house.service);
        let options = Options {
            page: true,
            ..Options::default()
        };
        let web = router(
            Arc::clone(&daemon.source),
            Arc::clone(&daemon.control),
            Metrics::new("0", [], Timestamp::UNIX_EPOCH),
            options,
        );
        gate.shut(true);
        house.rooms(&room_text(&id(), names(0..8)));
        let begun = Instant::now();
        let mut is_shown = false;
        // Time stands still while a disk is waited for, so the test moves it.
        while begun.elapsed() < Duration::from_secs(34) {
            advance(Duration::from_millis(100)).await;
            std::thread::sleep(Duration::from_millis(1));
            for path in ["/livez", "/api/status"] {
                let request = Request::get(path).header(HOST, "localhost");
                let request = request.body(Body::empty()).unwrap();
                let asked = std::time::Instant::now();
                let answer = timeout(Duration::from_secs(1), web.clone().oneshot(request)).await;
                assert_eq!(answer.unwrap().unwrap().status(), StatusCode::OK, "{path}");
                assert!(asked.elapsed() < Duration::from_secs(1), "{path}");
            }
            is_shown |= daemon.status().rooms.first().unwrap().remove == 1;
        }
        assert!(
            is_shown,
            "the plan is shown while the disk works: {:#?}",
            daemon.status()
        );
        assert_eq!(writes(&house.service), 0);
        assert!(members(&house.service).contains("u8"));
        gate.shut(false);
        daemon.until_well(minutes(1)).await;
        assert!(!members(&house.service).contains("u8"));
        daemon.stop().await;
    });
}

/// Moves the time, which stands still while a disk is waited for.
async fn pass_time(seconds: u64) {
    for _ in 0..10 * seconds {
        advance(Duration::from_millis(100)).await;
        std::thread::sleep(Duration::from_millis(1));
        for _ in 0..10 {
            yield_now().await;
        }
    }
}

#[test]
fn passes_that_wait_for_the_disk_share_the_budget_of_all_rooms() {
    let all = names(0..9);
    let rooms = (1..=2).map(|number| (room_id(number), room_of("alice", &[], &refs(&all))));
    let service = Service::new(state(rooms));
    house(
        service,
        "guards: {max_removals_total: 1}",
        async |mut house: House| {
            let gate = Gate::default();
            house.fsync = gate.fsync();
            let put = |number: usize, left: usize| {
                let text = room_text(&room_id(number).to_string(), names(0..left));
                house.put(&format!("rooms/{number}.yaml"), &text);
            };
            put(1, 9);
            put(2, 9);
            let daemon = house.start();
            daemon.until_well(minutes(1)).await;
            gate.shut(true);
            put(1, 8);
            pass_time(10).await;
            put(2, 8);
            pass_time(10).await;
            assert_eq!(writes(&house.service), 0);
            gate.shut(false);
            sleep(Duration::from_secs(20)).await;
            let state = house.service.emulator.state();
            let is_in = |number: usize| people(&state.rooms[&room_id(number)]).members.contains("u8");
            assert_eq!((is_in(1), is_in(2)), (false, true));
            daemon.stop().await;
        },
    );
}

/// While an add waits for the disk, the files settle and a removal is due: that need not wait for the next look at all rooms.
#[test]
fn files_that_settle_while_a_pass_waits_for_the_disk_are_followed_after_it() {
    let service = one_room(&names(0..3)).taking(Duration::from_secs(3));
    let settings = "sync: {settle_removals: 20s}";
    house(service, settings, async |mut house: House| {
        let gate = Gate::default();
        house.fsync = gate.fsync();
        house.rooms(&room_text(&id(), names(0..3)));
        let daemon = house.start();
        daemon.until_well(minutes(1)).await;
        sleep(minutes(1)).await;
        writes(&house.service);
        gate.shut(true);
        let wanted = ["u0", "u1", "u3"].map(str::to_owned);
        house.rooms(&room_text(&id(), wanted.clone()));
        for unsettled in [true, false] {
            while daemon.status().pending.is_some() != unsettled {
                pass_time(1).await;
            }
        }
        // A look that the settled files ask for would go on now, while the pass goes on to its calls.
        assert_eq!(writes(&house.service), 0);
        gate.shut(false);
        daemon
            .until(minutes(1), |_| members(&house.service) == wanted.clone().into())
            .await;
        assert_eq!(writes(&house.service), 2);
        daemon.stop().await;
    });
}
