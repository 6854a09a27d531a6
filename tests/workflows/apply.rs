//! The steps that apply `main`, run for real.

use super::place::{Place, Ran, programs};
use super::{APPLY, GITLAB, entries, parsed, script, steps};
use std::collections::HashMap;

/// The scripts of a job of GitHub's apply, but for the one that installs roomsync.
fn github(place: &Place, job: &str, room: &str) -> Ran {
    let workflow = parsed(APPLY);
    let filled = |text: &str| match text {
        "${{ secrets.ROOMSYNC_TOKEN }}" => super::place::TOKEN.to_owned(),
        "${{ inputs.approve }}" => room.to_owned(),
        text => place.here(text),
    };
    let mut all = steps(&workflow["jobs"][job])
        .iter()
        .filter(|step| step["run"].is_string() && !super::installs(step));
    let step = all.next().unwrap();
    assert!(all.next().is_none());
    let mut env: HashMap<String, String> = entries(&step["env"])
        .map(|(key, value)| (key.to_owned(), filled(value.as_str().unwrap())))
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
fn a_merge_is_applied() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    merged(&place, "rooms:\n  - {id: 7, members: [bob, carol, dan]}\n");
    let ran = github(&place, "apply", "");
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
    let script = place.here(&script(&parsed(GITLAB), "apply"));
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
    let ran = github(&place, "apply", "");
    assert_eq!(ran.code, 3, "{}", ran.said);
    assert!(members(&place).contains("bob"));
    // Only a room in which something is blocked, and nothing but a room.
    for room in ["", "8", "7 8", "07", "7\n::warning::7"] {
        let ran = github(&place, "plan-to-approve", room);
        assert_eq!(ran.code, 1, "{room}: {}", ran.said);
        // What is no room's id is refused before anything is asked or shown.
        let told = ran.said.contains("this is not the id of a room");
        assert_eq!(told, room != "8", "{room}: {}", ran.said);
    }
    std::fs::remove_file(place.path("temp/summary")).unwrap();
    let ran = github(&place, "plan-to-approve", "7");
    assert_eq!(ran.code, 0, "{}", ran.said);
    let shown = std::fs::read_to_string(place.path("temp/summary")).unwrap();
    assert!(shown.starts_with("**To be approved: room 7**"), "{shown}");
    assert!(shown.contains("bob"), "{shown}");
    // What somebody may type there is one word, and no option.
    let ran = github(&place, "approved", "7 --help");
    assert_eq!(ran.code, 64, "{}", ran.said);
    let ran = github(&place, "approved", "7");
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(!members(&place).contains("bob") && members(&place).contains("carol"));
}

#[test]
fn what_is_applied_is_what_git_has_whatever_a_checkout_makes_of_it() {
    if programs().is_none() {
        return;
    }
    let wanted = "rooms:\n  - {id: 7, members: [bob, carol, dan]}\n";
    let place = Place::new();
    // The checkout turns what people read into this file's text in another encoding.
    place.git("author", &["checkout", "-q", "main"]);
    place.write(".gitattributes", "rooms/*.yaml working-tree-encoding=UTF-16\n");
    let utf_16: Vec<u8> = wanted.encode_utf16().flat_map(u16::to_be_bytes).collect();
    std::fs::write(
        place.path("author/rooms/team.yaml"),
        [&[0xfe, 0xff], &utf_16[..]].concat(),
    )
    .unwrap();
    place.commit("merged");
    place.git("author", &["push", "-q", "origin", "main"]);
    place.request();
    let file = place.path("checkout/rooms/team.yaml");
    assert_ne!(std::fs::read(&file).unwrap(), wanted.as_bytes());
    let ran = github(&place, "apply", "");
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(members(&place).contains("carol"));
    assert_eq!(std::fs::read(&file).unwrap(), wanted.as_bytes());
}

#[test]
fn no_line_of_a_file_is_a_command_to_the_runner() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    let line = "##[error]all is lost";
    merged(&place, &format!("rooms:\n  - {{id: 7, membres: [bob]}} {line}\n"));
    let ran = github(&place, "apply", "");
    assert_eq!(ran.code, 5, "{}", ran.said);
    super::quiet(&ran.said, line);
    let ran = github(&place, "plan-to-approve", "7");
    assert_eq!(ran.code, 5, "{}", ran.said);
    super::quiet(&ran.said, line);
}

#[test]
fn a_room_that_fails_holds_up_no_approval_of_another() {
    if programs().is_none() {
        return;
    }
    let place = Place::new();
    merged(
        &place,
        "rooms:\n  - {id: 7, members: [carol]}\n  - {id: 8, members: [bob]}\n",
    );
    let ran = github(&place, "plan-to-approve", "7");
    assert_eq!(ran.code, 0, "{}", ran.said);
    // The room that fails is none to approve.
    let ran = github(&place, "plan-to-approve", "8");
    assert_eq!(ran.code, 1, "{}", ran.said);
    let ran = github(&place, "approved", "7");
    assert_eq!(ran.code, 4, "{}", ran.said);
    assert!(!members(&place).contains("bob") && members(&place).contains("carol"));
}
