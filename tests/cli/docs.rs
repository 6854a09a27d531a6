//! Texts of `--help` and the README.

use super::service::Service;
use super::site::{Run, Site, roomsync};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn help_and_the_console_blocks_of_the_readme() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .case("tests/cmd/*.trycmd")
        .case("README.md");
}

/// Every command that there is, by what the help lists.
fn commands() -> Vec<String> {
    let help = Run::of(roomsync(Path::new(".")).arg("--help"))
        .ends_with(0)
        .stdout;
    let (_, listed) = help.split_once("\nCommands:\n").unwrap();
    let lines = listed.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_help_of_every_command_is_kept_as_a_snapshot() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let path = format!("tests/cmd/{command}.trycmd");
        let kept = fs::read_to_string(&path).unwrap_or_default();
        let wanted = format!("$ roomsync {command} --help\n");
        assert!(
            kept.contains(&wanted),
            "{path} does not hold the help of `roomsync {command}`; write it with the one line\n  {wanted}\
             in a ```console block, and then\n  TRYCMD=overwrite cargo test --test real cli::docs"
        );
    }
    let root = fs::read_to_string("tests/cmd/roomsync.trycmd").unwrap();
    assert!(root.contains("$ roomsync -h\n") && root.contains("$ roomsync --help\n"));
}

/// The README's blocks of this language, in order.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let begins = readme.split(&fence).skip(1);
    begins
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

#[test]
fn the_rehearsal_goes_as_the_readme_tells_it() {
    let readme = fs::read_to_string("README.md").unwrap();
    let site = Path::new("examples/rehearsal");
    let read = |name: &str| fs::read_to_string(site.join(name)).unwrap();
    // The line for the editor has its own place in the README.
    let team = read("rooms/team.yaml");
    let (line, team) = team.split_once('\n').unwrap();
    assert!(line.starts_with("# yaml-language-server: "), "{line}");
    let [shown, with_ends, with_the_line] = blocks(&readme, "yaml").try_into().unwrap();
    assert_eq!(shown, team);
    let ending = Site::at("http://127.0.0.1:1").with_rooms(&with_ends);
    ending.run(&["validate"]).ends_with(0);
    assert!(with_the_line.starts_with("# yaml-language-server: "));

    let service = Service::start(&read("state.yaml"));
    let told = blocks(&readme, "text");
    assert_eq!(told.len(), 3);
    for block in told {
        let (command, output) = block.split_once('\n').unwrap();
        let args: Vec<&str> = command.strip_prefix("$ roomsync ").unwrap().split(' ').collect();
        let run = Run::of(roomsync(site).args(args).env("ROOMSYNC_URL", service.url()));
        let run = run.ends_with(if command.contains("explain") { 0 } else { 3 });
        assert_eq!(run.stdout, output, "{command}");
    }
}

#[test]
fn every_setting_of_the_readme_can_be_written_with_its_default() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (_, table) = readme.split_once("| key | default | |\n").unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("| `"));
    let mut seen = Vec::new();
    for row in rows {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        let (key, default) = (cells.nth(1).unwrap(), cells.next().unwrap());
        let (group, last) = key.rsplit_once('.').unwrap_or(("", key));
        let entry = match group {
            "" => format!("{last}: {default}\n"),
            "service" => format!("  {last}: {default}\n"),
            // Without a default: the settings of every site name it.
            "service.auth" => String::new(),
            "webhook" if default.is_empty() => String::new(),
            "webhook" => format!("webhook: {{secret_file: hook, {last}: {default}}}\n"),
            _ => format!("{group}: {{{last}: {default}}}\n"),
        };
        let site = Site::at("http://127.0.0.1:1")
            .with_settings("sync: {settle_removals: 0s}\n", "")
            .with_settings("rooms: rooms/\n", &entry);
        site.run(&["validate"]).ends_with(0);
        seen.push(last.to_owned());
    }
    for key in [
        "token_file",
        "max_removals_total",
        "settle",
        "status_page",
        "audit_log",
    ] {
        assert!(seen.iter().any(|name| name == key), "no {key} in {seen:?}");
    }
}

#[test]
fn the_daemon_answers_what_the_readme_asks() {
    let readme = fs::read_to_string("README.md").unwrap();
    let asked: Vec<String> = blocks(&readme, "sh")
        .iter()
        .flat_map(|block| block.lines())
        .filter(|line| line.starts_with("curl ") && line.contains(":9464/"))
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect();
    assert_eq!(asked.len(), 7);

    let rehearsal = Path::new("examples/rehearsal");
    let read = |name: &str| fs::read_to_string(rehearsal.join(name)).unwrap();
    let service = Service::start(&read("state.yaml"));
    let site = Site::of(&service).with_rooms(&read("rooms/team.yaml"));
    site.write("token", &read("token"));
    site.write(
        "roomsync.yaml",
        &(read("roomsync.yaml") + "listen: 127.0.0.1:0\n"),
    );
    let mut daemon = site.command(&["--log-format", "json", "run"]);
    daemon
        .env("ROOMSYNC_URL", service.url())
        .env("ROOMSYNC_ADMIN_TOKEN", "ask-me-for-a-look")
        .stderr(Stdio::piped());
    let mut daemon = Ended(daemon.spawn().unwrap());
    let mut log = BufReader::new(daemon.0.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let listening = log.find(|line| line.contains("\"listening\"")).unwrap();
    std::thread::spawn(move || log.for_each(drop));
    let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
    let address = listening["address"].as_str().unwrap();

    for line in asked {
        let (options, path) = line.split_once("http://127.0.0.1:9464").unwrap();
        let (method, wanted) = if options.contains("-X POST") {
            ("POST", 202)
        } else {
            ("GET", 200)
        };
        let header = options.split('"').nth(1).unwrap_or("Accept: */*");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{header}\r\n\r\n");
        let begun = Instant::now();
        loop {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            if answer.starts_with(&format!("HTTP/1.1 {wanted} ")) {
                break;
            }
            // The files are read and the rooms looked at only after the start.
            assert!(begun.elapsed() < Duration::from_secs(60), "{line}: {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A process that is ended when dropped.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
