//! `roomsync completions`: that shells load it, and complete with it.

use super::site::{Run, roomsync};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The script for a shell, in a folder that is removed when dropped.
fn script(shell: &str) -> (TempDir, String) {
    let run = Run::of(roomsync(Path::new(".")).args(["completions", shell])).ends_with(0);
    assert_eq!(run.stderr, "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("_roomsync");
    fs::write(&path, run.stdout).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Output of a shell that runs this; `None`, with a printed line: it is not here.
fn tell(shell: &str, args: &[&str]) -> Option<String> {
    let home = tempfile::tempdir().unwrap();
    match Command::new(shell).args(args).env("HOME", home.path()).output() {
        Ok(Output {
            status,
            stdout,
            stderr,
        }) => {
            let stderr = String::from_utf8_lossy(&stderr);
            assert!(
                status.success() && stderr.is_empty(),
                "{shell}: {status}: {stderr}"
            );
            Some(String::from_utf8(stdout).unwrap())
        }
        Err(error) => {
            // CI installs them, where a test that is skipped would go unseen.
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{shell}: {error}");
            println!("skipped: completions in {shell}: {error}");
            None
        }
    }
}

/// Asserts that these are among the words that a shell offers.
#[track_caller]
fn offers(said: &str, wanted: &[&str]) {
    let words: Vec<&str> = said.split_whitespace().collect();
    for word in wanted {
        assert!(words.contains(word), "no {word} in {said}");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let (_folder, script) = script("bash");
    for (line, wanted) in [
        ("roomsync ''", &["plan", "apply", "schema", "completions"][..]),
        ("roomsync pl", &["plan"]),
        ("roomsync plan --det", &["--detailed-exitcode"]),
        ("roomsync schema ''", &["settings", "rooms", "plan"]),
    ] {
        let told = format!(
            "source '{script}'; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _roomsync roomsync \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             complete -p roomsync >/dev/null; echo \"${{COMPREPLY[@]}}\""
        );
        let Some(said) = tell("bash", &["--norc", "-c", &told]) else {
            return;
        };
        offers(&said, wanted);
    }
}

#[test]
fn zsh_takes_it() {
    let (_folder, script) = script("zsh");
    let told = format!(
        "autoload -Uz compinit && compinit -u -D && source '{script}' && print -r -- $_comps[roomsync] && \
         functions _roomsync_commands"
    );
    if let Some(said) = tell("zsh", &["-f", "-c", &told]) {
        offers(&said, &["_roomsync"]);
        assert!(said.contains("'plan:") && said.contains("'schema:"), "{said}");
    }
}

#[test]
fn fish_completes_commands_and_options() {
    let (_folder, script) = script("fish");
    for (line, wanted) in [
        ("roomsync pl", "plan"),
        ("roomsync plan --det", "--detailed-exitcode"),
        ("roomsync sch", "schema"),
    ] {
        let told = format!("source '{script}'; complete -C '{line}'");
        let Some(said) = tell("fish", &["--no-config", "-c", &told]) else {
            return;
        };
        offers(&said, &[wanted]);
    }
}

#[test]
fn every_shell_gets_a_script_and_others_are_named() {
    for shell in ["elvish", "powershell"] {
        let (_folder, script) = script(shell);
        assert!(
            fs::read_to_string(script).unwrap().contains("detailed-exitcode"),
            "{shell}"
        );
    }
    Run::of(roomsync(Path::new(".")).args(["completions", "tcsh"]))
        .ends_with(64)
        .complains("[possible values: bash, elvish, fish, powershell, zsh]");
}
