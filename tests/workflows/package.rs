//! What is published as a crate.

use super::passed;
use std::process::Command;

#[test]
fn the_crate_holds_what_its_readme_names_and_no_test() {
    let listed = Command::new(env!("CARGO"))
        .args(["package", "--list", "--offline", "--allow-dirty"])
        .output()
        .unwrap();
    passed(&listed);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let listed: Vec<&str> = listed.lines().collect();
    for file in [
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "src/main.rs",
    ] {
        assert!(listed.contains(&file), "{file} is missing");
    }
    let kept = ["src/", "deploy/", "examples/"];
    for file in &listed {
        let at_root = !file.contains('/');
        assert!(
            at_root || kept.iter().any(|folder| file.starts_with(folder)),
            "{file}"
        );
    }
    // What the README links to is there, too.
    let readme = super::read("README.md");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links: Vec<&str> = links
        .map(|(link, _)| link.split('#').next().unwrap())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        let folder = format!("{link}/");
        let mut listed = listed.iter();
        assert!(
            listed.any(|file| *file == link || file.starts_with(&folder)),
            "the README names {link}"
        );
    }
}
