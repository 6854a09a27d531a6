//! Secrets that somebody has put where they do not belong appear in no output, and no line of a file that is not one of ours does.

mod everywhere;

use super::site::{Run, Site};
use std::fs;
use std::os::unix::fs::symlink;

/// A secret of no special form, which nothing can be known by but its place.
const PLAIN: &str = "c4nary+0f/4-t3st=";
/// Secrets in the forms that the service gives them.
const TOKEN: &str = "007eJxTYCanary/Canary+Canary0123456789";
const OLD_TOKEN: &str = "YWMtCanaryCanaryCanary_Canary-0123456789";
const CLIENT_SECRET: &str = "YXA6CanaryCanaryCanary_Canary0123456789";
/// As long as a certificate, and of the same digits.
const CERTIFICATE: &str = "ca9a21ca9a21ca9a21ca9a21ca9a21ff";
/// Digits of an App ID that is none.
const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";

/// Every way of reading settings, and every format in which it is shown what is wrong.
const COMMANDS: &[&[&str]] = &[
    &["validate"],
    &["validate", "--format", "json"],
    &["validate", "--format", "github"],
    &["validate", "--settings"],
    &["plan"],
    &["run", "--once"],
    &["status", "--format", "json"],
    &["pause"],
    &["approve", "--yes", "1"],
];

/// Runs all of them as loud as can be, with and without a token in the environment, and asserts that none shows the canary. Each
/// ends, because no service answers. At least one must complain of the files.
#[track_caller]
fn none_shows(site: &Site, canary: &str) {
    let mut complaints = 0;
    for args in COMMANDS {
        for with_token in [false, true] {
            // Not each with each, or it would take minutes.
            let log_format = if with_token { "json" } else { "text" };
            let mut command = site.command(args);
            command.args(["-vv", "--log-format", log_format]);
            if with_token {
                command.env("ROOMSYNC_TOKEN", "t0k3n-0f-th3-3nv1r0nm3nt");
            }
            let run = Run::of(&mut command);
            let said = format!("{}{}", run.stdout, run.stderr).to_lowercase();
            assert!(!said.contains(&canary.to_lowercase()), "{args:?}: {run:?}");
            complaints += usize::from(run.code == 5);
        }
    }
    assert!(complaints > 0, "nothing was wrong");
}

fn settings(service: &str, rest: &str) -> Site {
    let site = Site::at("http://127.0.0.1:1");
    let text = format!("service:\n  url: http://127.0.0.1:1\n{service}\nrooms: rooms/\n{rest}\n");
    site.write("roomsync.yaml", &text);
    site
}

/// The lines of `service` after its address, with a secret where the name of its file belongs, and where nothing belongs.
fn services(secret: &str) -> Vec<String> {
    const KEY: &str = "  app_key: \"acme#demo\"\n";
    let auths = [
        format!("{{token: \"{secret}\"}}"),
        format!("{{token_file: \"{secret}\"}}"),
        format!("{{token_fil: \"{secret}\"}}"),
        format!("{{\"{secret}\"}}"),
        format!("{{token_file: token, \"{secret}\": true}}"),
        format!("{{token_file: [\"{secret}\"]}}"),
        format!("{{token_file: token, token_file: \"{secret}\"}}"),
        format!("\n    token_file: \"{secret}\"\n    token_file: token"),
        format!("{{token_file: token, token: \"{secret}\"}}"),
        format!("{{token_file: \"$CREDENTIALS_DIRECTORY/{secret}\"}}"),
        format!("{{token_file: \"rooms/{secret}\"}}"),
        format!("{{app_id: {APP_ID}, app_certificate: \"{secret}\"}}"),
        format!("{{app_id: {APP_ID}, app_certificate_file: \"{secret}\"}}"),
        format!("{{app_id: \"{secret}\", app_certificate_file: token}}"),
        format!("{{app_certificate_file: \"{secret}\"}}"),
        format!("{{client_id: x, client_secret: \"{secret}\"}}"),
        format!("{{client_id: x, client_secret_file: \"{secret}\"}}"),
        format!("{{client_id: \"{secret}\"}}"),
        format!("{{client_id: \"{secret} {secret}\", client_secret_file: token}}"),
        format!("{{token_file: \"{secret}\", client_id: x}}"),
        format!("\"{secret}\""),
        format!("[\"{secret}\"]"),
        format!("!{} x", secret.replace(['+', '/', '='], "-")),
        format!("*{}", secret.replace(['+', '/', '='], "-")),
        format!("|\n    {secret}"),
        format!("\n    token_file: >-\n      {secret}"),
        // The parser breaks off.
        format!("{{token_file: \"{secret}\""),
        format!("{{token_file: '{secret}"),
        format!("\n    token_file: {secret}: x"),
        format!("\n    token_file： {secret}"),
        format!("\n    token_file:\u{a0}{secret}"),
        format!("\n\ttoken_file: {secret}"),
        format!("\n    \"\\q{secret}\""),
        format!("\n    - [a-z]+{secret}"),
        format!("\n<<<<<<< {secret}\n    token_file: token"),
        format!("\n    token_file: token\n---\n{secret}"),
        format!("\n    token_file: \"{secret}\\0\""),
        format!("\n    token_file: {secret}\u{1}"),
        format!("{{token_file: \"{secret}\"}} # and a mistake on the same line: ]"),
    ];
    let of_auth = auths.map(|auth| format!("{KEY}  auth: {auth}"));
    let of_service = [
        format!("{KEY}  token: \"{secret}\""),
        format!("{KEY}  auth: {{token_file: token}}\n  credentials: {{token: \"{secret}\"}}"),
        format!("{KEY}  outh: {{token: \"{secret}\"}}"),
        format!("{KEY}  auth: {{token_file: \"{secret}\"}}\n  timeout: soon"),
        format!("  app_key: \"{secret}\"\n  auth: {{token_file: token}}"),
        format!("  app_id: \"{secret} \"\n  auth: {{token_file: token}}"),
        format!("{KEY}  url: \"{secret}\"\n  auth: {{token_file: token}}"),
        format!("{KEY}  \"{secret}\": x"),
    ];
    of_auth.into_iter().chain(of_service).collect()
}

#[test]
fn secrets_under_service() {
    for service in services(PLAIN) {
        none_shows(&settings(&service, ""), PLAIN.trim_end_matches('='));
    }
}

#[test]
fn secrets_in_the_forms_of_the_service() {
    for secret in [TOKEN, OLD_TOKEN, CLIENT_SECRET, CERTIFICATE] {
        // The places apart, or it would take minutes.
        let each = services(secret).into_iter().step_by(6);
        for service in each.chain(services(secret).into_iter().take(3)) {
            none_shows(&settings(&service, ""), secret);
        }
    }
}

#[test]
fn secrets_elsewhere_in_the_settings() {
    const SERVICE: &str = "  app_key: \"acme#demo\"\n  auth: {token_file: token}";
    for rest in [
        format!("token: {PLAIN}"),
        format!("token_file: {PLAIN}"),
        format!("auth: {{token: {PLAIN}}}"),
        format!("admin_token: {PLAIN}"),
        format!("admin_token_file: {PLAIN}"),
        format!("status_token_file: {PLAIN}"),
        format!("webhook: \"{PLAIN}\""),
        format!("webhook: {{secret: \"{PLAIN}\"}}"),
        format!("webhook: {{secret_file: \"{PLAIN}\"}}"),
        format!("webhook: {{secret_file: token, previous_secret: \"{PLAIN}\"}}"),
        format!("webhook: {{secret_file: token, previous_secret_file: \"{PLAIN}\"}}"),
        format!("webhook: {{path: \"{PLAIN}\"}}"),
        format!("webhok: {{\"{PLAIN}\"}}"),
        format!("servic: {{auth: {{token: {PLAIN}}}}}"),
        format!("service: {{auth: {{token: {PLAIN}}}}}"),
        format!("\"{PLAIN}\": x"),
        PLAIN.to_owned(),
        format!("- {PLAIN}"),
    ] {
        none_shows(&settings(SERVICE, &rest), PLAIN.trim_end_matches('='));
    }
    for secret in [TOKEN, OLD_TOKEN, CLIENT_SECRET] {
        for rest in [
            format!("limits: {{concurrency: \"{secret}\"}}"),
            format!("sync: {{interval: soon}} # {secret}"),
            format!("listen: \"{secret}\""),
            format!("guards: {{max_removals: \"{secret}\"}}"),
        ] {
            none_shows(&settings(SERVICE, &rest), secret);
        }
        let rooms =
            Site::at("http://127.0.0.1:1").with_settings("rooms: rooms/", &format!("rooms: {secret}"));
        none_shows(&rooms, secret);
    }
}

/// Everything on one line, as the first line of the file, with a mistake in another part.
#[test]
fn a_line_with_a_secret_is_not_shown_for_another_mistake() {
    for mistake in ["limits: {concurrency: many}", "rooms: {}", "x: 1", "listen: here"] {
        let site = Site::at("http://127.0.0.1:1");
        let text = format!(
            "{{{mistake}, service: {{url: \"http://127.0.0.1:1\", app_key: \"acme#demo\", auth: {{token_file: \"{PLAIN}\"}}}}}}\n"
        );
        site.write("roomsync.yaml", &text);
        none_shows(&site, PLAIN.trim_end_matches('='));
    }
}

/// Nothing of a file that somebody has named by mistake, or by a link, is shown.
#[test]
fn lines_of_foreign_files() {
    const FOREIGN: &str = "l1ne-0f-4-f0re1gn-file";
    let texts = [
        format!("{FOREIGN}\n"),
        format!("{FOREIGN}: {FOREIGN}\nusers: {FOREIGN}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{FOREIGN}\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN CERTIFICATE-----\n{FOREIGN}\n-----END CERTIFICATE-----\n"),
        format!("rooms:\n  - id: {FOREIGN}\n    {FOREIGN}: [a\n"),
        format!("password={FOREIGN}\n\u{1}\n"),
    ];
    for text in texts {
        let place = |old: &str, new: &str| {
            let site = Site::at("http://127.0.0.1:1");
            site.write("foreign", &text);
            site.with_settings(old, new)
        };
        none_shows(&place("token_file: token", "token_file: foreign, x: y"), FOREIGN);
        none_shows(
            &place(
                "auth: {token_file: token}",
                "auth: {token_file: foreign}\n  timeout: soon",
            ),
            FOREIGN,
        );
        none_shows(
            &place(
                "auth: {",
                &format!("ca_file: foreign\n  auth: {{app_id: {APP_ID}, app_certificate_"),
            )
            .with_settings(
                "app_certificate_token_file: token",
                "app_certificate_file: foreign",
            ),
            FOREIGN,
        );
        none_shows(&place("auth: {", "ca_file: foreign\n  auth: {"), FOREIGN);
        none_shows(&place("rooms: rooms/", "rooms: foreign"), FOREIGN);
        none_shows(&place("rooms: rooms/", "rooms: [rooms/, foreign]"), FOREIGN);
        let site = place("rooms: rooms/", "rooms: rooms/");
        symlink("../foreign", site.path("rooms/x.yaml")).unwrap();
        none_shows(&site, FOREIGN);
        let site = place("rooms: rooms/", "rooms: rooms/");
        fs::remove_file(site.path("roomsync.yaml")).unwrap();
        symlink("foreign", site.path("roomsync.yaml")).unwrap();
        none_shows(&site, FOREIGN);
    }
}
