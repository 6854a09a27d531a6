//! What the service and the files say does nothing to a terminal, and forges no line of the log.

use super::service::{Service, answer};
use super::site::{Run, Site};

/// Clears the screen, begins a line like one of the log, turns the text around, and shows nothing.
const HARM: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\r\n2026-01-01T00:00:00.000000Z  INFO forged\n\u{202e}\u{2066}\u{200b}\u{85}\u{2028}";

#[track_caller]
fn shows_no_harm(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let harmful = |c: char| {
            (c.is_control() && c != '\n') || matches!(c, '\u{200b}' | '\u{2028}' | '\u{202e}' | '\u{2066}')
        };
        assert!(!text.contains(harmful), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text}");
    }
}

#[test]
fn words_of_the_service() {
    for status in [400, 401, 403, 404, 500] {
        let service = Service::answering(move || {
            let said = serde_json::json!({"error": HARM, "error_description": format!("no: {HARM}")});
            answer(status, said.to_string())
        });
        let site = Site::of(&service);
        for args in [
            &["plan"][..],
            &["plan", "--format", "json"],
            &["apply", "--yes"],
            &["run", "--once"],
            &["export", "--room", "66213271109633"],
            &["export", "--all"],
            &["explain", "bob", "66213271109633"],
        ] {
            let mut command = site.command(args);
            command.args(["--log-format", "text", "-vv", "--color", "never"]);
            shows_no_harm(&Run::of(&mut command));
        }
    }
}

#[test]
fn values_of_the_settings() {
    let harm = serde_json::to_string(HARM).unwrap();
    let quoted = |before: &str| format!("\"{before}{}", &harm[1..]);
    for mistake in [
        format!("listen: {}", quoted("localhost:")),
        format!("listen: {}", quoted("")),
        format!("{}: 1", quoted("listn")),
        format!("sync: {{interval: {}}}", quoted("5")),
        format!("limits: {{{}: 1}}", quoted("x")),
        format!("rooms: {}", quoted("rooms")),
    ] {
        let site = Site::at("http://127.0.0.1:1").with_settings("sync:", &format!("{mistake}\n#"));
        for args in [&["validate"][..], &["validate", "--format", "json"], &["plan"]] {
            shows_no_harm(&site.run(args).ends_with(5));
        }
    }
    for url in ["chat.example", "https://chat.example/", "http://chat.example"] {
        let site = Site::at("http://127.0.0.1:1").with_settings("http://127.0.0.1:1", &quoted(url));
        shows_no_harm(&site.run(&["validate"]).ends_with(5));
        let site = Site::at("http://127.0.0.1:1");
        let mut command = site.command(&["plan"]);
        command.env("ROOMSYNC_URL", format!("{url}{HARM}"));
        shows_no_harm(&Run::of(&mut command).ends_with(5));
    }
}
