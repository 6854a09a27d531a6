//! The token appears in no output, however loud, and goes to nobody but the service.

use super::service::{STATE, Service, TOKEN, answer};
use super::site::{Run, Site};

#[track_caller]
fn hides_the_token(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn no_output_shows_the_token() {
    let service = Service::start(STATE);
    let stranger = Service::start(&STATE.replace(TOKEN, "another"));
    let gone = Service::start(STATE).url();
    for site in [Site::of(&service), Site::of(&stranger), Site::at(&gone)] {
        for args in [
            &["plan", "-vv"][..],
            &["plan", "-vv", "--format", "json", "--log-format", "json"],
            &["apply", "--yes", "-vv"],
            &["validate", "-vv"],
        ] {
            hides_the_token(&site.run(args));
        }
        let mut command = site.command(&["plan", "-vv"]);
        hides_the_token(&Run::of(command.env("ROOMSYNC_TOKEN", TOKEN)));
    }
}

#[test]
fn a_token_that_is_none_is_not_shown_either() {
    let site = Site::at("http://127.0.0.1:1");
    site.write("token", &format!("{TOKEN} {TOKEN}\n"));
    hides_the_token(&site.run(&["plan", "-vv"]).ends_with(5));
    let mut command = site.command(&["plan", "-vv"]);
    hides_the_token(&Run::of(command.env("ROOMSYNC_TOKEN", format!("{TOKEN}\n"))).ends_with(5));
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Service::start(STATE);
    let to = elsewhere.url();
    for status in [301, 302, 307, 308] {
        let to = to.clone();
        let service = Service::answering(move || {
            let location = [("location", format!("{to}/acme/demo/chatrooms/66213271109633"))];
            axum::response::IntoResponse::into_response((
                http::StatusCode::from_u16(status).unwrap(),
                location,
            ))
        });
        let site = Site::of(&service);
        site.run(&["plan"]).ends_with(1);
        site.run(&["apply", "--yes"]).ends_with(1);
        assert!(!service.calls().is_empty());
    }
    assert_eq!(elsewhere.calls(), [""; 0]);
}

#[test]
fn plain_http_goes_past_every_proxy() {
    let service = Service::start(STATE);
    let proxy = Service::start(STATE);
    let site = Site::of(&service);
    let mut command = site.command(&["plan"]);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(name, proxy.url());
    }
    Run::of(&mut command).ends_with(0);
    assert_eq!(proxy.calls(), [""; 0]);
}

#[test]
fn a_service_that_repeats_the_token_does_not_get_it_printed() {
    let echo = Service::answering(|| {
        let said = format!(r#"{{"error": "unauthorized", "error_description": "bad token {TOKEN}"}}"#);
        answer(401, said)
    });
    hides_the_token(&Site::of(&echo).run(&["plan", "-vv"]).ends_with(1));
}

#[test]
fn a_token_that_is_escaped_or_stands_in_a_wrong_answer_is_not_printed() {
    let escaped = TOKEN.replacen(
        char::is_alphabetic,
        &format!("\\u{:04x}", u32::from(TOKEN.chars().next().unwrap())),
        1,
    );
    for said in [
        format!(r#"{{"error": "unauthorized", "error_description": "bad token {escaped}"}}"#),
        format!(r#"{{"data": "token {TOKEN}"}}"#),
    ] {
        for status in [200, 401, 403] {
            let said = said.clone();
            let echo = Service::answering(move || answer(status, said.clone()));
            hides_the_token(&Site::of(&echo).run(&["plan", "-vv"]).ends_with(1));
        }
    }
}

#[test]
fn a_token_in_the_wrong_place_is_not_printed() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    hides_the_token(&site.run(&["plan", "-c", "token"]).ends_with(5));
    hides_the_token(&site.run(&["validate", "token"]).ends_with(5));
    let auths = [
        format!("{{token_file: token, token: {TOKEN}}}"),
        format!("{{token_file: token, token_file: {TOKEN}}}"),
        TOKEN.to_owned(),
    ];
    for auth in auths {
        let settings =
            format!("service:\n  url: http://127.0.0.1:1\n  app_key: \"acme#demo\"\n  auth: {auth}\n");
        std::fs::write(site.path("wrong.yaml"), settings).unwrap();
        hides_the_token(&site.run(&["plan", "-c", "wrong.yaml"]).ends_with(5));
    }
}
