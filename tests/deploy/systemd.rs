//! The units, and what the daemon tells a service manager.

use super::daemon::{Daemon, PATIENCE, Service, TOKEN, eventually, settle_in};
use super::{checker, passed};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const UNIT: &str = "deploy/systemd/roomsync.service";
/// The unit of one App Key of several.
const TEMPLATE: &str = "deploy/systemd/roomsync@.service";
const SETTINGS: &str = "deploy/systemd/roomsync.yaml";

const STATE: &str = r#"
app_key: "61979408#1143303"
tokens: [t0k3n-t0-g3t-1n]
rooms: {"7": {owner: alice, members: [bob, eve]}}
"#;

const ROOMS: &str = "rooms: [{id: 7, members: [bob, carol]}]\n";

/// The values of a key of the unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

#[test]
fn systemd_takes_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for (unit, name) in [(UNIT, "roomsync.service"), (TEMPLATE, "roomsync@acme.service")] {
        let unit = fs::read_to_string(unit).unwrap();
        // Installed, it is found in /usr/bin or /usr/local/bin.
        assert!(unit.contains("\nExecStart=roomsync "));
        let path = folder.path().join(name);
        let here = concat!("ExecStart=", env!("CARGO_BIN_EXE_roomsync"), " ");
        fs::write(&path, unit.replace("ExecStart=roomsync ", here)).unwrap();
        let path = path.to_str().unwrap();
        let Some(checked) = checker("systemd-analyze", &["verify", "--man=no", path]) else {
            return;
        };
        // Whatever else is on this machine may be complained of, too.
        let said = passed(&checked);
        assert!(!said.contains("roomsync"), "{said}");
    }
}

#[test]
fn the_units_give_little_away() {
    for unit in [UNIT, TEMPLATE] {
        // In tenths: the exit code is another one above it.
        let args = ["security", "--offline=true", "--no-pager", "--threshold=15", unit];
        let Some(checked) = checker("systemd-analyze", &args) else {
            return;
        };
        let said = passed(&checked);
        println!("{}", said.lines().last().unwrap());
        assert!(said.contains("Overall exposure level"), "{said}");
        // The boot id must be seen: by it a restarted daemon knows how much time has passed.
        assert!(values(&fs::read_to_string(unit).unwrap(), "ProcSubset").is_empty());
    }
}

#[test]
fn an_app_of_several_has_folders_of_its_own_and_is_kept_like_the_only_one() {
    let unit = fs::read_to_string(UNIT).unwrap();
    let template = fs::read_to_string(TEMPLATE).unwrap();
    let instance = template.split_once('\n').unwrap().1;
    let only = instance
        .replace(
            "of the chat rooms of %i as its files say",
            "of chat rooms as the files say",
        )
        .replace("/etc/roomsync/%i", "/etc/roomsync")
        .replace("roomsync-%i", "roomsync");
    assert_eq!(only, unit);
    let named: Vec<String> = ["StateDirectory", "LoadCredential", "ExecStart", "ExecReload"]
        .iter()
        .flat_map(|key| values(&template, key))
        .filter(|value| value.contains("roomsync"))
        .collect();
    assert!(
        named.len() > 8 && named.iter().all(|value| value.contains("%i")),
        "{named:?}"
    );
}

#[test]
fn a_credential_that_is_not_there_does_not_keep_the_unit_from_starting() {
    let unit = fs::read_to_string(UNIT).unwrap();
    let loaded: Vec<String> = values(&unit, "LoadCredential")
        .iter()
        .map(|value| {
            let (name, path) = value.split_once(':').unwrap();
            assert_eq!(path, format!("/etc/roomsync/{name}"));
            format!("{name}:\\n")
        })
        .collect();
    assert!(loaded.contains(&"admin-token:\\n".to_owned()));
    assert_eq!(values(&unit, "SetCredential"), loaded);
}

#[test]
fn the_unit_and_its_settings_name_the_same_places() {
    let unit = fs::read_to_string(UNIT).unwrap();
    let settings: serde_yaml::Value = serde_yaml::from_str(&fs::read_to_string(SETTINGS).unwrap()).unwrap();
    let text = |value: &serde_yaml::Value| value.as_str().unwrap().to_owned();

    assert_eq!(values(&unit, "StateDirectory"), ["roomsync"]);
    assert_eq!(text(&settings["state_dir"]), "/var/lib/roomsync");
    assert!(text(&settings["audit_log"]).starts_with("/var/lib/roomsync/"));

    let loaded = values(&unit, "LoadCredential");
    let (name, _) = loaded[0].split_once(':').unwrap();
    let given = format!("$CREDENTIALS_DIRECTORY/{name}");
    assert_eq!(text(&settings["service"]["auth"]["token_file"]), given);

    // Settings that are not valid, and wrong usage: see the README's exit codes.
    assert_eq!(values(&unit, "RestartPreventExitStatus"), ["5 64"]);
}

/// The service manager's end of the socket.
struct Manager(UnixDatagram);

impl Manager {
    /// The next message that has a line which begins like this.
    #[track_caller]
    fn told(&self, begin: &str) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < until {
            let mut buffer = [0; 4096];
            let Ok(length) = self.0.recv(&mut buffer) else {
                break;
            };
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let lines: Vec<String> = message.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line.starts_with(begin)) {
                return lines;
            }
            seen.extend(lines);
        }
        panic!("not told {begin:?}, but {seen:?}");
    }
}

#[test]
fn the_units_command_tells_the_service_manager_how_it_stands() {
    let service = Service::start(STATE);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    fs::create_dir(folder.path().join("rooms")).unwrap();
    fs::write(folder.path().join("rooms/team.yaml"), ROOMS).unwrap();
    fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let settings = settle_in(
        folder.path(),
        &fs::read_to_string(SETTINGS).unwrap(),
        &[("/var/lib", here), ("127.0.0.1:9464", "127.0.0.1:0")],
    );
    // systemd makes the StateDirectory=.
    fs::create_dir(folder.path().join("roomsync")).unwrap();

    let socket = folder.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&socket).unwrap());
    manager.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let unit = fs::read_to_string(UNIT).unwrap();
    let command = values(&unit, "ExecStart").remove(0);
    let args: Vec<&str> = command
        .split(' ')
        .skip(1)
        .map(|arg| if arg.ends_with(".yaml") { &settings } else { arg })
        .collect();
    let daemon = Daemon::start(
        &args,
        &[
            ("NOTIFY_SOCKET", socket.to_str().unwrap()),
            ("CREDENTIALS_DIRECTORY", here),
            ("WATCHDOG_USEC", "2000000"),
            ("ROOMSYNC_URL", &service.url),
        ],
    );

    manager.told("READY=1");
    let status = manager.told("STATUS=1 room: ");
    assert_eq!(status.len(), 1, "{status:?}");
    // Twice within the time that the manager allows; after that it would end the daemon.
    manager.told("WATCHDOG=1");
    let last = Instant::now();
    manager.told("WATCHDOG=1");
    let between = last.elapsed();
    assert!(
        between < Duration::from_secs(20),
        "{between:?} between two signs of life"
    );

    let room = || service.emulator.state().rooms.values().next().unwrap().clone();
    eventually("the room is as wanted", || {
        room().members().contains("carol") && !room().members().contains("eve")
    });
    assert!(folder.path().join("roomsync/audit.jsonl").exists());

    daemon.signal("HUP");
    let reloading = manager.told("RELOADING=1");
    let monotonic = reloading
        .iter()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(monotonic.unwrap().parse::<u64>().unwrap() > 0);
    manager.told("READY=1");
    daemon.logs("settings and files are read again");

    daemon.signal("TERM");
    manager.told("STOPPING=1");
    assert_eq!(daemon.ends().code(), Some(0));
}
