//! Ways to the service: both prefixes, a token that changes, answers that are too large or do not end.

use super::service::{ROOM, STATE, Service, TOKEN, answer};
use super::site::{Run, Site};
use roomsync::chat::MAX_ANSWER_BYTES;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

#[test]
fn an_app_is_named_by_its_key_or_by_its_id() {
    for (setting, prefix) in [
        ("app_key: \"acme#demo\"", "/acme/demo"),
        ("app_id: 970ca35d", "/app-id/970ca35d"),
    ] {
        let service = Service::start(STATE);
        let site = Site::of(&service).with_settings("app_key: \"acme#demo\"", setting);
        site.run(&["apply", "--yes"]).ends_with(0);
        assert_eq!(service.people(), "alice bob carol dan mia*");
        let expected = [
            format!("POST {prefix}/chatrooms/{ROOM}/users"),
            format!("POST {prefix}/chatrooms/{ROOM}/admin"),
        ];
        assert_eq!(service.writes(), expected);
    }
}

#[test]
fn the_environment_wins_over_the_settings() {
    let service = Service::start(STATE);
    let site = Site::at("http://127.0.0.1:1");
    site.write("token", "not-this-one");
    let mut command = site.command(&["plan"]);
    command
        .env("ROOMSYNC_URL", service.url())
        .env("ROOMSYNC_TOKEN", TOKEN);
    let run = Run::of(&mut command).ends_with(0);
    let notes = run.stderr.matches("ROOMSYNC_TOKEN is set and is used").count();
    assert_eq!(notes, 1, "{}", run.stderr);
    let plain = Site::of(&service).run(&["plan"]).ends_with(0);
    assert!(!plain.stderr.contains("ROOMSYNC_TOKEN"), "{}", plain.stderr);
}

#[test]
fn a_token_that_was_replaced_is_read_again() {
    let site = Site::at("http://127.0.0.1:1");
    let token_file = site.path("token");
    let service = Service::hooked(STATE, move |head, emulator| {
        if head.method != http::Method::GET {
            emulator.edit(|state| state.tokens = Some(["renewed".to_owned()].into()));
            fs::write(&token_file, "renewed\n").unwrap();
        }
        None
    });
    let site = site.with_settings("http://127.0.0.1:1", &service.url());
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.people(), "alice bob carol dan mia*");
    let add = format!("POST /acme/demo/chatrooms/{ROOM}/users");
    assert_eq!(
        service.writes()[..2],
        [add.clone(), add],
        "once with the old token, once with the new one"
    );
}

#[test]
fn an_answer_that_never_ends_is_not_read_to_its_end() {
    let service = Service::answering(|| answer(200, vec![b' '; MAX_ANSWER_BYTES + 1]));
    let run = Site::of(&service).run(&["plan"]).ends_with(1);
    run.complains("over 16777216 bytes");
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let site = Site::at(&url).with_settings("service:\n", "service:\n  timeout: 100ms\n");
    let run = site.run(&["plan"]).ends_with(1);
    run.complains("no answer within 100ms");
}

/// A service that begins an answer of 99,999 bytes to each call, and goes on like this. It lives as long as the test.
fn beginning(go_on: impl Fn(&mut TcpStream) + Send + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let go_on = go_on.clone();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n";
                let _ = stream.write_all(head.as_bytes());
                go_on(&mut stream);
            });
        }
    });
    url
}

/// Standard error of a plan against it.
fn planned(url: &str) -> String {
    let site = Site::at(url).with_settings("service:\n", "service:\n  timeout: 400ms\n");
    site.run(&["plan"]).ends_with(1).stderr
}

#[test]
fn an_answer_that_stops_breaks_off_or_drips_is_named_as_such() {
    let begin = |stream: &mut TcpStream| {
        let _ = stream.write_all(&[b' '; 12_345]);
    };
    let stopped = planned(&beginning(move |stream| {
        begin(stream);
        sleep(Duration::from_secs(20));
    }));
    let text = "the answer stopped after 12,345 bytes: nothing more came within 200ms";
    assert!(stopped.contains(text), "{stopped}");

    let broken = planned(&beginning(begin));
    assert!(
        broken.contains("the answer broke off after 12,345 bytes"),
        "{broken}"
    );

    let dripping = planned(&beginning(|stream| {
        while stream.write_all(b" ").is_ok() {
            sleep(Duration::from_millis(20));
        }
    }));
    assert!(
        dripping.contains("the answer did not end within 400ms: "),
        "{dripping}"
    );
    assert!(dripping.contains(" bytes of it came"), "{dripping}");
}

#[test]
fn a_connection_that_ends_without_an_answer_is_named_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().read(&mut [0; 4096]);
        }
    });
    let stderr = planned(&format!("http://{address}"));
    let text = format!("no clear answer: the connection broke before {address} answered");
    assert!(stderr.contains(&text), "{stderr}");
}
