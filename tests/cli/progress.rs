//! The progress bar, on a terminal by `script` of util-linux.

use super::service::{Service, answer};
use super::site::{Run, Site};
use http::Method;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const STATE: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
rooms:
  "77": {owner: alice, admins: [], members: [bob]}
"#;

/// A site in whose room people are missing who are added by so many calls, at so many calls a second.
fn site(service: &Service, calls: usize, rate: u32) -> Site {
    let names: Vec<String> = (0..2 * calls).map(|n| format!("u{n}")).collect();
    let rooms = format!("rooms: [{{id: 77, members: [bob, {}]}}]\n", names.join(", "));
    let limits = format!("rooms: rooms/\nlimits: {{calls_per_second: {rate}, add_batch: 2}}\n");
    Site::of(service)
        .with_rooms(&rooms)
        .with_settings("rooms: rooms/\n", &limits)
}

/// Runs this on a terminal of a hundred columns. `None`: there is no `script` here.
fn on_a_terminal(site: &Site, args: &str) -> Option<Run> {
    let program = format!(
        "stty cols 100 rows 30; exec '{}' {args}",
        env!("CARGO_BIN_EXE_roomsync")
    );
    let mut command = Command::new("script");
    command
        .args(["-qec", &program, "/dev/null"])
        .current_dir(site.path(""))
        .stdin(Stdio::null());
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: `script` of util-linux is not here");
            None
        }
        output => Some(Run::from(output.unwrap())),
    }
}

/// Lines of the terminal, each time that one was drawn.
fn lines(run: &Run) -> Vec<String> {
    let mut text = String::new();
    let mut rest = run.stdout.chars();
    while let Some(c) = rest.next() {
        match c {
            // Colours stay out; whatever moves or clears begins a new line.
            '\u{1b}' => {
                let end = rest.by_ref().find(char::is_ascii_alphabetic);
                text.push_str(if end == Some('m') { "" } else { "\n" });
            }
            '\r' => text.push('\n'),
            c => text.push(c),
        }
    }
    text.lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect()
}

/// Text of the bar, without the bar.
fn bars(run: &Run) -> Vec<String> {
    let lines = lines(run);
    let of_bar = lines.iter().filter(|line| line.starts_with("applying ["));
    let said = of_bar.map(|line| line.split_once("] ").expect("a whole bar").1.to_owned());
    said.collect()
}

#[test]
fn a_long_apply_says_how_fast_it_is_and_how_long_it_takes() {
    let service = Service::start(STATE);
    let Some(run) = on_a_terminal(&site(&service, 40, 10), "apply --yes -v") else {
        return;
    };
    let run = run.ends_with(0);
    let said = bars(&run);
    assert!(said.len() > 5, "{}", run.stdout);
    for line in &said {
        let parts: Vec<&str> = line.split(" · ").collect();
        let [calls, rate, budget, left] = parts.as_slice() else {
            assert!(line.ends_with("· looking again"), "{line}");
            continue;
        };
        let done: usize = calls.strip_suffix("/40 calls").unwrap().parse().unwrap();
        let left: usize = left.strip_suffix(" s left").unwrap().parse().unwrap();
        let rate: usize = rate.strip_suffix("/s").unwrap().parse().unwrap();
        assert_eq!(left, (40 - done).div_ceil(10), "{line}");
        assert!((4..=13).contains(&rate), "{line}");
        assert!(budget.ends_with(" % of add_many's budget"), "{line}");
    }
    // Log lines stand on lines of their own, and none is lost.
    let logged = lines(&run)
        .into_iter()
        .filter(|line| line.contains("method=add_many"));
    let logged: Vec<String> = logged.collect();
    assert_eq!(logged.len(), 40, "{}", run.stdout);
    assert!(logged.iter().all(|line| line.starts_with("20")), "{logged:#?}");
    // It goes away with its work.
    assert!(run.stdout.trim_end().ends_with("; 40 calls"), "{}", run.stdout);
}

#[test]
fn a_service_that_slows_us_down_is_named() {
    let service = Service::at_rate(STATE, 5);
    let Some(run) = on_a_terminal(&site(&service, 30, 20), "apply --yes") else {
        return;
    };
    let said = bars(&run.ends_with(0));
    let slowed = said.iter().filter(|line| line.contains(" by the service"));
    assert!(slowed.count() > 2, "{said:#?}");
}

#[test]
fn a_quota_that_is_used_up_is_named() {
    let writes = AtomicUsize::new(0);
    let service = Service::hooked(STATE, move |head, _| {
        let write = head.method != Method::GET;
        let before = writes.fetch_add(usize::from(write), Ordering::Relaxed);
        let refused = write && before >= 15;
        if !write && before >= 15 {
            // The look at what came of it takes its time; meanwhile the refusal is shown.
            std::thread::sleep(Duration::from_millis(300));
        }
        refused.then(|| {
            let body = r#"{"error": "resource_limited", "error_description": "MAU"}"#;
            answer(429, body)
        })
    });
    let Some(run) = on_a_terminal(&site(&service, 40, 10), "apply --yes") else {
        return;
    };
    let run = run.ends_with(1);
    let said = bars(&run);
    assert!(
        said.contains(&"15/40 calls · the quota is used up: no new call is made".to_owned()),
        "{said:#?}"
    );
    assert!(run.stdout.contains("raise the plan"), "{}", run.stdout);
}

#[test]
fn nothing_is_drawn_where_nobody_reads_it() {
    for (people, args) in [
        (20, "apply --yes -q"),
        (20, "apply --yes --log-format json"),
        (2, "apply --yes"),
    ] {
        let service = Service::start(STATE);
        let Some(run) = on_a_terminal(&site(&service, people, 10), args) else {
            return;
        };
        let run = run.ends_with(0);
        assert_eq!(bars(&run), [""; 0], "{args}");
        assert!(!run.stdout.contains("\u{1b}[2K"), "{args}: {:?}", run.stdout);
    }
}
