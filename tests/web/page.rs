//! The page, in a browser, over a real socket.

use super::browser::{Window, browse};
use super::fixture::{Fixture, attention};
use super::scenes::{self, number};
use roomsync::model::ReasonCode;
use roomsync::status::{AttentionSeverity, RoomState, WritesSuspended};
use roomsync::web::{Limits, Options, serve};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A daemon's page on a socket.
pub(crate) struct Served {
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn start(fixture: &Arc<Fixture>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let options = Options {
            page: true,
            allowed_hosts: Vec::new(),
            status_token: None,
            admin_token: None,
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let router = fixture.router(options);
        let server = tokio::spawn(serve(listener, router, Limits::STATUS, stopped));
        Self { url, stop, server }
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

pub(crate) const WIDE: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 740);

/// The key, as WebDriver names it.
const ENTER: &str = "\u{e007}";

/// Keeps a picture of each look, and sees that nothing sticks out.
pub(crate) async fn looks(window: &Window, scene: &str) {
    for (name, (width, height)) in [("wide", WIDE), ("phone", PHONE)] {
        for scheme in ["light", "dark"] {
            window.look(width, height, scheme).await;
            assert_eq!(window.eval("innerWidth").await, width, "{scene}");
            window.fits().await;
            window.shoot(&format!("{scene}-{name}-{scheme}")).await;
        }
    }
    window.look(WIDE.0, WIDE.1, "light").await;
}

pub(crate) async fn glance_tone(window: &Window) -> serde_json::Value {
    window
        .eval("document.getElementById('glance').dataset.tone")
        .await
}

pub(crate) async fn quiet(window: &Window) {
    assert_eq!(window.console().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_then_is_not() {
    browse("the page on a good day", async |window| {
        let fixture = scenes::well();
        let served = Served::start(&fixture).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window
            .wait_for("#headline", "All is well: 12 rooms as the files say")
            .await;
        window.wait_for("#list", "engineering").await;
        assert_eq!(window.eval("document.querySelectorAll('#list > li').length").await, 12);
        assert!(window.text("#feed").await.contains("rooms/team.yaml:14"));
        looks(window, "well").await;

        // What is said anew is shown without a reload, and what stayed is the same element.
        window.eval("(window.kept = document.getElementById('list').lastElementChild, 1)").await;
        window.click("#find").await;
        fixture.set(|said| {
            let failed = "room lobby failed: no clear answer";
            said.status.attention = vec![attention(AttentionSeverity::Amber, "failed", failed, 125)];
            said.status.rooms[0].state = RoomState::Failed;
        });
        window.wait_for("#headline", "1 thing needs attention").await;
        window.wait_for("#attention", "room lobby failed: no clear answer for 2 min").await;
        window.wait_for("#list > li:first-child", "lobby").await;
        assert_eq!(window.eval("window.kept.isConnected").await, true);
        assert_eq!(window.eval("document.activeElement.id").await, "find");
        assert_eq!(window.eval("document.title").await, "(1) roomsync");

        // While nothing changes nothing is drawn.
        window
            .eval("(window.drawn = 0, new MutationObserver(seen => window.drawn += seen.filter(one => one.target.nodeName !== 'TIME').length)\
                .observe(document.body, {childList: true, subtree: true}), 1)")
            .await;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert_eq!(window.eval("window.drawn").await, 0);
        quiet(window).await;

        // Without contact nothing is shown as good.
        fixture.set(|said| {
            said.status.attention.clear();
            said.status.rooms[0].state = RoomState::InSync;
        });
        window.wait_for("#headline", "All is well").await;
        served.end().await;
        window
            .wait_for("#headline", "No contact with roomsync: not updated since")
            .await;
        assert_eq!(glance_tone(window).await, "lost");
        looks(window, "lost").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_fleet_comes_by_pages_and_then_by_what_has_changed() {
    browse("the page of a large fleet", async |window| {
        let fixture = scenes::well();
        fixture.set(|said| said.most = 5);
        let served = Served::start(&fixture).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window
            .wait_for("#headline", "All is well: 12 rooms as the files say")
            .await;
        assert_eq!(
            window
                .eval("document.querySelectorAll('#list > li').length")
                .await,
            12
        );
        // One fails, one leaves, and one of which nothing is said stays as it is.
        fixture.set(|said| {
            let rooms = &mut said.status.rooms;
            rooms[7].state = RoomState::Failed;
            rooms[8].state = RoomState::Blocked;
            let (failed, gone) = (rooms[7].id.clone(), rooms.remove(3).id);
            said.changed = [("1".to_owned(), vec![failed])].into();
            said.gone = vec![gone];
            said.status.rooms_revision = "2".to_owned();
        });
        window.wait_for("#headline", "2 rooms need attention").await;
        window.wait_for("#list", "Failed").await;
        assert!(!window.text("#list").await.contains("Blocked"));
        assert_eq!(
            window
                .eval("document.querySelectorAll('#list > li').length")
                .await,
            11
        );
        assert!(!window.text("#list").await.contains("engineering"));
        // After a restart nothing is known of before.
        fixture.set(|said| {
            said.changed.clear();
            said.status.rooms_revision = "other-1".to_owned();
        });
        window.wait_for("#list", "Blocked").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_night() {
    browse("the page on a bad night", async |window| {
        let fixture = scenes::trouble();
        let served = Served::start(&fixture).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window.wait_for("#headline", "4 things need attention").await;
        for (place, said) in [
            ("#attention", "for 4 min, met 17 times, next try in "),
            ("#problems", "rooms/team.yaml:14:5"),
            ("#problems", "did you mean members?"),
            ("#held", "max_removals allows 25% of 120, 40 removals are wanted"),
            ("#held", "guards: {max_removals: 40}"),
            ("#held", "roomsync approve 66"),
            ("#folk", "frank in every room"),
            ("#folk", "zoe in lobby"),
            ("#folk", "judy in lobby"),
            ("#folk", "mallory in lobby"),
            ("#feed", "ivan not added to games-night: room_full"),
        ] {
            window.wait_for(place, said).await;
        }
        // Who needs a look stands first.
        let order = window
            .eval("[...document.querySelectorAll('#list .name')].slice(0, 3).map(node => node.innerText).join()")
            .await;
        assert_eq!(order, "announcements,support,games-night");

        // A room opens to its plan.
        let support = number("support");
        let body = format!("#body-{support}");
        window.click(&format!("#room-{support} .row")).await;
        window.wait_for(&body, "-guest.07").await;
        window.wait_for(&body, "+mia (admin)").await;
        window.wait_for(&body, "Weird Name").await;
        assert_eq!(window.eval("location.hash").await, format!("#room-{support}"));
        assert_eq!(
            window.eval(&format!("document.querySelector('#room-{support} .row').ariaExpanded")).await,
            "true"
        );
        looks(window, "trouble").await;

        // So it does by keyboard.
        let row = format!("#room-{support} .row");
        let open = format!("document.querySelector('{row}').ariaExpanded");
        window.press(&row, ENTER).await;
        assert_eq!(window.eval(&open).await, "false");
        assert_eq!(window.eval("location.hash").await, "");
        window.press(&row, ENTER).await;
        window.wait_for(&body, "-guest.07").await;

        // It stays open, and its plan is kept up to date: what is open in it stays so, too.
        let differ = |names: Vec<String>| {
            fixture.set(|said| {
                said.status.rooms[1].add += names.len();
                let room = said.rooms.values_mut().next().unwrap();
                room.diff.extend(names);
            });
        };
        differ((0..30).map(|n| format!("+late.{n:02}")).collect());
        window.wait_for(&body, "Show 14 more lines").await;
        window.click(&format!("{body} summary")).await;
        window.wait_for(&body, "+late.29").await;
        differ(vec!["+nina".to_owned()]);
        window.wait_for(&body, "+nina").await;

        // Filters: by text, and by state.
        let shown = "document.querySelectorAll('#list > li').length";
        window.search("BOOK").await;
        window.wait_for("#shown", "1 shown of 1 room that fit, 12 in all").await;
        window.search("").await;
        window.click("#chips button[data-key=failed]").await;
        assert_eq!(window.eval(shown).await, 1);
        window.click("#chips button[data-key=blocked]").await;
        assert_eq!(window.eval(shown).await, 2);
        assert!(window.text("#list").await.contains("support"));
        quiet(window).await;

        // The address of a room leads to it.
        window.open("about:blank").await;
        window.open(&format!("{}#room-{support}", served.url)).await;
        window.wait_for(&body, "-guest.07").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_and_first_looks() {
    browse("the page with names held", async |window| {
        let served = Served::start(&scenes::held()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window.wait_for("#headline", "2 things need attention").await;
        let paused = "or remove it · by alice: “deploy of the new lists, until 15:00” for 12 min";
        window.wait_for("#attention", paused).await;
        window
            .wait_for("#held", "500 names of 620 left the list of this room at once")
            .await;
        window.wait_for("#held", "guards: {max_removals: 500}").await;
        let held = "500 names held: max_removals allows 25% of 620";
        window.wait_for("#list > li:first-child .why", held).await;
        looks(window, "held").await;
        quiet(window).await;
        served.end().await;

        let served = Served::start(&scenes::first_pass()).await;
        window.open(&served.url).await;
        window.wait_for("#headline", "First look: 3 of 12 rooms").await;
        looks(window, "first").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_files_to_settle_and_whom_the_budget_keeps() {
    browse("the page with files that settle", async |window| {
        let served = Served::start(&scenes::settling()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        let waits = "2 removals and 1 demotion wait until the room files have settled";
        window.wait_for("#pending", waits).await;
        window.wait_for("#pending", "Changed last: rooms/team.yaml").await;
        window
            .wait_for("#list", "2 people wait for the files to settle")
            .await;
        window.wait_for("#held", "removal_budget lets 50 of 100 go").await;
        window.wait_for("#held", "guards: {removal_budget: off}").await;
        let ended = "Every place in a list of this room has ended. Who was last stays";
        window.wait_for("#held", ended).await;
        window.wait_for("#folk", "Ends within a week (2)").await;
        window.wait_for("#folk", "mia, omar in support").await;
        looks(window, "settling").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_apply_says_how_far_it_is() {
    browse("the page while a plan is applied", async |window| {
        let fixture = scenes::applying();
        let served = Served::start(&fixture).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        for words in [
            "3,400 of 17,000 write calls made, 49 a second",
            "98 % of add_many's budget in use",
            "slowed down by the service to 50 of 100 calls a second",
            "4 min 32 s left",
        ] {
            window.wait_for("#beat", words).await;
        }
        looks(window, "applying").await;
        fixture.set(|said| {
            said.status.progress = None;
            said.status.withheld = Some(WritesSuspended {
                code: ReasonCode::Quota,
                message: "the pricing plan's quota is used up; raise the plan".to_owned(),
            });
            let used_up = "nothing is written: the pricing plan's quota is used up; raise the plan";
            said.status.attention = vec![attention(AttentionSeverity::Red, "quota", used_up, 65)];
        });
        window.wait_for("#attention", "quota is used up").await;
        assert_eq!(glance_tone(window).await, "bad");
        assert!(!window.text("#beat").await.contains("left"));
        looks(window, "quota").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_shown_and_never_run() {
    browse("the page with harmful names", async |window| {
        let served = Served::start(&scenes::harmful()).await;
        let lobby = number("lobby");
        window.look(PHONE.0, PHONE.1, "light").await;
        window.open(&format!("{}#room-{lobby}", served.url)).await;
        window.wait_for(&format!("#body-{lobby}"), "+<img src=x").await;
        window.wait_for("#attention", "<script>document.title=").await;
        assert_eq!(
            window
                .eval("document.querySelectorAll('main img, main script').length")
                .await,
            0
        );
        assert_eq!(window.eval("document.title").await, "(1) roomsync");
        window.fits().await;
        window.shoot("harmful-phone-light").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_it_says_where_to_look() {
    browse("the page without JavaScript", async |window| {
        let served = Served::start(&scenes::well()).await;
        window.look(PHONE.0, PHONE.1, "light").await;
        let off = serde_json::json!({"value": true});
        window.tell("Emulation.setScriptExecutionDisabled", off).await;
        window.open(&served.url).await;
        window.wait_for("noscript", "roomsync plan").await;
        assert_eq!(
            window
                .eval("document.querySelector('.columns').offsetHeight")
                .await,
            0
        );
        window.fits().await;
        window.shoot("without-script-phone-light").await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_rooms() {
    browse("the page with 10,000 rooms", async |window| {
        let served = Served::start(&scenes::thousands()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window.wait_for("#list > li:first-child", "room-09876").await;
        let shown = "document.querySelectorAll('#list > li').length";
        assert_eq!(window.eval(shown).await, 200);
        window.click("#more").await;
        assert_eq!(window.eval(shown).await, 400);
        window.search("70000000009999").await;
        window.wait_for("#list", "room-09999").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}
