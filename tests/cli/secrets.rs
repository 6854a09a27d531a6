//! The token appears in no output, however loud, and goes to nobody but the service.

use super::service::{STATE, Service, TOKEN, answer};
use super::site::{Run, Site};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

#[track_caller]
fn hides_the_token(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn no_output_shows_the_token() {
    let service = Service::start(STATE);
    let stranger = Service::start(&STATE.replace(TOKEN, "another"));
    let gone = Service::start(STATE).url();
    for site in [Site::of(&service), Site::of(&stranger), Site::at(&gone)] {
        for args in [
            &["plan", "-vv"][..],
            &["plan", "-vv", "--format", "json", "--log-format", "json"],
            &["apply", "--yes", "-vv"],
            &["validate", "-vv"],
        ] {
            hides_the_token(&site.run(args));
        }
        let mut command = site.command(&["plan", "-vv"]);
        hides_the_token(&Run::of(command.env("ROOMSYNC_TOKEN", TOKEN)));
    }
}

#[test]
fn a_token_that_is_none_is_not_shown_either() {
    let site = Site::at("http://127.0.0.1:1");
    site.write("token", &format!("{TOKEN} {TOKEN}\n"));
    hides_the_token(&site.run(&["plan", "-vv"]).ends_with(5));
    let mut command = site.command(&["plan", "-vv"]);
    hides_the_token(&Run::of(command.env("ROOMSYNC_TOKEN", format!("{TOKEN} {TOKEN}\n"))).ends_with(5));
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Service::start(STATE);
    let to = elsewhere.url();
    for status in [301, 302, 307, 308] {
        let to = to.clone();
        let service = Service::answering(move || {
            let location = [("location", format!("{to}/acme/demo/chatrooms/66213271109633"))];
            axum::response::IntoResponse::into_response((
                http::StatusCode::from_u16(status).unwrap(),
                location,
            ))
        });
        let site = Site::of(&service);
        site.run(&["plan"]).ends_with(1);
        site.run(&["apply", "--yes"]).ends_with(1);
        assert!(!service.calls().is_empty());
    }
    assert_eq!(elsewhere.calls(), [""; 0]);
}

#[test]
fn plain_http_goes_past_every_proxy() {
    let service = Service::start(STATE);
    let proxy = Service::start(STATE);
    let site = Site::of(&service);
    let mut command = site.command(&["plan"]);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, proxy.url());
    }
    Run::of(&mut command).ends_with(0);
    assert_eq!(proxy.calls(), [""; 0]);
}

#[test]
fn a_service_that_repeats_the_token_does_not_get_it_printed() {
    let echo = Service::answering(|| {
        let said = format!(r#"{{"error": "unauthorized", "error_description": "bad token {TOKEN}"}}"#);
        answer(401, said)
    });
    hides_the_token(&Site::of(&echo).run(&["plan", "-vv"]).ends_with(1));
}

#[test]
fn a_token_that_is_escaped_or_stands_in_a_wrong_answer_is_not_printed() {
    let escaped = TOKEN.replacen(
        char::is_alphabetic,
        &format!("\\u{:04x}", u32::from(TOKEN.chars().next().unwrap())),
        1,
    );
    for said in [
        format!(r#"{{"error": "unauthorized", "error_description": "bad token {escaped}"}}"#),
        format!(r#"{{"data": "token {TOKEN}"}}"#),
    ] {
        for status in [200, 401, 403] {
            let said = said.clone();
            let echo = Service::answering(move || answer(status, said.clone()));
            hides_the_token(&Site::of(&echo).run(&["plan", "-vv"]).ends_with(1));
        }
    }
}

#[test]
fn a_token_in_the_wrong_place_is_not_printed() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    hides_the_token(&site.run(&["plan", "-c", "token"]).ends_with(5));
    hides_the_token(&site.run(&["validate", "token"]).ends_with(5));
    let auths = [
        format!("{{token_file: token, token: {TOKEN}}}"),
        format!("{{token_file: token, token_file: {TOKEN}}}"),
        TOKEN.to_owned(),
    ];
    for auth in auths {
        let settings =
            format!("service:\n  url: http://127.0.0.1:1\n  app_key: \"acme#demo\"\n  auth: {auth}\n");
        std::fs::write(site.path("wrong.yaml"), settings).unwrap();
        hides_the_token(&site.run(&["plan", "-c", "wrong.yaml"]).ends_with(5));
    }
}

/// Every command that reads room files, in every format.
const COMMANDS: &[&[&str]] = &[
    &["validate"],
    &["validate", "--format", "json"],
    &["validate", "--format", "github"],
    &["validate", "rooms"],
    &["plan"],
    &["plan", "--format", "json"],
    &["plan", "--format", "markdown"],
    &["plan", "--base", "rooms"],
    &["apply", "--yes"],
    &["apply", "--yes", "--format", "json"],
    &["run", "--once"],
    &["run", "--once", "--dry-run"],
    &["explain", "bob", "66213271109633"],
];

/// Runs all of them, as loud as can be, with the token in the environment. All end soon, with 5, and show no secret.
#[track_caller]
fn none_shows_the_token(site: &Site) {
    const SECRETS: [&str; 3] = [
        "admin-token-of-a-test",
        "certificate-of-a-test",
        "client-secret-of-a-test",
    ];
    for args in COMMANDS {
        for log_format in ["text", "json"] {
            let mut command = site.command(args);
            command.args(["-vv", "--log-format", log_format]);
            command
                .env("ROOMSYNC_TOKEN", TOKEN)
                .env("ROOMSYNC_ADMIN_TOKEN", SECRETS[0]);
            // Not yet taken by settings, and secrets all the same.
            if args[0] == "validate" && args.get(1) == Some(&"rooms") {
                command.env("ROOMSYNC_APP_CERTIFICATE", SECRETS[1]);
                command.env("ROOMSYNC_CLIENT_SECRET", SECRETS[2]);
            }
            let begun = Instant::now();
            let run = Run::of(&mut command);
            assert!(begun.elapsed() < Duration::from_secs(8), "{args:?}");
            hides_the_token(&run);
            for secret in SECRETS {
                assert!(
                    !run.stdout.contains(secret) && !run.stderr.contains(secret),
                    "{run:?}"
                );
            }
            assert_eq!(run.code, 5, "{args:?}: {run:?}");
        }
    }
}

#[test]
fn a_link_to_the_environment_shows_nothing_of_it() {
    for (target, folder) in [
        ("/proc/self/environ", false),
        ("/proc/thread-self/environ", false),
        ("/proc/self", true),
        ("/proc/kmsg", false),
    ] {
        let site = Site::at("http://127.0.0.1:1");
        let link = if folder { "rooms/x" } else { "rooms/x.yaml" };
        symlink(target, site.path(link)).unwrap();
        none_shows_the_token(&site);
    }
}

#[test]
fn the_environment_as_a_root_or_as_settings_shows_nothing_of_it() {
    let site = Site::at("http://127.0.0.1:1").with_settings("rooms: rooms/", "rooms: /proc/self/environ");
    symlink("/proc/self/environ", site.path("rooms/x.yaml")).unwrap();
    none_shows_the_token(&site);
    let site = Site::at("http://127.0.0.1:1").with_settings("rooms: rooms/", "rooms: link.yaml");
    symlink("/proc/self/environ", site.path("link.yaml")).unwrap();
    symlink("/proc/self/environ", site.path("rooms/x.yaml")).unwrap();
    none_shows_the_token(&site);
    for path in ["/proc/self/environ", "link.yaml", "/proc/kmsg"] {
        for args in COMMANDS.iter().filter(|args| args.get(1) != Some(&"rooms")) {
            let mut command = site.command(args);
            command.args(["-c", path, "-vv"]).env("ROOMSYNC_TOKEN", TOKEN);
            let run = Run::of(&mut command).ends_with(5);
            hides_the_token(&run);
        }
    }
}

/// Somebody has put a secret into a room file, whole or after something else, where a mistake is shown with its line.
#[test]
fn a_secret_in_a_room_file_is_not_shown() {
    let long = format!("{TOKEN}{}", "x".repeat(200));
    for text in [
        format!("rooms:\n  - id: 66213271109633\n    {TOKEN}: [bob]\n"),
        format!("rooms:\n  - id: 66213271109633\n    members: [\"{TOKEN} and\"]\n"),
        format!("rooms:\n  - {{id: 66213271109633, member: [bob]}} # {TOKEN}\n"),
        format!(
            "rooms:\n  - id: 66213271109633\n    members: [\"group:{}\"]\n",
            TOKEN.to_uppercase()
        ),
        format!("rooms:\n  - id: 66213271109633\n    mode: admin-token-of-a-test\n    members: [{long}]\n"),
    ] {
        let site = Site::at("http://127.0.0.1:1").with_rooms(&text);
        none_shows_the_token(&site);
        // From its file, too, with nothing in the environment.
        for args in COMMANDS.iter().filter(|args| args.get(1) != Some(&"rooms")) {
            let run = site.run(args).ends_with(5);
            hides_the_token(&run);
            assert!(!run.stderr.to_lowercase().contains(TOKEN), "{run:?}");
        }
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    for name in ["roomsync.yaml", "token", "rooms/x.yaml", "rooms/team.yaml"] {
        let site = Site::at("http://127.0.0.1:1");
        let _ = std::fs::remove_file(site.path(name));
        assert!(
            Command::new("mkfifo")
                .arg(site.path(name))
                .status()
                .unwrap()
                .success()
        );
        let begun = Instant::now();
        for args in [&["plan"][..], &["run", "--once"], &["run"]] {
            // The daemon itself stays up where only the room files are bad.
            if args == ["run"] && name.starts_with("rooms") {
                continue;
            }
            site.run(args).ends_with(5).complains("not a regular file");
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "{name}");
    }
}
