//! Input that is refused before anything is sent.

use super::service::{STATE, Service};
use super::site::{Run, Site};

/// Runs `plan` and `apply --yes`: both must end like this, say this, print no result and send nothing.
#[track_caller]
fn refuses(service: &Service, site: &Site, code: i32, words: &str) {
    for args in [&["plan"][..], &["apply", "--yes"]] {
        let run = site.run(args).ends_with(code).complains(words);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn a_site_that_is_not_valid_is_5() {
    let service = Service::start(STATE);
    let site = || Site::of(&service);
    let auth = "  auth: {token_file: token}\n";
    for (site, words) in [
        (site().with_settings(auth, ""), "error[no-token]"),
        (
            site().with_settings("token_file: token", "token_file: none"),
            "error[bad-token]",
        ),
        (site().with_settings("  url:", "  link:"), "error[unknown-key]"),
        (site().with_settings("rooms/", "nowhere/"), "nowhere"),
        (
            site().with_settings(auth, "  ca_file: none.pem\n  auth: {token_file: token}\n"),
            "ca_file",
        ),
        (
            site().with_rooms("rooms:\n  - {id: \"..\", members: [bob]}\n"),
            "team.yaml:2:10",
        ),
        (
            site().with_rooms("rooms:\n  - {id: 12, members: [..]}\n"),
            "team.yaml:2:24",
        ),
        (
            site().with_rooms("rooms:\n  - {id: 12, member: [bob]}\n"),
            "members",
        ),
        (site().with_rooms("groups: {a: [bob]}\n"), "error[no-rooms]"),
        (site().with_rooms(""), "error[no-rooms]"),
    ] {
        refuses(&service, &site, 5, words);
    }
    let empty = site();
    empty.write("token", "\n");
    refuses(&service, &empty, 5, "the token is empty");
}

#[test]
fn a_missing_settings_file_is_5() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for args in [
        &["plan", "-c", "none.yaml"][..],
        &["validate", "--config", "none.yaml"],
    ] {
        site.run(args).ends_with(5);
    }
    let mut by_environment = site.command(&["apply", "--yes"]);
    Run::of(by_environment.env("ROOMSYNC_CONFIG", "none.yaml"))
        .ends_with(5)
        .complains("none.yaml");
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn plain_http_to_a_stranger_is_5_unless_it_is_allowed() {
    let service = Service::start(STATE);
    // Not a loopback address, and yet one that leads to this machine.
    let url = format!("http://0.0.0.0:{}", service.address.port());
    refuses(&service, &Site::at(&url), 5, "error[plain-http]");
    let by_environment = Site::of(&service);
    Run::of(by_environment.command(&["plan"]).env("ROOMSYNC_URL", &url))
        .ends_with(5)
        .complains("error[plain-http]");
    assert_eq!(service.calls(), [""; 0]);

    let allowed = Site::at(&url).with_settings("service:\n", "service:\n  allow_http: true\n");
    allowed.run(&["plan"]).ends_with(0);
    assert!(!service.calls().is_empty());
}

#[test]
fn wrong_usage_is_64() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for (args, words) in [
        (&["apply"][..], "--yes"),
        (&["apply", "--format", "json"], "--yes"),
        (&["plan", "--room", "77"], "--room 77: no such room in the files"),
        (&["apply", "--yes", "--room", "66213271109633", "77"], "--room 77"),
        (&["plan", "--room", ".."], "--room"),
        (&["plan", "--room"], "--room"),
        (&["plan", "--yes"], "--yes"),
        (&["plan", "--format", "yaml"], "yaml"),
        (
            &["apply", "--yes", "--format", "markdown"],
            "invalid value 'markdown'",
        ),
        (
            &["plan", "--base", "no/such/folder"],
            "--base no/such/folder: there is no such file or folder",
        ),
        (&["plan", "--max-calls", "many"], "--max-calls"),
        (&["apply", "--yes", "--base", "rooms"], "--base"),
        (&["plan", "--formt", "json"], "unexpected argument '--formt'"),
        (&["plans"], "plans"),
        (&["schema"], "<WHAT>"),
        (&["schema", "groups"], "[possible values: settings, rooms, plan]"),
        (&[], "Usage"),
    ] {
        let run = site.run(args).ends_with(64).complains(words);
        assert_eq!(run.stdout, "");
    }
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn an_emulator_that_cannot_start_says_why() {
    let site = Site::at("http://127.0.0.1:1");
    site.write("state.yaml", "rooms: {abc: {owner: alice}}\n");
    site.run(&["emulator", "--state", "state.yaml"])
        .ends_with(5)
        .complains("abc");
    for (switch, words) in [
        (
            "add_bath=newer",
            "no point is named \"add_bath\": there are add_one_member, add_many_member",
        ),
        ("add_batch", "a switch is written POINT=seed or POINT=newer"),
    ] {
        site.run(&["emulator", "--point", switch])
            .ends_with(64)
            .complains(words);
    }
    site.run(&["emulator", "--listen", "0.0.0.0:0"])
        .ends_with(64)
        .complains("loopback only");
    for (args, word) in [
        (&["--control", "192.0.2.1:0"][..], "loopback only"),
        (&["--fault", "add@1:reset"], "\"add\" is no choice of calls"),
        (&["--fault", "events:500"], "mixes calls and events"),
        (&["--latency", "5"], "is not a duration"),
        (&["--offline-after", "99h"], "at most 24h"),
        (&["--webhook", "http://127.0.0.1:9"], "--webhook-secret"),
        (&["--webhook-style", "old"], "--webhook <URL>"),
        (
            &["--webhook", "https://example.com", "--webhook-secret", "s"],
            "loopback address",
        ),
    ] {
        let args = [&["emulator", "--listen", "127.0.0.1:0"], args].concat();
        site.run(&args).ends_with(64).complains(word);
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    site.run(&["emulator", "--listen", &address])
        .ends_with(1)
        .complains(&address);
}
