//! Keeps every test file in a target: `Cargo.toml` names the targets, and cargo looks for no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The file of each `[[test]]`, where cargo looks for it.
fn roots() -> Vec<PathBuf> {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let targets = manifest.split("[[test]]\nname = \"").skip(1);
    targets
        .map(|target| {
            let name = target.split_once('"').unwrap().0;
            let file = PathBuf::from(format!("tests/{name}.rs"));
            if file.exists() {
                file
            } else {
                PathBuf::from(format!("tests/{name}/main.rs"))
            }
        })
        .collect()
}

/// Adds the file and the files of its modules. `here` is where the files of its modules are.
fn add(file: PathBuf, here: &Path, compiled: &mut BTreeSet<PathBuf>) {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut named = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("#[path = \"") {
            named = Some(file.with_file_name(path.trim_end_matches("\"]")));
        } else if let Some(module) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            match named.take() {
                Some(file) => add(file.clone(), file.parent().unwrap(), compiled),
                None => add(here.join(format!("{module}.rs")), &here.join(module), compiled),
            }
        }
    }
    compiled.insert(file);
}

fn files_in(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Links among the invalid sites lead in circles, and the benches are named one by one.
        if path.is_symlink() || path.ends_with("benches") {
            continue;
        }
        if path.is_dir() {
            files_in(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}

#[test]
fn every_test_file_is_compiled() {
    let (mut files, mut compiled) = (BTreeSet::new(), BTreeSet::new());
    for root in roots() {
        let here = root.parent().unwrap().to_owned();
        add(root, &here, &mut compiled);
    }
    files_in(Path::new("tests"), &mut files);
    let lost: Vec<_> = files.difference(&compiled).collect();
    assert!(
        lost.is_empty(),
        "no target compiles {lost:?}: name it by `mod` in the folder's main.rs, a folder in tests/all.rs or tests/real.rs"
    );
}
