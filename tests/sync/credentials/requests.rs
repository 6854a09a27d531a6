//! How often the service is asked for a token.

use super::{
    APP_ID, CERTIFICATE, ROUND_TRIP, ask, client, clock, granted, granted_for, granted_to, refused, service,
    token_requests,
};
use crate::service::{Reply, Service, virtually};
use roomsync::chat::{Secret, TokenSource};
use roomsync::clock::Clock;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[test]
fn a_hundred_starts_ask_for_one_token() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let clock = clock();
        let service = service(1, 1, None, &clock);
        for _ in 0..100 {
            ask(&client(&service, granted(&state_dir, "right-secret", &clock)))
                .await
                .unwrap();
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(token_requests(&service), 1);
        // Two at a time of one process are one as well.
        let two = [(); 2].map(|()| client(&service, granted(&state_dir, "right-secret", &clock)));
        for client in &two {
            ask(client).await.unwrap();
        }
        assert_eq!(token_requests(&service), 1);
        drop(two);
        for file in fs::read_dir(&state_dir).unwrap() {
            fs::write(file.unwrap().path(), "damaged").unwrap();
        }
        for _ in 0..2 {
            ask(&client(&service, granted(&state_dir, "right-secret", &clock)))
                .await
                .unwrap();
        }
        assert_eq!(
            token_requests(&service),
            2,
            "a cache that is damaged is made anew"
        );
        // Another client's token is another one.
        let other = client(
            &service,
            granted_to("client-2", &state_dir, "right-secret", &clock),
        );
        ask(&other).await.unwrap_err();
        assert_eq!(token_requests(&service), 3);
    });
}

/// Times of the token requests in seconds, when a new process comes every 10 s for so long.
async fn restarts(service: &Service, folder: &Path, clock: &Clock, secret: &str, seconds: u64) -> Vec<u64> {
    let mut asked = Vec::new();
    for second in (0..seconds).step_by(10) {
        let before = token_requests(service);
        let _ = ask(&client(service, granted(folder, secret, clock))).await;
        asked.extend((0..token_requests(service) - before).map(|_| second));
        sleep(Duration::from_secs(10) - ROUND_TRIP).await;
    }
    asked
}

#[test]
fn failed_requests_are_spaced_through_restarts_and_ever_wider() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let service = service(1, 1, None, &clock);
        let asked = restarts(&service, folder.path(), &clock, "wrong-secret", 4 * 3600).await;
        let gaps: Vec<u64> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        println!("token requests at {asked:?}");
        assert!(gaps.iter().all(|gap| *gap >= 60), "{gaps:?}");
        assert!(gaps.is_sorted(), "{gaps:?}");
        assert_eq!(gaps.iter().filter(|gap| **gap < 3600).count(), 6, "{gaps:?}");
        let said = ask(&client(&service, granted(folder.path(), "wrong-secret", &clock)))
            .await
            .unwrap_err();
        assert!(said.kind.stops_the_run() && said.kind.was_not_sent());
        assert_eq!(said.kind.code().as_str(), "credentials_refused");
        let said = said.to_string();
        assert!(
            said.contains("check `auth.client_id`") && said.contains("may go out in"),
            "{said}"
        );
        assert!(!said.contains("wrong-secret"), "{said}");
        // Another secret is tried soon, and then all is well.
        let asked = restarts(&service, folder.path(), &clock, "right-secret", 3600).await;
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(asked[0] <= 70, "{asked:?}");
    });
}

#[test]
fn a_service_that_is_away_is_not_asked_more_often() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (times, now) = (Arc::clone(&asked), clock.clone());
        let service = service(1, 1, None, &clock).with_fault(move |_, request, _| {
            request.token.is_none().then(|| {
                times.lock().unwrap().push(now.now());
                Reply::Unreachable
            })
        });
        // One process that goes on trying.
        let client = client(&service, granted(folder.path(), "right-secret", &clock));
        for _ in 0..600 {
            let error = ask(&client).await.unwrap_err();
            assert_eq!(error.kind.code().as_str(), "service_unreachable");
            sleep(Duration::from_secs(1)).await;
        }
        let asked = asked.lock().unwrap();
        let gaps: Vec<i64> = asked
            .windows(2)
            .map(|two| two[1].duration_since(two[0]).as_secs())
            .collect();
        assert_eq!(gaps, [60, 120, 240]);
    });
}

#[test]
fn a_token_that_the_service_does_not_take_is_not_asked_for_again_and_again() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let service = service(1, 1, None, &clock).with_fault(|_, request, _| {
            let refusal =
                r#"{"error": "unauthorized", "error_description": "Unable to authenticate (OAuth)"}"#;
            request
                .token
                .is_some()
                .then(|| Reply::Answer(401, refusal.to_owned()))
        });
        let asked = restarts(&service, folder.path(), &clock, "right-secret", 600).await;
        let gaps: Vec<u64> = asked.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(asked.len() > 2 && gaps.iter().all(|gap| *gap >= 60), "{asked:?}");
    });
}

#[test]
fn a_token_is_renewed_in_the_background_and_a_request_is_not_cut_off() {
    virtually(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let service = service(1, 1, Some(Duration::from_secs(1000)), &clock);
        let slow = service.clone().taking(Duration::from_secs(3));
        let token = granted(folder.path(), "right-secret", &clock);
        let client = client(&slow, token);
        // The caller goes away while the first request is on its way.
        timeout(Duration::from_secs(1), ask(&client)).await.unwrap_err();
        sleep(Duration::from_secs(5)).await;
        ask(&client).await.unwrap();
        assert_eq!(token_requests(&service), 1);
        sleep(Duration::from_secs(900)).await;
        let begun = tokio::time::Instant::now();
        ask(&client).await.unwrap();
        assert_eq!(
            begun.elapsed(),
            Duration::from_secs(3),
            "it waits for its own answer alone"
        );
        sleep(Duration::from_secs(3)).await;
        assert_eq!(token_requests(&service), 2);
        // Past the end of the first one.
        sleep(Duration::from_secs(95)).await;
        ask(&client).await.unwrap();
        assert_eq!((token_requests(&service), refused(&service)), (2, 0));
    });
}

/// Mounts a secret as a kubelet does: a link to `..data/secret`, where `..data` is a link that is swapped for another.
fn mount(folder: &Path, generation: &str, secret: &str) {
    let data = folder.join(generation);
    fs::create_dir(&data).unwrap();
    fs::write(data.join("secret"), secret).unwrap();
    let _ = symlink("..data/secret", folder.join("secret"));
    symlink(generation, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn a_certificate_and_a_client_secret_are_followed_behind_a_kubelets_links() {
    virtually(async {
        let clock = clock();
        let service = service(1, 1, None, &clock);
        let folder = tempfile::tempdir().unwrap();
        mount(folder.path(), "..1", "00000000000000000000000000000000\n");
        let certificate = Secret::file(folder.path().join("secret")).unwrap();
        let life = Duration::from_secs(600);
        let minted = TokenSource::minted(APP_ID.to_owned(), certificate, life, clock.clone());
        let minted = client(&service, minted);
        ask(&minted).await.unwrap_err();
        mount(folder.path(), "..2", &format!("{CERTIFICATE}\n"));
        ask(&minted).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        mount(folder.path(), "..1", "wrong-secret\n");
        let secret = Secret::file(folder.path().join("secret")).unwrap();
        let granted = client(
            &service,
            granted_for("client-1", &folder.path().join("state"), secret, &clock),
        );
        ask(&granted).await.unwrap_err();
        mount(folder.path(), "..2", "right-secret\n");
        ask(&granted).await.unwrap_err();
        sleep(Duration::from_secs(61)).await;
        ask(&granted).await.unwrap();
        assert_eq!(token_requests(&service), 2);
    });
}
