//! Credentials that roomsync renews itself, by the binary and over a socket.

use super::service::Service;
use super::site::{Run, Site};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
const SECRET: &str = "cl1ent-s3cret-of-the-app";

fn state() -> String {
    format!(
        "{{app_key: \"acme#demo\", tokens: [none], app_id: {APP_ID}, app_certificate: {CERTIFICATE}, \
         clients: {{client-1: {SECRET}}}, rooms: {{\"66213271109633\": {{owner: alice, members: [bob]}}}}}}"
    )
}

const ROOMS: &str = "rooms:\n  - id: 66213271109633\n    members: [bob]\n";

fn site(service: &Service, auth: &str) -> Site {
    let site = Site::of(service)
        .with_settings("token_file: token", auth)
        .with_rooms(ROOMS);
    site.write("certificate", &format!("\u{feff}{CERTIFICATE}\r\n"));
    site.write("secret", &format!(" {SECRET}\n\n"));
    site
}

#[test]
fn minted_tokens_and_granted_ones_are_taken() {
    let service = Service::start(&state());
    let minted = site(
        &service,
        &format!("app_id: {APP_ID}, app_certificate_file: certificate"),
    );
    minted.run(&["plan"]).ends_with(0);
    let half = site(&service, &format!("app_id: {APP_ID}"));
    Run::of(
        half.command(&["plan"])
            .env("ROOMSYNC_APP_CERTIFICATE", CERTIFICATE),
    )
    .ends_with(0);
    half.run(&["plan"])
        .ends_with(5)
        .complains("ROOMSYNC_APP_CERTIFICATE");
    assert_eq!(service.emulator.counters().token_requests, 0);

    let granted = site(&service, "client_id: client-1, client_secret_file: secret");
    for command in [
        &["plan"][..],
        &["apply", "--yes"],
        &["run", "--once"],
        &["run", "--once", "--dry-run"],
        &["plan", "-vv"],
    ] {
        let run = granted.run(command).ends_with(0);
        assert!(
            !format!("{run:?}").contains(SECRET) && !run.stderr.contains("YWMt-"),
            "{run:?}"
        );
    }
    assert_eq!(
        service.emulator.counters().token_requests,
        1,
        "one for all commands"
    );
    let kept: Vec<_> = fs::read_dir(granted.path(".roomsync"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("/token-"))
        .collect();
    assert_eq!(kept.len(), 2, "the token and its lock: {kept:?}");
    for path in kept {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{path:?}"
        );
        assert!(!fs::read_to_string(&path).unwrap().contains(SECRET));
    }
}

#[test]
fn a_refused_client_is_told_what_to_do_and_not_asked_again_at_once() {
    let service = Service::start(&state());
    let site = site(&service, "client_id: client-1, client_secret_file: secret");
    site.write("secret", "wr0ng-s3cret-of-the-app\n");
    for _ in 0..3 {
        let run = site
            .run(&["plan"])
            .ends_with(1)
            .complains("check `auth.client_id`");
        assert!(!format!("{run:?}").contains("wr0ng-s3cret"), "{run:?}");
    }
    assert_eq!(service.emulator.counters().token_requests, 1);
}
