//! Verdict of the field's linters on the examples, if they are at hand.

use super::{GITLAB, PLAN, RELEASE, WORKFLOWS, passed, scripts, tool};
use std::fs;

#[test]
fn the_workflows_have_the_shape_that_github_takes() {
    let mut args = vec!["--builtin-schema", "vendor.github-workflows"];
    args.extend(WORKFLOWS);
    args.push(RELEASE);
    if let Some(checked) = tool("check-jsonschema", &args) {
        passed(&checked);
    }
}

#[test]
fn the_pipeline_has_the_shape_that_gitlab_takes() {
    let schema = [
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
    ];
    if let Some(checked) = tool("check-jsonschema", &[&schema[..], &[GITLAB]].concat()) {
        passed(&checked);
    }
}

#[test]
fn no_known_weakness_of_workflows_is_in_them() {
    let args = [
        "--offline",
        "--no-progress",
        "--quiet",
        "examples/github-workflow",
        RELEASE,
    ];
    if let Some(checked) = tool("zizmor", &args) {
        passed(&checked);
    }
    // And it would find one.
    let folder = tempfile::tempdir().unwrap();
    let weak = fs::read_to_string(PLAN)
        .unwrap()
        .replace("$NUMBER/head", "${{ github.event.pull_request.title }}");
    fs::write(folder.path().join("weak.yml"), weak).unwrap();
    let weak = folder.path().join("weak.yml");
    let args = ["--offline", "--no-progress", "--quiet", weak.to_str().unwrap()];
    if let Some(checked) = tool("zizmor", &args) {
        assert!(!checked.status.success());
    }
}

#[test]
fn the_scripts_are_sound_shell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script");
    let path = path.to_str().unwrap();
    for (name, script) in scripts() {
        fs::write(path, &script).unwrap();
        if let Some(checked) = tool("bash", &["-n", path]) {
            assert!(checked.status.success(), "{name}: {}", passed(&checked));
        }
        if let Some(checked) = tool("shellcheck", &["--shell=bash", path]) {
            let said = String::from_utf8_lossy(&checked.stdout).into_owned();
            assert!(checked.status.success(), "{name}:\n{said}");
        }
    }
    if let Some(checked) = tool("shellcheck", &["examples/git-hooks/pre-commit", ".ci/release"]) {
        passed(&checked);
    }
}
