//! A canary in each place that a secret or a foreign file can come to × each command × each format, and a daemon with its page, API
//! and log: it turns up nowhere, neither in what is said nor in a file that was written.

use super::super::running::said_by_daemon;
use super::super::service::{ROOM, STATE, Service, TOKEN};
use super::super::site::{ROOMS, Run, Site};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// A secret of no special form. It stands in lines of the foreign file, too.
const CANARY: &str = "c4nary-1n-4-c04l-m1ne";
const APP_KEY: &str = "app_key: \"acme#demo\"";
const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const FILES_OF_STATE: [&str; 8] = [
    "state.json",
    "rosters.json",
    "files.json",
    "budget.json",
    "invited",
    "seen",
    "pause",
    "lock",
];

/// Every command that ends by itself, in each of its formats.
const COMMANDS: &[&[&str]] = &[
    &["validate"],
    &["validate", "--format", "json"],
    &["validate", "--format", "github"],
    &["validate", "--settings"],
    &["validate", "--settings", "--format", "json"],
    &["validate", "--settings", "--format", "github"],
    &["validate", "rooms"],
    &["validate", "foreign", "--format", "json"],
    &["validate", "foreign", "token"],
    &["validate", "-c", "foreign"],
    &["plan", "-c", "token"],
    &["plan"],
    &["plan", "--format", "json"],
    &["plan", "--format", "markdown"],
    &["plan", "--base", "rooms", "--out", "plan.json"],
    &["plan", "--base", "foreign"],
    &["apply", "--yes"],
    &["apply", "--yes", "--format", "json"],
    &["apply", "--plan", "foreign"],
    &["apply", "--plan", "token"],
    &["run", "--once"],
    &["run", "--once", "--dry-run"],
    &["export", "--all"],
    &["export", "--all", "--with-offline", "--out", "out.yaml"],
    &["explain", "bob"],
    &["explain", "bob", ROOM],
    &["probe", "live"],
    &["probe", "ready"],
    &["emulator", "--listen", "127.0.0.1:0", "--state", "foreign"],
    &["emulator", "--listen", "127.0.0.1:0", "--state", "token"],
    &["emulator", "--listen", "127.0.0.1:0", "--state", "roomsync.yaml"],
    &["schema", "settings"],
    &["schema", "rooms"],
    &["completions", "bash"],
];

/// A site with a canary.
struct Case<'s> {
    service: &'s Service,
    site: Site,
    env: Vec<(&'static str, String)>,
}

impl<'s> Case<'s> {
    fn new(service: &'s Service) -> Self {
        let site = Site::of(service);
        let foreign = format!(
            "{CANARY}: {CANARY}\nrooms:\n  - id: {CANARY}\n    {CANARY}: [a\n-----BEGIN {CANARY}-----\npassword={CANARY}\n"
        );
        site.write("foreign", &foreign);
        let case = Self {
            service,
            site,
            env: Vec::new(),
        };
        case.settings(&format!("{APP_KEY}\n  auth: {{token_file: token}}"), "")
    }

    /// Settings with these lines under `service`, and these at the end.
    fn settings(self, of_service: &str, rest: &str) -> Self {
        let url = self.service.url();
        self.settings_for(&url, of_service, rest)
    }

    fn settings_for(self, url: &str, of_service: &str, rest: &str) -> Self {
        let text = format!(
            "service:\n  url: \"{url}\"\n  {of_service}\nrooms: rooms/\nlisten: 127.0.0.1:0\nsync: {{settle_removals: 0s}}\n{rest}\n"
        );
        self.site.write("roomsync.yaml", &text);
        self
    }

    fn auth(self, auth: &str) -> Self {
        self.settings(&format!("{APP_KEY}\n  auth: {auth}"), "")
    }

    fn rest(self, rest: &str) -> Self {
        self.settings(&format!("{APP_KEY}\n  auth: {{token_file: token}}"), rest)
    }

    fn link(self, name: &str, to: &str) -> Self {
        let path = self.site.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        symlink(self.site.path(to), path).unwrap();
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::create_dir_all(self.site.path(name).parent().unwrap()).unwrap();
        self.site.write(name, text);
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    fn command(&self, args: &[&str], log_format: &str) -> Command {
        let mut command = self.site.command(args);
        command.args(["-vv", "--log-format", log_format]);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Asserts that the canary stays where it is, whatever is run.
    #[track_caller]
    fn check(&self, name: &str) {
        let before = files_with_canary(&self.site.path("."));
        let mut log_formats = ["text", "json"].into_iter().cycle();
        for args in COMMANDS {
            let log_format = log_formats.next().unwrap();
            let run = Run::of(&mut self.command(args, log_format));
            assert!(run.code != 101 && run.code >= 0, "{name}, {args:?}: {run:?}");
            shows_nothing(&format!("{}\n{}", run.stdout, run.stderr), name, args);
        }
        let log_format = log_formats.next().unwrap();
        let said = said_by_daemon(&mut self.command(&["run"], log_format));
        assert!(!said.contains("panicked"), "{name}: {said}");
        shows_nothing(&said, name, &["run"]);
        let after = files_with_canary(&self.site.path("."));
        assert_eq!(after.len(), before.len(), "{name}: {before:?}, then {after:?}");
    }
}

#[track_caller]
fn shows_nothing(said: &str, name: &str, args: &[&str]) {
    assert!(!said.to_lowercase().contains(CANARY), "{name}, {args:?}:\n{said}");
}

/// Regular files below the folder that have the canary, by whichever name.
fn files_with_canary(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_with_canary(&entry.path()));
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            if String::from_utf8_lossy(&bytes).to_lowercase().contains(CANARY) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

#[test]
fn links_to_a_foreign_file() {
    let service = Service::start(STATE);
    let case = || Case::new(&service);
    for name in ["rooms/x.yaml", "rooms/team.yaml", "rooms/x.yml"] {
        case().link(name, "foreign").check(name);
    }
    let folder = case().file("elsewhere/x.yaml", &format!("{CANARY}: [\n"));
    folder.link("rooms/x", "elsewhere").check("a folder of rooms");
    case().link("rooms", "foreign").check("rooms");
    case().link("roomsync.yaml", "foreign").check("roomsync.yaml");
    case().link("token", "foreign").check("token");
    case()
        .settings(
            &format!("{APP_KEY}\n  ca_file: ca\n  auth: {{token_file: token}}"),
            "",
        )
        .link("ca", "foreign")
        .check("ca_file");
    let audit = case().rest("audit_log: audit").link("audit", "foreign");
    audit.check("audit_log");
    case().link(".roomsync", "foreign").check("state_dir");
    for name in FILES_OF_STATE {
        case().link(&format!(".roomsync/{name}"), "foreign").check(name);
    }
}

#[test]
fn a_foreign_text_in_a_file_of_ours() {
    let service = Service::start(STATE);
    let case = || Case::new(&service);
    let lines = format!("{CANARY}\n{CANARY}\n");
    for text in [
        lines.as_str(),
        "{\"c4nary-1n-4-c04l-m1ne\": [",
        "\u{feff}c4nary-1n-4-c04l-m1ne x",
    ] {
        case().file("token", text).check("token");
        // The text of `pause` is for people: it says why.
        for name in FILES_OF_STATE.into_iter().filter(|name| *name != "pause") {
            case().file(&format!(".roomsync/{name}"), text).check(name);
        }
        let webhook = "webhook: {listen: 127.0.0.1:0, secret_file: secret}";
        for rest in [webhook, "status_token_file: secret", "admin_token_file: secret"] {
            case().rest(rest).file("secret", text).check(rest);
        }
        for auth in [
            format!("{{app_id: {APP_ID}, app_certificate_file: secret}}"),
            "{client_id: x, client_secret_file: secret}".to_owned(),
        ] {
            case().auth(&auth).file("secret", text).check(&auth);
        }
    }
}

#[test]
fn secrets_in_the_settings() {
    let service = Service::start(STATE);
    let case = || Case::new(&service);
    for auth in [
        format!("{{token: {CANARY}}}"),
        format!("{{token_file: {CANARY}}}"),
        format!("{{app_id: {APP_ID}, app_certificate: {CANARY}}}"),
        format!("{{app_id: {APP_ID}, app_certificate_file: {CANARY}}}"),
        format!("{{client_id: x, client_secret: {CANARY}}}"),
        format!("{{client_id: x, client_secret_file: {CANARY}}}"),
        format!("{{token_file: token, {CANARY}: x}}"),
    ] {
        case().auth(&auth).check(&auth);
    }
    for rest in [
        format!("admin_token: {CANARY}"),
        format!("admin_token_file: {CANARY}"),
        format!("status_token: {CANARY}"),
        format!("status_token_file: {CANARY}"),
        format!("webhook: {{listen: 127.0.0.1:0, secret: {CANARY}}}"),
        format!("webhook: {{listen: 127.0.0.1:0, secret_file: {CANARY}}}"),
        format!("webhook: {{listen: 127.0.0.1:0, secret_file: token, previous_secret: {CANARY}}}"),
        format!("webhook: {{listen: 127.0.0.1:0, secret_file: token, previous_secret_file: {CANARY}}}"),
        format!("webhook: {CANARY}"),
    ] {
        case().rest(&rest).check(&rest);
    }
}

#[test]
fn secrets_in_the_environment_and_in_addresses() {
    let service = Service::start(&STATE.replace(TOKEN, &format!("{TOKEN}, {CANARY}")));
    let case = || Case::new(&service);
    let tokens = [
        CANARY.to_owned(),
        format!("{CANARY} {CANARY}"),
        format!("{CANARY}\n{CANARY}"),
        format!("{CANARY}\u{e9}"),
    ];
    for name in [
        "ROOMSYNC_TOKEN",
        "ROOMSYNC_ADMIN_TOKEN",
        "ROOMSYNC_APP_CERTIFICATE",
        "ROOMSYNC_CLIENT_SECRET",
    ] {
        for token in &tokens {
            case().env(name, token).check(name);
        }
    }
    for (auth, name) in [
        (format!("{{app_id: {APP_ID}}}"), "ROOMSYNC_APP_CERTIFICATE"),
        ("{client_id: x}".to_owned(), "ROOMSYNC_CLIENT_SECRET"),
    ] {
        case().auth(&auth).env(name, CANARY).check(&auth);
    }
    case().file("token", &format!("{CANARY}\n")).check("the token");
    let of_service = format!("{APP_KEY}\n  auth: {{token_file: token}}");
    let host = service.address;
    for url in [
        format!("http://ann:{CANARY}@{host}"),
        format!("http://{CANARY}@{host}"),
        format!("https://ann:{CANARY}@{host}/?x#y"),
        format!("ann:{CANARY}@{host}"),
        format!("http://ann:{CANARY}@{host} x"),
    ] {
        case().settings_for(&url, &of_service, "").check(&url);
        case().env("ROOMSYNC_URL", &url).check(&url);
        let proxied = case().settings_for("https://127.0.0.1:1", &of_service, "");
        proxied.env("HTTPS_PROXY", &url).check(&url);
    }
}

/// Page and API of the daemon are among what is looked through.
#[test]
fn a_daemon_shows_its_page_to_the_check() {
    let service = Service::start(STATE);
    let webhook = "webhook: {listen: 127.0.0.1:0, secret_file: hook}";
    for rest in ["", webhook] {
        for log_format in ["text", "json"] {
            let case = Case::new(&service)
                .rest(rest)
                .file("hook", "secret-of-the-webhook\n");
            let said = said_by_daemon(&mut case.command(&["run"], log_format));
            for part in ["HTTP/1.1 200", "<title>", "\"last_tried\":\"", "roomsync_rooms{"] {
                assert!(said.contains(part), "no {part}: {said}");
            }
        }
    }
}

/// The canary is found where it is shown.
#[test]
#[should_panic(expected = "a name in a room file")]
fn the_check_itself() {
    let service = Service::start(STATE);
    let rooms = ROOMS.replace("carol", CANARY);
    Case::new(&service)
        .file("rooms/team.yaml", &rooms)
        .check("a name in a room file");
}
