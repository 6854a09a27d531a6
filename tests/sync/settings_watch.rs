//! Settings and secret files that no start would take are told of while the daemon goes on with those before.

use super::house::{House, Running, house, id, minutes, names, one_room, room_text};
use roomsync::daemon::Command;
use roomsync::status::AttentionSeverity;
use std::fs;
use std::time::Duration;
use tokio::time::sleep;

const CODE: &str = "settings_invalid";

/// The message about the settings, and the metric. Both must agree.
fn told(running: &Running) -> Option<String> {
    let status = running.status();
    let item = status.attention.iter().find(|item| item.code == CODE);
    let text = running.metrics.encode(&running.source.gauges()).unwrap();
    let valid = text.contains("\nroomsync_settings_valid 1\n");
    assert_eq!(valid, item.is_none(), "{:?}", status.attention);
    assert!(item.is_none_or(|item| item.severity == AttentionSeverity::Amber));
    item.map(|item| item.message.clone())
}

async fn well(house: &House) -> Running {
    house.rooms(&room_text(&id(), names(0..3)));
    let running = house.start();
    running.until_well(minutes(1)).await;
    assert_eq!(told(&running), None);
    running
}

#[test]
fn settings_that_are_refused_are_shown_until_they_are_mended() {
    house(one_room(&names(0..3)), "", async |house: House| {
        let running = well(&house).await;
        let good = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        // A warning stands first.
        house.put(
            "roomsync.yaml",
            &format!("guards: {{protect: [\"Mia\"]}}\n{good}\nservce: {{}}\n"),
        );
        running.tell(Command::Reload).await;
        running.until(minutes(1), |_| told(&running).is_some()).await;
        let message = told(&running).unwrap();
        assert!(
            message.contains("roomsync would not start again") && message.contains("servce"),
            "{message}"
        );
        let since = running.status().attention[0].since;

        // Still so after another reload, and what it does goes on.
        running.tell(Command::Reload).await;
        house.rooms(&room_text(&id(), names(0..4)));
        running
            .until(minutes(2), |_| {
                super::house::members(&house.service).contains("u3")
            })
            .await;
        assert_eq!(running.status().attention[0].since, since);

        house.put("roomsync.yaml", &good);
        running.tell(Command::Reload).await;
        running.until_well(minutes(1)).await;
        assert_eq!(told(&running), None);
        running.stop().await;
    });
}

#[test]
fn a_secrets_file_that_cannot_be_used_is_shown_without_any_reload() {
    house(one_room(&names(0..3)), "", async |house: House| {
        let running = well(&house).await;
        for spoil in ["", "two words\n"] {
            house.put("token", spoil);
            running.until(minutes(1), |_| told(&running).is_some()).await;
            let message = told(&running).unwrap();
            assert!(
                message.contains("`service.auth.token_file`") && !message.contains("two words"),
                "{message}"
            );
            house.put("token", "secret\n");
            running.until_well(minutes(1)).await;
            assert_eq!(told(&running), None);
        }
        fs::remove_file(house.path("token")).unwrap();
        running.until(minutes(1), |_| told(&running).is_some()).await;
        running.stop().await;
    });
}

#[test]
fn a_secret_of_the_daemons_own_callers_is_checked_at_a_reload_too() {
    const SETTINGS: &str = "status_token_file: shown";
    house(one_room(&names(0..3)), SETTINGS, async |house: House| {
        house.put("shown", "token-of-the-page\n");
        let running = well(&house).await;
        house.put("shown", "\n");
        running.tell(Command::Reload).await;
        running
            .until(Duration::from_secs(5), |_| told(&running).is_some())
            .await;
        let message = told(&running).unwrap();
        assert!(message.contains("`status_token_file`"), "{message}");
        running.stop().await;
    });
}

#[test]
fn a_reload_that_was_refused_for_a_secrets_file_says_that_it_must_be_repeated() {
    house(one_room(&names(0..3)), "", async |house: House| {
        let running = well(&house).await;
        house.put("token", "");
        running.tell(Command::Reload).await;
        running.until(minutes(1), |_| told(&running).is_some()).await;
        house.put("token", "secret\n");
        // Other settings may have been meant by that reload, so the right file alone is not the end of it.
        sleep(minutes(2)).await;
        let message = told(&running).unwrap();
        assert!(message.ends_with("; once that is right, reload"), "{message}");
        running.tell(Command::Reload).await;
        running.until(minutes(1), |_| told(&running).is_none()).await;
        running.stop().await;
    });
}
