//! The steps that apply `main`, run for real.

use super::place::{Place, Ran, programs};
use super::{APPLY, GITLAB, entries, parsed, steps};
use std::collections::HashMap;

/// The scripts of a job of GitHub's apply, but for the one that installs roomsync; `url` is what the variable says.
fn github(place: &Place, job: &str, url: &str, room: &str) -> Ran {
    let workflow = parsed(APPLY);
    let values: HashMap<String, String> = [
        ("${{ secrets.ROOMSYNC_TOKEN }}", super::place::TOKEN),
        ("${{ vars.ROOMSYNC_URL }}", url),
        ("${{ inputs.approve }}", room),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut all = steps(&workflow["jobs"][job]).iter().filter(|step| {
        step["run"]
            .as_str()
            .is_some_and(|run| !run.starts_with("cargo install"))
    });
    let step = all.next().unwrap();
    assert!(all.next().is_none());
    let mut env: HashMap<String, String> = entries(&step["env"])
        .map(|(key, value)| (key.to_owned(), values[value.as_str().unwrap()].clone()))
        .collect();
    for (key, name) in [("RUNNER_TEMP", "temp"), ("GITHUB_STEP_SUMMARY", "temp/summary")] {
        env.insert(key.to_owned(), place.path(name).display().to_string());
    }
    place.bash(step["run"].as_str().unwrap(), &env)
}

/// Merges this room file, and checks `main` out.
fn merged(place: &Place, rooms: &str) {
    place.git("author", &["checkout", "-q", "main"]);
    place.write("rooms/team.yaml", rooms);
    place.commit("merged");
    place.git("author", &["push", "-q", "origin", "main"]);
    place.request();
}

fn members(place: &Place) -> String {
    let state = place.emulator.state();
    let room = state.rooms.values().next().unwrap();
    format!("{:?}", room.members())
}

#[test]
fn a_merge_is_applied_and_only_to_the_host_of_the_variable() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    merged(&place, "rooms:\n  - {id: 7, members: [bob, carol, dan]}\n");
    let ran = github(&place, "apply", "", "");
    assert!(ran.code != 0 && ran.said.contains("ROOMSYNC_URL"), "{}", ran.said);
    assert!(!members(&place).contains("carol"));
    let ran = github(&place, "apply", &place.service_url, "");
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(members(&place).contains("carol"));
}

#[test]
fn gitlab_applies_what_the_branch_is_now_also_in_an_old_job() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    let old = "rooms:\n  - {id: 7, members: [bob, dan]}\n";
    merged(&place, old);
    // The job has checked this out, and then there is another merge.
    place.write(
        "rooms/team.yaml",
        "rooms:\n  - {id: 7, members: [bob, carol, dan]}\n",
    );
    place.commit("newer");
    place.git("author", &["push", "-q", "origin", "main"]);
    let pipeline = parsed(GITLAB);
    let script = pipeline["apply"]["script"][0].as_str().unwrap();
    let script = script.replace("https://a61.chat.agora.io", &place.service_url);
    let env = [
        ("ROOMSYNC_TOKEN", super::place::TOKEN),
        ("CI_DEFAULT_BRANCH", "main"),
    ];
    let env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let ran = place.bash(&script, &env);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(members(&place).contains("carol"));
}

#[test]
fn what_a_guard_blocks_goes_through_once_that_plan_is_approved() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    merged(&place, "rooms:\n  - {id: 7, members: [carol]}\n");
    let url = place.service_url.clone();
    let ran = github(&place, "apply", &url, "");
    assert_eq!(ran.code, 3, "{}", ran.said);
    assert!(members(&place).contains("bob"));
    let ran = github(&place, "plan-to-approve", &url, "");
    assert_eq!(ran.code, 0, "{}", ran.said);
    let shown = std::fs::read_to_string(place.path("temp/summary")).unwrap();
    assert!(shown.contains("bob"), "{shown}");
    // What somebody may type there is one word, and no option.
    let ran = github(&place, "approved", &url, "7 --help");
    assert_eq!(ran.code, 64, "{}", ran.said);
    let ran = github(&place, "approved", &url, "7");
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(!members(&place).contains("bob") && members(&place).contains("carol"));
}
