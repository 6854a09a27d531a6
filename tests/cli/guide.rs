//! README.md and its chapters, followed from top to bottom in one shell.
//!
//! Every `sh` block runs as it stands, and every `$ ` line of a `console` block, whose output is compared. A word behind `sh` says
//! where else a block belongs; such blocks are counted. Only the addresses are other ones, so that tests do not meet.

mod blocks;
mod shell;

use super::service::Service;
use blocks::steps;
use shell::Shell;
use std::collections::BTreeMap;
use std::fs;

/// Where blocks belong that cannot run on every machine, and why not.
const ELSEWHERE: [(&str, &str); 4] = [
    ("systemd", "needs root, systemd and a real token"),
    ("containers", "needs a container engine"),
    ("kubernetes", "needs a cluster"),
    ("release", "builds a release, for minutes"),
];

/// A real app, as the README's eight steps meet it.
const APP: &str = r#"
app_key: "61979408#1143303"
tokens: [pasted-token]
users: [alice, bob, carol, mia]
rooms:
  "66213271109633": {owner: alice, admins: [mia], members: [bob, carol], maxusers: 200}
"#;

/// Follows a document in its folder; what was wrong, and a line on what ran.
fn follow(name: &str, text: &str, folder: &str) -> (Vec<String>, String) {
    let app = Service::start(APP);
    let shell = Shell::new(&app.url(), folder);
    let steps = match steps(text) {
        Ok(steps) => steps,
        Err(problem) => return (vec![problem], String::new()),
    };
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    let mut here = Vec::new();
    let mut problems = Vec::new();
    for step in steps {
        match &step.elsewhere {
            None => here.push(step),
            Some(place) => {
                if !ELSEWHERE.iter().any(|(known, _)| known == place) {
                    problems.push(format!("line {}: there is no place {place:?}", step.line));
                }
                *left.entry(place.clone()).or_default() += 1;
            }
        }
    }
    problems.extend(shell.run(&here, "pasted-token\n"));
    let compared = here.iter().filter(|step| step.output.is_some()).count();
    let why = |place: &str| {
        ELSEWHERE
            .iter()
            .find(|(known, _)| *known == place)
            .map_or("", |(_, why)| why)
    };
    let left: Vec<String> = left
        .iter()
        .map(|(place, count)| format!("{count} {place} ({})", why(place)))
        .collect();
    let summary = format!(
        "{name}: {} ran, {compared} of them with their output compared; left: {}",
        here.len(),
        if left.is_empty() {
            "none".to_owned()
        } else {
            left.join(", ")
        }
    );
    let problems = problems
        .into_iter()
        .map(|problem| format!("{name}: {problem}"))
        .collect();
    (problems, summary)
}

/// Follows a document of the repository.
fn follows(name: &str, at_least: usize) {
    let text = fs::read_to_string(name).unwrap();
    let folder = name.strip_suffix("README.md").unwrap();
    let (problems, summary) = follow(name, &text, folder);
    println!("{summary}");
    assert_eq!(problems, Vec::<String>::new(), "{summary}");
    let ran: usize = summary.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(ran >= at_least, "{summary}");
}

#[test]
fn the_readme_can_be_followed_in_one_shell() {
    follows("README.md", 12);
    assert!(fs::read_to_string("README.md").unwrap().lines().count() <= 200);
}

#[test]
fn the_chapter_on_room_files_can_be_followed_in_one_shell() {
    follows("examples/README.md", 10);
}

#[test]
fn the_chapter_on_running_it_can_be_followed_in_one_shell() {
    follows("deploy/README.md", 2);
}

#[test]
fn a_guide_that_does_not_work_is_found_out() {
    let wrong = |text: &str| {
        let (problems, _) = follow("x", text, "");
        let [problem] = problems.try_into().unwrap();
        problem
    };
    let fails = wrong("```sh\ntrue\nfalse\ntrue\n```\n");
    assert!(fails.contains("x: line 3: `false` ended with 1"), "{fails}");
    let well = wrong("```sh\ntrue     # exit code 3\n```\n");
    assert!(well.contains("ended with 0"), "{well}");
    let other = wrong("```console\n$ echo one\ntwo\n```\n");
    assert!(
        other.contains("x: line 2: `echo one`") && other.contains("one"),
        "{other}"
    );
    let silent = wrong("```console\n$ sh -c 'echo one; exit 3'\none\n```\n");
    assert!(
        silent.contains("ended with 3, and the text does not show `echo $?`"),
        "{silent}"
    );
    assert!(wrong("```sh moon\ntrue\n```\n").contains("there is no place \"moon\""));
    assert!(wrong("```fortran\n```\n").contains("line 1: a block of fortran"));
    assert!(wrong("```sh\ntrue\n").contains("line 1: a block without an end"));
    let right = "```sh\nX=3\nsh -c 'exit 3'     # exit code 3: as it should be\n```\n\
                 ```console\n$ sh -c 'echo one; exit 4'\none\n$ echo $? $X\n4 3\n```\n";
    let (problems, summary) = follow("x", right, "");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        summary,
        "x: 3 ran, 2 of them with their output compared; left: none"
    );
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn every_link_of_the_guides_leads_somewhere() {
    let mut followed = 0;
    for name in [
        "README.md",
        "examples/README.md",
        "deploy/README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ] {
        let text = fs::read_to_string(name).unwrap().replace("]\n(", "](");
        let folder = std::path::Path::new(name).parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links.filter(|(link, _)| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() {
                name.into()
            } else {
                folder.join(file)
            };
            assert!(path.exists(), "{name}: {link}");
            followed += 1;
            if heading.is_empty() {
                continue;
            }
            let target = fs::read_to_string(&path).unwrap();
            let mut headings = target.lines().filter(|line| line.starts_with('#'));
            assert!(headings.any(|line| anchor(line) == heading), "{name}: {link}");
        }
    }
    assert!(followed > 60, "{followed}");
}

#[test]
fn the_room_file_of_the_readme_is_that_of_the_rehearsal() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (_, shown) = readme.split_once("\n```yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let team = fs::read_to_string("examples/rehearsal/rooms/team.yaml").unwrap();
    // The line for the editor has its own place in the chapter.
    let (line, team) = team.split_once('\n').unwrap();
    assert!(line.starts_with("# yaml-language-server: "), "{line}");
    assert_eq!(shown, team);
}

/// Each message that the chapter explains is one that the sources hold.
#[test]
fn the_messages_that_are_explained_are_those_that_are_given() {
    let chapter = fs::read_to_string("deploy/README.md").unwrap();
    let (_, table) = chapter.split_once("| message | cause | do |\n").unwrap();
    let mut sources = String::new();
    read_all(std::path::Path::new("src"), &mut sources);
    // A message can be broken over lines.
    let sources = sources.split("\\\n").map(str::trim_start).collect::<String>();
    let sources = sources.replace("{DEFAULT_FILE}", "roomsync.yaml");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let mut explained = 0;
    for row in rows {
        let first = row.split(" | ").next().unwrap();
        for message in first.split('`').skip(1).step_by(2) {
            assert!(sources.contains(message), "no source says {message:?}");
            explained += 1;
        }
    }
    assert!(explained > 20, "{explained}");
}

/// Adds the text of every source below the folder.
fn read_all(folder: &std::path::Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}
