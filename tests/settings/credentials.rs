//! The three kinds of credentials, from files and environment.

use super::{MINIMAL, env_with_token, load_text};
use roomsync::settings::{Auth, Env, SecretFrom};
use secrecy::ExposeSecret;
use std::ffi::OsString;
use std::fs;

const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";

fn env(change: impl FnOnce(&mut Env)) -> Env {
    let mut env = Env::default();
    change(&mut env);
    env
}

#[test]
fn each_kind_of_credentials_is_read_and_the_environment_wins() {
    let app = format!("{MINIMAL}  auth: {{app_id: {APP_ID}, app_certificate_file: token}}\n");
    let settings = load_text(
        &app,
        Some(&format!("\u{feff} {CERTIFICATE}\r\n")),
        &Env::default(),
    )
    .unwrap();
    let Auth::App { app_id, certificate } = &settings.service.auth else {
        panic!("{:?}", settings.service.auth)
    };
    assert_eq!(app_id, APP_ID);
    assert!(matches!(certificate, SecretFrom::File(path) if path.ends_with("token")));

    let half = format!("{MINIMAL}  auth: {{app_id: {APP_ID}}}\n");
    for text in [&app, &half] {
        let certificate = env(|env| env.app_certificate = Some(format!(" {CERTIFICATE}\n").into()));
        let settings = load_text(text, None, &certificate).unwrap();
        let auth = &settings.service.auth;
        assert!(
            matches!(auth, Auth::App { certificate: SecretFrom::Environment(secret), .. } if secret.expose_secret() == CERTIFICATE)
        );
        assert!(!format!("{settings:?}").contains(CERTIFICATE));
    }

    let client = format!("{MINIMAL}  auth: {{client_id: YXA6-x, client_secret_file: token}}\n");
    let settings = load_text(&client, Some("s3cret\n"), &Env::default()).unwrap();
    assert!(matches!(&settings.service.auth, Auth::Client { client_id, .. } if client_id == "YXA6-x"));
    let secret = env(|env| env.client_secret = Some("s3cret".into()));
    let half = format!("{MINIMAL}  auth: {{client_id: YXA6-x}}\n");
    assert!(load_text(&half, None, &secret).is_ok());

    for text in [app, client, half] {
        let settings = load_text(&text, None, &env_with_token()).unwrap();
        assert!(
            matches!(settings.service.auth, Auth::Token(_)),
            "a token of the environment beats all"
        );
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let empty = env(|env| {
        env.token = Some("".into());
        env.app_certificate = Some("".into());
        env.client_secret = Some("".into());
        env.url = Some(OsString::new());
    });
    let with_file = format!("{MINIMAL}  auth: {{token_file: token}}\n");
    let settings = load_text(&with_file, Some("tok"), &empty).unwrap();
    assert!(matches!(settings.service.auth, Auth::TokenFile(_)));
    assert_eq!(settings.service.url.host_str(), Some("chat.example.com"));
    let said = load_text(MINIMAL, None, &empty).unwrap_err();
    assert!(said.starts_with("error[no-token]"), "{said}");
}

#[test]
fn credentials_that_cannot_be_used_are_refused_where_they_stand() {
    let app = |rest: &str| format!("{MINIMAL}  auth: {{app_id: {APP_ID}{rest}}}\n");
    let client = |rest: &str| format!("{MINIMAL}  auth: {{client_id: x{rest}}}\n");
    let mut said = String::new();
    for text in [app(""), client("")] {
        said += &load_text(&text, None, &Env::default()).unwrap_err();
    }
    for certificate in [None, Some(""), Some("not-a-certificate"), Some("two words")] {
        said += &load_text(
            &app(", app_certificate_file: token"),
            certificate,
            &Env::default(),
        )
        .unwrap_err();
    }
    said += &load_text(
        &client(", client_secret_file: token"),
        Some("two words"),
        &Env::default(),
    )
    .unwrap_err();
    let bad = env(|env| {
        env.app_certificate = Some("hunter2".into());
        env.client_secret = Some("hunter2 hunter2".into());
    });
    said += &load_text(&app(""), None, &bad).unwrap_err();
    said += &load_text(&client(""), None, &bad).unwrap_err();
    let token = format!("{MINIMAL}  auth: {{token_file: $CREDENTIALS_DIRECTORY/token}}\n");
    said += &load_text(&token, None, &Env::default()).unwrap_err();
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!("credentials", said);
}

#[test]
fn a_path_can_begin_with_the_folder_of_systemds_credentials() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chat"), "tok").unwrap();
    let env = env(|env| env.credentials_directory = Some(folder.path().into()));
    for begin in ["$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}"] {
        let text = format!("{MINIMAL}  auth: {{token_file: \"{begin}/chat\"}}\n");
        let settings = load_text(&text, None, &env).unwrap();
        let file = folder.path().join("chat");
        assert!(matches!(&settings.service.auth, Auth::TokenFile(path) if *path == file));
    }
    // Where the folder is not known, a variable that wins over the file is enough.
    let token = format!("{MINIMAL}  auth: {{token_file: $CREDENTIALS_DIRECTORY/chat}}\n");
    let with_token = self::env(|env| env.token = Some("t0k3n".into()));
    assert!(load_text(&token, None, &with_token).is_ok());
    assert!(load_text(&token, None, &Env::default()).is_err());
    // No other variable, and none inside of a path.
    for path in [
        "$HOME/chat",
        "x/$CREDENTIALS_DIRECTORY/chat",
        "$CREDENTIALS_DIRECTORYchat",
    ] {
        let text = format!("{MINIMAL}  auth: {{token_file: \"{path}\"}}\n");
        let said = load_text(&text, None, &env).unwrap_err();
        assert!(said.contains("there is no such file below SITE\n"), "{said}");
    }
}
