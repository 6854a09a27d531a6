//! The man pages, by those who read them.

use super::{checker, passed};
use std::fs;
use std::path::PathBuf;

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir("deploy/man").unwrap();
    let pages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 8, "{pages:?}");
    pages
}

#[test]
fn mandoc_takes_the_pages() {
    for page in pages() {
        let Some(checked) = checker("mandoc", &["-Tlint", "-Wwarning", page.to_str().unwrap()]) else {
            return;
        };
        let said = String::from_utf8(checked.stdout).unwrap();
        // Pages that are made from the code have none.
        let said: Vec<&str> = said
            .lines()
            .filter(|line| !line.contains("missing date"))
            .collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
    }
}

#[test]
fn groff_takes_the_pages() {
    for page in pages() {
        let Some(checked) = checker("groff", &["-man", "-Tutf8", "-ww", "-z", page.to_str().unwrap()]) else {
            return;
        };
        assert_eq!(passed(&checked), "", "{}", page.display());
    }
}
