//! `roomsync probe`.

use super::place::Place;
use std::fs;
use std::net::TcpListener;
use std::process::Output;

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), text.concat())
}

#[test]
fn a_probe_says_by_its_exit_code_if_the_daemon_lives_and_is_ready() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    place.settings(&format!("listen: 0.0.0.0:{port}"));
    let probe = |args: &[&str]| {
        let args: Vec<&str> = ["probe"].iter().chain(args).copied().collect();
        said(&place.run(&args))
    };
    let ok = || (Some(0), "ok\n".to_owned());
    let (code, text) = probe(&["live"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!("nothing answers at 127.0.0.1:{port}")),
        "{text}"
    );
    let daemon = place.ready();
    assert_eq!((probe(&["live"]), probe(&["ready"])), (ok(), ok()));
    let url = daemon.url();
    place.write("rooms/all.yaml", "rooms: [}\n");
    daemon.until("not ready", |daemon| daemon.get("/readyz").0 == 503);
    let (code, text) = probe(&["ready"]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(probe(&["live"]), ok());
    // The token is the daemon's; whoever is on call may not be able to read it.
    place.settings(&format!(
        "listen: 0.0.0.0:{port}\nstatus_token_file: $CREDENTIALS_DIRECTORY/seen"
    ));
    fs::remove_file(place.path("token")).unwrap();
    assert_eq!(probe(&["live"]), ok());
    // Nobody reads the settings for an address that is named.
    place.write("roomsync.yaml", "nonsense: true\n");
    assert_eq!(probe(&["live", "--url", &url]), ok());
    let (code, text) = probe(&["live"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nonsense"), "{text}");
    for url in ["https://127.0.0.1:1/", "unix:/run/x"] {
        let (code, text) = probe(&["live", "--url", url]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("http://HOST:PORT"), "{text}");
    }
}
