//! The step that installs roomsync: what was released, by its checksum, or what was built.

use super::place::{Place, Ran, programs};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

const ARCHIVE: &str = "https://example.com/roomsync-0.1.0-x86_64-unknown-linux-gnu.tar.gz";

/// A runner without roomsync, whose `curl` gives an archive and whose `cargo` builds at once; both say what they were asked for.
fn runner() -> Place {
    let place = Place::new();
    place.request();
    let temp = place.path("temp");
    let curl = "for arg; do if [ \"$before\" = --output ]; then out=$arg; fi; before=$arg; done\n\
                echo \"$*\" >> \"$HOME/asked\"\ncp \"$HOME/archive\" \"$out\"";
    let cargo = "echo \"$*\" >> \"$HOME/asked\"\nmkdir -p \"$4/bin\"\n\
                 printf '#!/bin/sh\\necho built\\n' > \"$4/bin/roomsync\"\nchmod +x \"$4/bin/roomsync\"";
    for (name, script) in [("curl", curl), ("cargo", cargo)] {
        let path = place.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::remove_file(place.path("bin/roomsync")).unwrap();
    // As `.ci/release` packs it.
    let packed = "mkdir -p roomsync-0.1.0-x/man && cd roomsync-0.1.0-x && printf '#!/bin/sh\necho released\n' > roomsync && \
                  chmod +x roomsync && touch README.md man/roomsync && cd .. && tar -czf archive roomsync-0.1.0-x";
    let status = Command::new("sh")
        .args(["-ec", packed])
        .current_dir(&temp)
        .status();
    assert!(status.unwrap().success());
    place
}

/// Runs the step, and then roomsync as a later step finds it.
fn install(place: &Place, archive: &str, checksum: &str) -> Ran {
    let paths = place.path("temp/paths");
    let mut env: HashMap<String, String> = [
        ("ROOMSYNC_ARCHIVE", archive),
        ("ROOMSYNC_SHA256", checksum),
        ("ROOMSYNC_SOURCE", "https://example.com/roomsync"),
        ("ROOMSYNC_COMMIT", "0123"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    env.insert("RUNNER_TEMP".to_owned(), place.path("temp").display().to_string());
    env.insert("GITHUB_PATH".to_owned(), paths.display().to_string());
    let ran = place.bash("source .github/roomsync.sh\ninstall_roomsync\n", &env);
    if ran.code != 0 {
        return ran;
    }
    let path = fs::read_to_string(&paths).unwrap();
    let path = path.lines().last().unwrap();
    place.bash(&format!("\"{path}/roomsync\""), &HashMap::new())
}

fn asked(place: &Place) -> String {
    fs::read_to_string(place.path("temp/asked")).unwrap_or_default()
}

#[test]
fn a_released_archive_is_taken_by_its_checksum_alone() {
    if programs().is_none() {
        return;
    }
    let place = runner();
    let sum = Command::new("sha256sum")
        .arg(place.path("temp/archive"))
        .output()
        .unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let ran = install(&place, ARCHIVE, &sum);
    assert_eq!((ran.code, ran.said.as_str()), (0, "released\n"));
    assert!(asked(&place).ends_with(&format!(" {ARCHIVE}\n")));
    assert!(asked(&place).contains("--proto =https"));

    for wrong in ["", "0", &sum.replace(&sum[..1], "x"), &format!("{sum}0")] {
        let ran = install(&place, ARCHIVE, wrong);
        assert_eq!(ran.code, 1, "{wrong}: {}", ran.said);
        assert!(
            ran.said.contains("::error title=Another archive::"),
            "{}",
            ran.said
        );
    }
}

#[test]
fn without_an_archive_a_commit_is_built_once() {
    if programs().is_none() {
        return;
    }
    let place = runner();
    for _ in 0..2 {
        let ran = install(&place, "", "");
        assert_eq!((ran.code, ran.said.as_str()), (0, "built\n"));
    }
    let asked = asked(&place);
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(
        asked.contains("--git https://example.com/roomsync --rev 0123 roomsync"),
        "{asked}"
    );
    assert!(asked.starts_with("install --locked --root "), "{asked}");
}
