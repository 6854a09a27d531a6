//! The page with people who are not there, with rooms that nobody sees, and with very much at once.

use super::browser::browse;
use super::page::{Served, WIDE, glance_tone, looks, quiet};
use super::scenes::{self, number};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_is_counted_and_named() {
    browse("the page with people who are not there", async |window| {
        let served = Served::start(&scenes::incomplete()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        let headline = "12 rooms as the files say, but 6 people come and go and 1 person is set aside";
        window.wait_for("#headline", headline).await;
        assert_eq!(glance_tone(window).await, "warn");
        let lobby = format!("#room-{}", number("lobby"));
        for (place, words) in [
            (format!("{lobby} .drift"), "2 not here"),
            (format!("{lobby} .why"), "bob, carol come and go"),
            (lobby, "Incomplete"),
            (format!("#room-{} .drift", number("music")), "1 contested"),
            (format!("#room-{} .drift", number("music")), "1 set aside"),
            (
                format!("#room-{} .why", number("music")),
                "judy is contested · bob, carol, dave and 3 more come and go · frank is set aside",
            ),
        ] {
            window.wait_for(&place, words).await;
        }
        looks(window, "incomplete").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_somebody_is_not_there_is_said() {
    browse("the page with reasons of absences", async |window| {
        let served = Served::start(&scenes::absent()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window
            .wait_for("#headline", "All is well: 12 rooms as the files say")
            .await;
        let lobby = format!("#room-{}", number("lobby"));
        window.wait_for(&format!("{lobby} .drift"), "8 not here").await;
        let why = "not here: 1 never seen here, 1 gone, 1 left, 1 offline, 1 left or offline, 1 removed by somebody, \
                   1 removed by somebody or offline, 1 blocked";
        window.wait_for(&format!("{lobby} .why"), why).await;
        window.click(&format!("{lobby} .row")).await;
        for words in [
            "ann: an event said: was removed by alice; last seen here on 2026-11-23 · 2 min ago",
            "gus: not seen here since 2026-11-23T00:00:00Z",
            "hal: last seen here on 2026-11-20",
        ] {
            window.wait_for(&format!("{lobby} .body"), words).await;
        }
        looks(window, "absent").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_leaves_nothing_green() {
    browse("the page without the service", async |window| {
        let served = Served::start(&scenes::away()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window.wait_for("#headline", "1 thing needs attention").await;
        assert_eq!(glance_tone(window).await, "bad");
        window
            .wait_for(
                "#attention",
                "(connection refused) for 12 min, met 9 times, next try in ",
            )
            .await;
        let beat = window.text("#beat").await;
        assert!(
            beat.starts_with("tried ") && beat.contains(" s ago, no answer; last seen 15 min ago"),
            "{beat}"
        );
        assert_eq!(
            window
                .eval("document.querySelectorAll('#list .state.good').length")
                .await,
            0
        );
        assert!(window.text("#list > li:first-child").await.contains("Unknown"));
        looks(window, "away").await;
        quiet(window).await;
        served.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_come_first_and_each_room_has_one_card() {
    browse("the page on a busy day", async |window| {
        let served = Served::start(&scenes::busy_day()).await;
        window.look(WIDE.0, WIDE.1, "light").await;
        window.open(&served.url).await;
        window.wait_for("#headline", "3 things need attention").await;
        assert_eq!(glance_tone(window).await, "warn");
        window.wait_for("#attention", "25 rooms").await;
        window
            .wait_for("#attention", "no longer managed: left as is for 3 min")
            .await;
        let cards = window
            .eval("[...document.querySelectorAll('#held article h3')].map(node => node.innerText).join()")
            .await;
        assert_eq!(cards, "support,lobby");
        let support = window.text("#held article:first-child").await;
        let (failed, held) = (
            support.find("no clear answer: 500"),
            support.find("40 names of 62"),
        );
        assert!(failed.is_some() && failed < held, "{support}");
        // At most 25 changes, and more when asked for.
        let shown = "document.querySelectorAll('#feed li').length";
        assert_eq!(window.eval(shown).await, 25);
        looks(window, "busy-day").await;
        window.click("#feed .more").await;
        assert_eq!(window.eval(shown).await, 50);
        quiet(window).await;
        served.end().await;
    })
    .await;
}
