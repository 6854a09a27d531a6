//! The steps that plan a request and comment on it, run for real: what a request can do, and what it cannot.

mod size;

use super::place::{Comment, MARKER, Place, ROOMS, Ran, output, programs, settings};
use super::{GITLAB, PLAN, parsed, script, steps};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;

/// One more is wanted than there are.
const ONE_MORE: &str = "rooms:\n  - {id: 7, members: [bob, carol, dan]}\n";

/// Fills in what stands between `${{` and `}}`.
fn filled(text: &str, values: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${{") {
        let (name, after) = from.split_once("}}").unwrap();
        out += before;
        out += values
            .get(name.trim())
            .unwrap_or_else(|| panic!("{name} is unknown here"));
        rest = after;
    }
    out + rest
}

/// The steps of GitHub's plan: after one that fails, only those that say so.
fn github(place: &Place) -> Ran {
    let head = place.request();
    github_of(place, head)
}

fn github_of(place: &Place, head: String) -> Ran {
    github_at(place, head, "https://example.com")
}

fn github_at(place: &Place, head: String, server: &str) -> Ran {
    let mut values = place.secrets();
    values.insert("github.server_url".to_owned(), server.to_owned());
    values.insert("github.event.pull_request.head.sha".to_owned(), head);
    let workflow = parsed(PLAN);
    let told = place.path("temp/output");
    let mut said = String::new();
    let mut count = 0;
    let mut failed = None;
    for step in steps(&workflow["jobs"]["plan"]) {
        let Some(run) = step["run"].as_str() else { continue };
        if super::installs(step) {
            continue;
        }
        if failed.is_some() && step["if"] != "${{ !cancelled() }}" {
            continue;
        }
        let mut env: HashMap<String, String> = super::entries(&step["env"])
            .map(|(key, value)| {
                (
                    key.to_owned(),
                    place.here(&filled(value.as_str().unwrap(), &values)),
                )
            })
            .collect();
        for (key, value) in [
            ("RUNNER_TEMP", place.path("temp").display().to_string()),
            ("GITHUB_OUTPUT", told.display().to_string()),
            (
                "GITHUB_STEP_SUMMARY",
                place.path("temp/summary").display().to_string(),
            ),
            ("GITHUB_API_URL", place.api_url.clone()),
            ("GITHUB_REPOSITORY", "acme/rooms".to_owned()),
        ] {
            env.insert(key.to_owned(), value);
        }
        let ran = place.bash(run, &env);
        said += &ran.said;
        count += 1;
        if ran.code != 0 {
            failed.get_or_insert(ran.code);
        }
        for (step, key) in [("plan", "code"), ("take", "settings")] {
            let value = output(&told, key).unwrap_or_default();
            values.insert(format!("steps.{step}.outputs.{key}"), value);
        }
    }
    assert!(count == 4 || failed.is_some());
    Ran {
        code: failed.unwrap_or(0),
        said,
    }
}

/// The script of GitLab's plan.
fn gitlab(place: &Place) -> Ran {
    let head = place.request();
    gitlab_of(place, head)
}

fn gitlab_of(place: &Place, head: String) -> Ran {
    let script = place.here(&script(&parsed(GITLAB), "plan"));
    let mut env = place.secrets();
    env.retain(|key, _| key.starts_with("ROOMSYNC_"));
    for (key, value) in [
        ("CI_JOB_TOKEN", "j0b".to_owned()),
        ("CI_COMMIT_SHA", head),
        // The script adds `.git`.
        ("CI_PROJECT_URL", place.path("origin").display().to_string()),
        ("CI_PROJECT_ID", "5".to_owned()),
        ("CI_DEFAULT_BRANCH", "main".to_owned()),
        ("CI_MERGE_REQUEST_IID", "7".to_owned()),
        ("CI_API_V4_URL", place.api_url.clone()),
        ("CI_JOB_URL", "https://example.com/job".to_owned()),
        // What somebody may have set for this run.
        ("ROOMSYNC_URL", place.elsewhere_url.clone()),
        ("ROOMSYNC_CONFIG", "/nowhere.yaml".to_owned()),
    ] {
        env.insert(key.to_owned(), value);
    }
    place.bash(&script, &env)
}

/// The script of GitLab's check, in a checkout of the request.
fn gitlab_check(place: &Place) -> Ran {
    let head = place.request();
    place.git(
        "checkout",
        &["fetch", "-q", "origin", "refs/merge-requests/7/head"],
    );
    place.git("checkout", &["checkout", "-q", "--detach", "FETCH_HEAD"]);
    let script = place.here(&script(&parsed(GITLAB), "validate"));
    let mut env = place.secrets();
    env.retain(|key, _| key == "ROOMSYNC_TOKEN");
    for (key, value) in [
        ("CI_COMMIT_SHA", head.as_str()),
        ("CI_DEFAULT_BRANCH", "main"),
        ("ROOMSYNC_URL", &place.elsewhere_url),
        ("ROOMSYNC_CONFIG", "/nowhere.yaml"),
    ] {
        env.insert(key.to_owned(), value.to_owned());
    }
    place.bash(&script, &env)
}

#[test]
fn gitlab_checks_room_files_by_the_settings_of_the_default_branch() {
    const FOREIGN: &str = "l1ne-0f-4-f0re1gn-file";
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    let ran = gitlab_check(&place);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(
        ran.said.contains("1 file, 1 room, 0 groups, 2 people: valid"),
        "{}",
        ran.said
    );
    place.write("rooms/team.yaml", "rooms:\n  - {id: 7, member: [bob]}\n");
    let ran = gitlab_check(&place);
    assert_eq!(ran.code, 5, "{}", ran.said);
    assert!(ran.said.contains("rooms/team.yaml:2:"), "{}", ran.said);
    place.write("rooms/team.yaml", ROOMS);
    // The request's settings would have another file read, and another host asked.
    let foreign = place.path("foreign.yaml");
    fs::write(&foreign, format!("rooms:\n  - {FOREIGN}: x\n")).unwrap();
    let own =
        settings(&place.elsewhere_url).replace("rooms: rooms/", &format!("rooms: {}", foreign.display()));
    place.write("roomsync.yaml", &own);
    let ran = gitlab_check(&place);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(
        ran.said.contains("roomsync.yaml differs from that of main") && !ran.said.contains(FOREIGN),
        "{}",
        ran.said
    );
    // As would a link.
    symlink(&foreign, place.path("author/rooms/x.yaml")).unwrap();
    let ran = gitlab_check(&place);
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert!(
        ran.said.contains("only regular files can be below rooms/") && !ran.said.contains(FOREIGN),
        "{}",
        ran.said
    );
    assert_eq!(*place.elsewhere.lock().unwrap(), [""; 0]);
}

/// Both services, each in a place of its own.
fn both(check: impl Fn(&Place, &dyn Fn(&Place) -> Ran)) {
    if programs().is_none() {
        return;
    }
    check(&Place::new(), &github);
    check(&Place::new(), &gitlab);
}

#[test]
fn one_comment_is_made_and_then_edited_in_place() {
    both(|place, plan| {
        // Others have said a lot, one of them what only the workflow says.
        let of = |body: &str| Comment {
            author: "mallory",
            body: body.to_owned(),
        };
        let others = (0..130)
            .map(|_| of("hello"))
            .chain([of(&format!("{MARKER}\nmine"))]);
        place.api.comments.lock().unwrap().extend(others);

        place.write("rooms/team.yaml", ONE_MORE);
        let ran = plan(place);
        assert_eq!(ran.code, 0, "{}", ran.said);
        let made = place.api.made();
        assert_eq!(made.len(), 1);
        assert!(
            made[0].starts_with(MARKER) && made[0].contains("carol"),
            "{}",
            made[0]
        );
        assert!(
            made[0].contains("Merging this makes these changes."),
            "{}",
            made[0]
        );

        place.write("rooms/team.yaml", ROOMS);
        let ran = plan(place);
        assert_eq!(ran.code, 0, "{}", ran.said);
        let made = place.api.made();
        assert_eq!(made.len(), 1);
        assert!(
            made[0].contains("Merging this changes nothing in the rooms."),
            "{}",
            made[0]
        );
        assert_eq!(place.api.writes.lock().unwrap().len(), 2);
    });
}

#[test]
fn the_token_goes_to_the_host_of_the_workflow_whatever_the_request_says() {
    both(|place, plan| {
        place.write("rooms/team.yaml", ONE_MORE);
        place.write("roomsync.yaml", &settings(&place.elsewhere_url));
        place.write(
            "rooms/roomsync.yml",
            "rooms: [{id: 8, mode: observe, members: [bob]}]\n",
        );
        place.write(".git-hooks/post-checkout", "#!/bin/sh\nexit 9\n");
        place.write(".gitattributes", "rooms/** export-ignore filter=evil\n");
        let ran = plan(place);
        // Room 8 is not there, which the plan says.
        assert_eq!(ran.code, 4, "{}", ran.said);
        let made = place.api.made();
        assert!(made[0].contains("carol"), "{}", made[0]);
        assert_eq!(*place.elsewhere.lock().unwrap(), [""; 0]);
    });
}

#[test]
fn what_is_blocked_or_invalid_is_told_and_fails_the_check() {
    both(|place, plan| {
        place.write("rooms/team.yaml", "rooms:\n  - {id: 7, members: [carol]}\n");
        let ran = plan(place);
        assert_eq!(ran.code, 3, "{}", ran.said);
        assert!(place.api.made()[0].contains("**A guard blocks something here**"));

        place.write("rooms/team.yaml", "rooms:\n  - {id: 7, membres: [carol]}\n");
        let ran = plan(place);
        assert_eq!(ran.code, 5, "{}", ran.said);
        let made = place.api.made();
        assert!(
            made.len() == 1 && made[0].contains("**The files are not valid**"),
            "{made:?}"
        );
    });
}

#[test]
fn links_and_odd_names_are_refused_before_anything_is_asked() {
    both(|place, plan| {
        let outside = place.path("outside.yaml");
        fs::write(&outside, "rooms: [{id: 9, members: [bob]}]\n").unwrap();
        let link = place.path("author/rooms/link.yaml");
        symlink(&outside, &link).unwrap();
        let ran = plan(place);
        assert!(
            ran.code == 1 && ran.said.contains("rooms/link.yaml"),
            "{}",
            ran.said
        );
        fs::remove_file(link).unwrap();

        let odd = "rooms/a\n::warning::b.yaml";
        place.write(odd, ROOMS);
        let ran = plan(place);
        assert_eq!(ran.code, 1, "{}", ran.said);
        assert!(
            !ran.said.lines().any(|line| line.starts_with("::warning")),
            "{}",
            ran.said
        );
        fs::remove_file(place.path("author").join(odd)).unwrap();

        // The whole folder is a link, too.
        fs::remove_dir_all(place.path("author/rooms")).unwrap();
        symlink("/etc", place.path("author/rooms")).unwrap();
        let ran = plan(place);
        assert_eq!(ran.code, 1, "{}", ran.said);
        let made = place.api.made();
        assert!(made.len() == 1 && made[0].contains("**No plan:** only regular files"));
        assert_eq!(*place.elsewhere.lock().unwrap(), [""; 0]);
    });
}

#[test]
fn the_plan_is_of_the_request_as_it_will_be_merged() {
    both(|place, plan| {
        place.write("rooms/team.yaml", ONE_MORE);
        place.request();
        // Meanwhile somebody else's request was merged: its room is not taken out by this one.
        place.git("author", &["checkout", "-q", "main"]);
        place.write(
            "rooms/other.yaml",
            "rooms: [{id: 8, mode: observe, members: [bob]}]\n",
        );
        place.commit("other");
        place.git("author", &["push", "-q", "origin", "main"]);
        place.git("author", &["checkout", "-q", "request"]);
        let ran = plan(place);
        assert_eq!(ran.code, 4, "{}", ran.said);
        let made = place.api.made();
        assert!(made[0].contains("carol"), "{}", made[0]);

        place.git("author", &["checkout", "-q", "main"]);
        place.write("rooms/team.yaml", "rooms:\n  - {id: 7, members: [bob]}\n");
        place.commit("conflict");
        place.git("author", &["push", "-q", "origin", "main"]);
        place.git("author", &["checkout", "-q", "request"]);
        let ran = plan(place);
        assert!(ran.code == 1 && ran.said.contains("conflicts"), "{}", ran.said);
    });
}

#[test]
fn attributes_that_change_text_at_a_checkout_are_refused() {
    both(|place, plan| {
        place.write("rooms/team.yaml", ONE_MORE);
        for name in ["rooms/.gitattributes", "rooms/deep/.gitattributes"] {
            place.write(name, "*.yaml ident\n");
            let ran = plan(place);
            assert!(ran.code == 1 && ran.said.contains(name), "{}", ran.said);
            fs::remove_file(place.path("author").join(name)).unwrap();
        }
        let ran = plan(place);
        assert_eq!(ran.code, 0, "{}", ran.said);
    });
}

#[test]
fn a_change_of_the_settings_is_told_and_never_called_no_change() {
    both(|place, plan| {
        let told = "not show what that does";
        let looser = settings("http://127.0.0.1:9") + "guards: {max_removals: 100%}\n";
        place.write("roomsync.yaml", &looser);
        let ran = plan(place);
        assert_eq!(ran.code, 0, "{}", ran.said);
        let made = place.api.made().pop().unwrap();
        assert!(made.contains(told) && !made.contains("changes nothing"), "{made}");

        // By the guards of `main`, and told beside what they block.
        place.write("rooms/team.yaml", "rooms:\n  - {id: 7, members: [carol]}\n");
        let ran = plan(place);
        assert_eq!(ran.code, 3, "{}", ran.said);
        let made = place.api.made().pop().unwrap();
        assert!(made.contains(told) && made.contains("**A guard blocks"), "{made}");

        place.write("roomsync.yaml", &settings("http://127.0.0.1:9"));
        place.write("rooms/team.yaml", ROOMS);
        plan(place);
        let made = place.api.made().pop().unwrap();
        assert!(!made.contains(told) && made.contains("changes nothing"), "{made}");
    });
}

#[test]
fn a_request_that_is_refused_keeps_no_old_plan() {
    both(|place, plan| {
        place.write("rooms/team.yaml", ONE_MORE);
        assert_eq!(plan(place).code, 0);
        place.write("rooms/`@all` <b>.yaml", "");
        let ran = plan(place);
        assert_eq!(ran.code, 1, "{}", ran.said);
        let made = place.api.made();
        let refused = "a name below rooms/ can have letters, digits and . _ - only: `rooms/??all???b?.yaml`";
        assert!(
            made.len() == 1 && made[0].contains(refused) && !made[0].contains("carol"),
            "{made:?}"
        );
    });
}

#[test]
fn a_request_that_has_moved_on_is_left_to_its_newer_run() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    place.write("rooms/team.yaml", ONE_MORE);
    for run in [github_of, gitlab_of] {
        place.request();
        let old = place.git("author", &["rev-parse", "HEAD^"]);
        let ran = run(&place, old);
        assert!(ran.code == 1 && ran.said.contains("moved on"), "{}", ran.said);
        assert!(!place.api.made()[0].contains("carol"));
    }
}

#[test]
fn no_line_of_a_file_is_a_command_to_the_runner() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    let line = "##[error]all is lost";
    place.write(
        "rooms/team.yaml",
        &format!("rooms:\n  - {{id: 7, membres: [bob]}} {line}\n"),
    );
    let ran = github(&place);
    assert_eq!(ran.code, 5, "{}", ran.said);
    super::quiet(&ran.said, line);
}
