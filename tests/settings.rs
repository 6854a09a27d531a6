//! `roomsync.yaml`: what is read, its defaults, and what is said of what cannot be.

mod credentials;

use roomsync::chat::read_secret;
use roomsync::chat::wire::Method;
use roomsync::cli::validate;
use roomsync::diagnostics::render;
use roomsync::model::{Absent, Limit, RoomDefaults};
use roomsync::settings::{App, Auth, Env, SecretFrom, Settings, load, load_offline};
use secrecy::ExposeSecret;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

const MINIMAL: &str = "service:\n  url: https://chat.example.com\n  app_key: \"org#app\"\n";

fn env_with_token() -> Env {
    Env {
        token: Some("s3cret".into()),
        ..Env::default()
    }
}

/// Loads the text as settings; errors come with the directory's own name left out.
fn load_text(text: &str, token: Option<&str>, env: &Env) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roomsync.yaml");
    fs::write(&path, text).unwrap();
    if let Some(token) = token {
        fs::write(dir.path().join("token"), token).unwrap();
    }
    load(&path, env).map_err(|invalid| {
        render(&invalid.diagnostics, false).replace(&dir.path().to_string_lossy().into_owned(), "SITE")
    })
}

/// One snapshot a file of `tests/invalid/settings`. Without the token in the environment the same is said, and perhaps that there is
/// none.
#[test]
fn invalid_settings() {
    for entry in fs::read_dir("tests/invalid/settings").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let said = |env: &Env| {
            let invalid = load(&path, env).unwrap_err();
            let said = render(&invalid.diagnostics, false);
            assert!(!said.contains("hunter2"), "{said}");
            said.replace(env!("CARGO_PKG_VERSION"), "OURS")
        };
        let (with, without) = (said(&env_with_token()), said(&Env::default()));
        let more = without.strip_prefix(with.trim_end());
        let more = more.unwrap_or_else(|| panic!("{with}\n{without}")).trim_start();
        let said = match more {
            "" => with,
            more => format!("{with}--- without a token in the environment ---\n{more}"),
        };
        insta::assert_snapshot!(name, said);
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = load_text(MINIMAL, None, &env_with_token()).unwrap();
    assert_eq!(settings.service.url.as_str(), "https://chat.example.com/");
    let (org, app) = ("org".to_owned(), "app".to_owned());
    assert_eq!(settings.service.app, App::Key { org, app });
    assert_eq!(settings.service.timeout, Duration::from_secs(10));
    assert_eq!(settings.service.ca_file, None);
    assert!(settings.rooms[0].ends_with("rooms") && settings.rooms[0].is_absolute());
    let limits = &settings.limits;
    assert_eq!(
        (limits.concurrency, limits.add_batch, limits.remove_batch),
        (64, 60, 100)
    );
    assert!(limits.bulk_reads);
    assert!(!limits.strict);
    assert!(
        Method::ALL
            .iter()
            .all(|method| limits.calls_per_second.of(*method) == 50)
    );
    assert_eq!(settings.room_defaults, RoomDefaults::default());
    assert_eq!(settings.max_removals_total, Limit::Share(1_000));
    assert_eq!(settings.sync.interval, Duration::from_secs(300));
    assert_eq!(settings.sync.settle, Duration::from_millis(500));
    assert!(settings.state_dir.ends_with(".roomsync"));
    assert_eq!(settings.listen.unwrap().to_string(), "127.0.0.1:9464");
    assert!(!settings.status_page && !settings.sync.paused);
    assert_eq!(settings.audit_log, None);
    assert_eq!(settings.webhook, None);
    assert!(settings.allowed_hosts.is_empty() && settings.status_token().unwrap().is_none());
    assert!(settings.admin_token().unwrap().is_none());
    let text = format!("{MINIMAL}webhook: {{secret_file: hook}}\n");
    let webhook = load_text(&text, None, &env_with_token())
        .unwrap()
        .webhook
        .unwrap();
    assert_eq!(
        (webhook.listen.to_string(), &*webhook.path),
        ("127.0.0.1:9465".to_owned(), "/hooks/agora")
    );
    assert!(webhook.secret_file.is_absolute() && webhook.secret_file.ends_with("hook"));
    assert_eq!(webhook.previous_secret_file, None);
}

#[test]
fn everything_can_be_said() {
    let text = r#"
service:
  url: http://127.0.0.1:8080/
  app_id: 8be024f0-e978-4a6d.x
  auth: {token_file: token}
  ca_file: ca.pem
  timeout: 500ms
rooms: [a, b.yaml]
limits: {calls_per_second: {default: 40, list_admins: 90}, concurrency: 8, add_batch: 100, remove_batch: 60, bulk_reads: false, strict: true}
guards: {max_removals: 3, max_demotions: 1%, max_removals_total: 5%, max_additions: 7, protect: [Bot, "ops-*"]}
sync: {interval: 1h, settle: 0ms, paused: true}
webhook: {listen: "[::]:8443", path: /, secret_file: hook, previous_secret_file: old/hook}
state_dir: /var/lib/roomsync
listen: off
status_page: true
allowed_hosts: [RoomSync.Example.com, roomsync]
status_token_file: see
admin_token_file: order
absent: ignore
audit_log: log/audit.jsonl
"#;
    let settings = load_text(text, Some("tok-en\r\n"), &Env::default()).unwrap();
    for (key, token) in [
        ("status_token_file", settings.status_token()),
        ("admin_token_file", settings.admin_token()),
    ] {
        let invalid = token.unwrap_err().diagnostics;
        assert_eq!(invalid[0].code, "bad-token");
        let message = &invalid[0].message;
        assert!(
            message.starts_with(&format!("`{key}`: there is no such file")),
            "{message}"
        );
    }
    assert_eq!(settings.service.app, App::Id("8be024f0-e978-4a6d.x".to_owned()));
    let auth = &settings.service.auth;
    assert!(
        matches!(auth, Auth::TokenFile(path) if path.ends_with("token")),
        "{auth:?}"
    );
    assert!(settings.service.ca_file.unwrap().ends_with("ca.pem"));
    assert_eq!(settings.rooms.len(), 2);
    assert_eq!(settings.limits.calls_per_second.of(Method::ListAdmins), 90);
    assert_eq!(settings.limits.calls_per_second.of(Method::Promote), 40);
    assert!(!settings.limits.bulk_reads);
    assert!(settings.limits.strict);
    assert_eq!(settings.room_defaults.guards.max_additions, Some(Limit::Count(7)));
    assert_eq!(settings.room_defaults.guards.protect[0].as_str(), "bot");
    assert_eq!(settings.room_defaults.absent, Absent::Ignore);
    assert_eq!(settings.max_removals_total, Limit::Share(500));
    assert_eq!(settings.state_dir, Path::new("/var/lib/roomsync"));
    assert_eq!(settings.listen, None);
    assert!(settings.sync.paused);
    let webhook = settings.webhook.unwrap();
    assert_eq!((webhook.listen.port(), &*webhook.path), (8443, "/"));
    assert!(webhook.previous_secret_file.unwrap().ends_with("old/hook"));
    assert_eq!(settings.allowed_hosts, ["roomsync.example.com", "roomsync"]);
    let audit_log = settings.audit_log.unwrap();
    assert!(audit_log.is_absolute() && audit_log.ends_with("log/audit.jsonl"));
    let number = load_text(
        &format!("{MINIMAL}limits: {{calls_per_second: 7}}\n"),
        None,
        &env_with_token(),
    )
    .unwrap();
    assert_eq!(number.limits.calls_per_second.of(Method::Demote), 7);
}

#[test]
fn the_list_of_rooms_is_asked_for_as_often_as_the_service_allows() {
    let rates = |text: &str| {
        let text = format!("{MINIMAL}limits: {{calls_per_second: {text}}}\n");
        let settings = load_text(&text, None, &env_with_token()).unwrap();
        let rates = settings.limits.calls_per_second;
        [Method::ListRooms, Method::ListAdmins].map(|method| rates.of(method))
    };
    assert_eq!(rates("90"), [50, 90]);
    assert_eq!(rates("7"), [7, 7]);
    assert_eq!(rates("{default: 90, list_rooms: 70}"), [70, 90]);
}

#[test]
fn a_share_is_taken_of_every_rate() {
    let rates = |text: &str| {
        let text = format!("{MINIMAL}limits: {{{text}}}\n");
        let settings = load_text(&text, None, &env_with_token()).unwrap();
        let rates = settings.limits.calls_per_second;
        [Method::ListRooms, Method::ListAdmins, Method::AddMany].map(|method| rates.of(method))
    };
    assert_eq!(rates("share: 100%"), [50, 50, 50]);
    assert_eq!(rates("calls_per_second: 100"), [50, 100, 100]);
    assert_eq!(rates("calls_per_second: 100, share: 50%"), [25, 50, 50]);
    assert_eq!(rates("calls_per_second: 100, share: 33.3%"), [16, 33, 33]);
    assert_eq!(
        rates("calls_per_second: {default: 90, list_admins: 7}, share: 10%"),
        [5, 1, 9],
        "never nothing"
    );
    for bad in ["0%", "0.99%", "100.01%", "101%", "50", "-5%", "half", "null"] {
        let text = format!("{MINIMAL}limits: {{share: {bad}}}\n");
        let said = load_text(&text, None, &env_with_token()).unwrap_err();
        assert!(said.contains("share"), "{said}");
    }
}

#[test]
fn plain_http_is_for_loopback() {
    for (url, allow, good) in [
        ("http://localhost:80", false, true),
        ("http://127.9.9.9", false, true),
        ("http://[::1]:9", false, true),
        ("http://10.0.0.1", false, false),
        ("http://localhost.example.com", false, false),
        ("http://10.0.0.1", true, true),
    ] {
        let text = MINIMAL.replace("https://chat.example.com", url) + &format!("  allow_http: {allow}\n");
        assert_eq!(load_text(&text, None, &env_with_token()).is_ok(), good, "{url}");
    }
}

#[test]
fn the_environment_wins() {
    let env = |url: &str| Env {
        url: Some(OsString::from(url)),
        ..env_with_token()
    };
    let text = MINIMAL.replace("  url: https://chat.example.com\n", "");
    let settings = load_text(&text, None, &env("https://other.example.com")).unwrap();
    assert_eq!(settings.service.url.host_str(), Some("other.example.com"));
    let with_file = format!("{MINIMAL}  auth: {{token_file: nowhere}}\n");
    let settings = load_text(&with_file, None, &env_with_token()).unwrap();
    assert!(matches!(&settings.service.auth, Auth::Token(token) if token.expose_secret() == "s3cret"));
    insta::assert_snapshot!(
        "environment",
        load_text(&text, None, &env("http://u:p@10.0.0.1")).unwrap_err()
    );
}

#[test]
fn a_token_must_be_there_and_be_one() {
    let with_file = format!("{MINIMAL}  auth: {{token_file: token}}\n");
    let mut said = load_text(MINIMAL, None, &Env::default()).unwrap_err();
    for token in [
        None,
        Some(""),
        Some("\n"),
        Some("two words\n"),
        Some("two\nlines\n"),
    ] {
        said += &load_text(&with_file, token, &Env::default()).unwrap_err();
    }
    said += &load_text(&with_file, Some(&"x".repeat(70_000)), &Env::default()).unwrap_err();
    for token in [" ", "a b", "a\nb"] {
        let env = Env {
            token: Some(token.into()),
            ..Env::default()
        };
        said += &load_text(&with_file, Some("good"), &env).unwrap_err();
    }
    for token in ["", "a b", "a\u{1b}"] {
        let env = Env {
            admin_token: Some(token.into()),
            ..env_with_token()
        };
        said += &load_text(MINIMAL, None, &env).unwrap_err();
    }
    insta::assert_snapshot!("tokens", said);
    assert!(read_secret(Path::new("/nonexistent")).is_err());
}

#[test]
fn no_secret_is_shown() {
    let env = Env {
        admin_token: Some("s3cret-too".into()),
        ..env_with_token()
    };
    // The environment wins over the file, which need not be there then.
    let text = format!("{MINIMAL}admin_token_file: nowhere\n");
    let settings = load_text(&text, None, &env).unwrap();
    let Some(SecretFrom::Environment(admin_token)) = &settings.admin_token else {
        panic!("{:?}", settings.admin_token);
    };
    assert_eq!(admin_token.expose_secret(), "s3cret-too");
    assert!(!format!("{settings:?}{env:?}").contains("s3cret"));
}

#[test]
fn a_missing_settings_file() {
    let invalid = load(Path::new("nowhere/roomsync.yaml"), &env_with_token()).unwrap_err();
    insta::assert_snapshot!("missing-file", render(&invalid.diagnostics, false));
}

/// Output of `roomsync validate`, and true if it holds the files to be valid.
fn validate(paths: &[&str], config: &str) -> (String, bool) {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: validate::Args,
    }
    let args = ["validate"].iter().chain(paths);
    let cli: Cli = clap::Parser::parse_from(args);
    let mut out = Vec::new();
    let valid = validate::check(
        &cli.args,
        Path::new(config),
        &Env::default(),
        validate::Look::default(),
        &mut out,
    )
    .unwrap();
    (String::from_utf8(out).unwrap(), valid)
}

#[test]
fn the_example_is_valid_without_its_token() {
    let whole = "3 files, 3 rooms, 3 groups, 7 people: valid\n".to_owned();
    assert_eq!(
        validate(&[], "examples/site/roomsync.yaml"),
        (whole.clone(), true)
    );
    assert_eq!(validate(&["examples/site/rooms"], "nowhere.yaml"), (whole, true));
    let offline = load_offline(Path::new("examples/site/roomsync.yaml"), &Env::default()).unwrap();
    assert_eq!(offline.room_defaults.guards.max_removals, Limit::Share(1_000));
}

#[test]
fn validate_counts_what_it_found() {
    let (out, valid) = validate(&["tests/invalid/rooms/warnings.yaml"], "nowhere.yaml");
    assert!(out.ends_with("1 error, 3 warnings\n") && !valid, "{out}");
    let (out, valid) = validate(&[], "nowhere.yaml");
    assert!(out.ends_with("1 error\n") && !valid, "{out}");
}
