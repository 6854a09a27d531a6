//! Each way in which files change is followed, soon.

use super::place::{Place, until, wanting};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// `sync.settle` and a second.
const SOON: Duration = Duration::from_millis(1500);
/// A busy machine may keep anything waiting; that it is as fast as promised shows in one of so many tries.
const TRIES: usize = 3;

/// Makes an edit that wants one more person, several times if need be, and says how long it took from its end to the effect.
fn is_followed_soon(place: &Place, edit: impl Fn(&str)) {
    let daemon = place.ready();
    let mut took = Vec::new();
    for number in 0..TRIES {
        let user = format!("new{number}");
        edit(&format!("a, b, c, d, {user}"));
        let saved = Instant::now();
        daemon.until("acted on", |_| place.has(&user));
        took.push(saved.elapsed());
        if saved.elapsed() <= SOON {
            return;
        }
    }
    panic!("never within {SOON:?}: {took:?}\n{}", daemon.log());
}

#[test]
fn a_save_in_place() {
    let place = Place::new();
    is_followed_soon(&place, |members| place.write("rooms/all.yaml", &wanting(members)));
}

#[test]
fn a_save_by_a_new_file_of_the_name() {
    let place = Place::new();
    is_followed_soon(&place, |members| {
        place.replace("rooms/all.yaml", &wanting(members));
    });
}

#[test]
fn a_checkout_of_another_branch() {
    let place = Place::new();
    let git = |args: &[&str]| {
        let out = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@test"])
            .args(args)
            .current_dir(place.path("rooms"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    };
    let write = |members: &str| {
        // Many files, all of which differ in each branch.
        for number in 0..50 {
            place.write(
                &format!("rooms/group{number}.yaml"),
                &format!("# {members}\ngroups: {{g{number}: [a]}}\n"),
            );
        }
        place.write("rooms/all.yaml", &wanting(members));
    };
    git(&["init", "-q", "-b", "main"]);
    write("a, b, c, d");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    for number in 0..TRIES {
        git(&["checkout", "-q", "-b", &format!("new{number}"), "main"]);
        write(&format!("a, b, c, d, new{number}"));
        git(&["commit", "-q", "-a", "-m", "more"]);
    }
    git(&["checkout", "-q", "main"]);
    is_followed_soon(&place, |members| {
        let branch = members.rsplit(' ').next().unwrap();
        git(&["checkout", "-q", branch]);
    });
}

#[test]
fn a_config_map_that_is_swapped() {
    let place = Place::new();
    fs::remove_file(place.path("rooms/all.yaml")).unwrap();
    let swap = |members: &str| {
        let version = format!("..{}", members.replace(", ", ""));
        fs::create_dir(place.path("rooms").join(&version)).unwrap();
        place.write(&format!("rooms/{version}/all.yaml"), &wanting(members));
        symlink(&version, place.path("rooms/..data_tmp")).unwrap();
        fs::rename(place.path("rooms/..data_tmp"), place.path("rooms/..data")).unwrap();
    };
    swap("a, b, c, d");
    symlink("..data/all.yaml", place.path("rooms/all.yaml")).unwrap();
    is_followed_soon(&place, swap);
}

#[test]
fn a_folder_that_goes_and_comes_back() {
    let place = Place::new();
    is_followed_soon(&place, |members| {
        fs::rename(place.path("rooms"), place.path("away")).unwrap();
        thread::sleep(Duration::from_millis(700));
        assert_eq!(place.members().iter().filter(|user| user.len() == 1).count(), 4);
        place.write("away/all.yaml", &wanting(members));
        fs::rename(place.path("away"), place.path("rooms")).unwrap();
    });
}

#[test]
fn a_folder_that_is_made_anew() {
    let place = Place::new();
    is_followed_soon(&place, |members| {
        fs::remove_dir_all(place.path("rooms")).unwrap();
        thread::sleep(Duration::from_millis(700));
        fs::create_dir(place.path("rooms")).unwrap();
        place.write("rooms/all.yaml", &wanting(members));
    });
}

#[test]
fn a_bad_edit_is_told_and_changes_nothing_until_it_is_repaired() {
    let place = Place::new();
    let daemon = place.ready();
    let writes = place.writes();
    place.write(
        "rooms/all.yaml",
        "rooms:\n  - id: 1\n    members: [a]\n    admin: [a]\n",
    );
    daemon.until("not ready", |daemon| daemon.get("/readyz").0 == 503);
    let (_, why) = daemon.get("/readyz");
    assert!(why.contains("all.yaml:4:5") && why.contains("admin"), "{why}");
    thread::sleep(Duration::from_millis(500));
    assert_eq!((place.writes(), place.members().len()), (writes, 4));
    place.write("rooms/all.yaml", &wanting("a, b, c"));
    daemon.until("ready", |daemon| daemon.get("/readyz").0 == 200);
    until("removed", || !place.has("d"));
}

#[test]
fn files_that_are_missing_at_the_start_are_waited_for() {
    let place = Place::new();
    fs::rename(place.path("rooms"), place.path("away")).unwrap();
    let mut daemon = place.start();
    daemon.until("told", |daemon| daemon.get("/readyz").1.contains("not valid"));
    assert_eq!((daemon.get("/readyz").0, daemon.get("/livez").0), (503, 200));
    thread::sleep(Duration::from_secs(1));
    assert!(daemon.is_up());
    assert_eq!(place.emulator.journal().calls.len(), 0, "it has nothing to ask");
    place.write("away/all.yaml", &wanting("a, b, c, d, e"));
    fs::rename(place.path("away"), place.path("rooms")).unwrap();
    daemon.until("taken", |_| place.has("e"));
    daemon.until("ready", |daemon| daemon.get("/readyz").0 == 200);
}
