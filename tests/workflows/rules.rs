//! The rules by which no pull request gets at the token.

use super::{
    APPLY, GITLAB, HOST, PLAN, RELEASE, VALIDATE, WORKFLOWS, entries, jobs, parsed, read, script, scripts,
    steps,
};
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The triggers of a workflow. YAML 1.1 reads a bare `on` as a truth value, this parser does not.
fn triggers(workflow: &Value) -> BTreeSet<&str> {
    entries(&workflow["on"]).map(|(name, _)| name).collect()
}

/// Text between `${{` and `}}`.
fn expressions(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${{").skip(1);
    parts.map(|part| part.split_once("}}").unwrap().0.trim())
}

fn text(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap()
}

#[test]
fn nothing_of_a_request_is_pasted_into_a_script() {
    for (name, script) in scripts() {
        assert_eq!(expressions(&script).collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

#[test]
fn every_job_has_its_time_and_the_permissions_it_needs() {
    for path in WORKFLOWS {
        let workflow = parsed(path);
        assert_eq!(
            workflow["permissions"],
            Value::Mapping(Default::default()),
            "{path}"
        );
        let cancel = workflow["concurrency"]["cancel-in-progress"].as_bool();
        assert_eq!(cancel, Some(path != APPLY), "{path}");
        for (name, job) in jobs(&workflow) {
            assert!(job["timeout-minutes"].is_u64(), "{path}, {name}");
            for (scope, access) in entries(&job["permissions"]) {
                let allowed = match (path, scope) {
                    (_, "contents") => access == "read",
                    (PLAN, "pull-requests") => access == "write",
                    _ => false,
                };
                assert!(allowed, "{path}, {name}: {scope}");
            }
            assert!(job["permissions"].is_mapping(), "{path}, {name}");
        }
    }
    for (name, job) in entries(&parsed(GITLAB)).filter(|(_, job)| !job["script"].is_null()) {
        assert!(job["timeout"].is_string(), "{name}");
        assert!(job["rules"].is_sequence(), "{name}");
    }
}

#[test]
fn only_what_a_request_cannot_change_sees_a_secret() {
    let triggered = |path| parsed(path)["on"].clone();
    let of = |path: &str| {
        let workflow = parsed(path);
        triggers(&workflow)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(VALIDATE), ["pull_request"]);
    assert_eq!(of(PLAN), ["pull_request_target"]);
    assert_eq!(of(APPLY), ["push", "workflow_dispatch"]);
    assert_eq!(triggered(PLAN)["pull_request_target"]["branches"][0], "main");
    assert_eq!(triggered(APPLY)["push"]["branches"][0], "main");

    // The workflow file of a `pull_request` is the request's own.
    assert!(!read(VALIDATE).contains("secrets.") && !read(VALIDATE).contains("github.token"));
    for path in [PLAN, APPLY] {
        let workflow = parsed(path);
        assert!(!text(&workflow["env"]).contains("secrets."), "{path}");
        for (name, job) in jobs(&workflow) {
            assert!(job["env"].is_null(), "{path}, {name}");
            if (path, name) == (PLAN, "planned") {
                assert_eq!(text(job).matches("secrets.").count(), 0);
                continue;
            }
            // The branch rule of an environment is what keeps other branches' workflows from the secret.
            assert!(job["environment"].is_string(), "{path}, {name}");
            let condition = job["if"].as_str().unwrap_or_default();
            let guarded = match path {
                PLAN => condition == "github.event.pull_request.head.repo.full_name == github.repository",
                _ => condition.starts_with("github.ref == 'refs/heads/main' && ") || !job["needs"].is_null(),
            };
            assert!(guarded, "{path}, {name}: {condition}");
            for step in steps(job) {
                let secrets: Vec<_> = entries(&step["env"])
                    .filter(|(_, value)| value.as_str().is_some_and(|value| value.contains("secrets.")))
                    .collect();
                for (key, value) in &secrets {
                    assert_eq!(*key, "ROOMSYNC_TOKEN", "{path}, {name}");
                    assert_eq!(
                        value.as_str(),
                        Some("${{ secrets.ROOMSYNC_TOKEN }}"),
                        "{path}, {name}"
                    );
                    // The host is bound in the same breath, and written out: whoever can push can set a variable.
                    assert_eq!(step["env"]["ROOMSYNC_URL"], HOST, "{path}, {name}");
                    assert!(step["env"]["GH_TOKEN"].is_null(), "{path}, {name}");
                }
                assert!(!text(step).contains("vars."), "{path}, {name}");
                let elsewhere = text(step).matches("secrets.").count();
                assert_eq!(elsewhere, secrets.len(), "{path}, {name}");
            }
        }
    }
}

#[test]
fn what_prints_text_of_files_beside_a_token_gives_the_runner_no_commands() {
    let mut count = 0;
    for path in [PLAN, APPLY] {
        for (name, job) in jobs(&parsed(path)) {
            let runs = steps(job).iter().filter_map(|step| step["run"].as_str());
            for line in runs.flat_map(str::lines).map(str::trim) {
                assert!(!line.starts_with("roomsync "), "{path}, {name}: {line}");
                // One stream, in which the marks stand where they belong.
                if let Some(call) = line.strip_prefix("quietly roomsync ") {
                    let plan = call.starts_with("plan ") && call.contains(" >");
                    assert!(plan || call.ends_with(" >&2"), "{path}, {name}: {line}");
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn the_check_to_require_fails_wherever_there_is_no_plan() {
    let workflow = parsed(PLAN);
    let job = &workflow["jobs"]["planned"];
    assert!(job["needs"] == "plan" && job["if"] == "always()");
    let step = &steps(job)[0];
    assert_eq!(step["env"]["RESULT"], "${{ needs.plan.result }}");
    for (result, passes) in [
        ("success", true),
        ("skipped", false),
        ("failure", false),
        ("cancelled", false),
        ("", false),
    ] {
        let ran = Command::new("bash")
            .args(["-ec", step["run"].as_str().unwrap()])
            .env("RESULT", result)
            .output()
            .unwrap();
        assert_eq!(ran.status.success(), passes, "{result}");
    }
}

#[test]
fn what_waits_for_an_approval_holds_up_no_apply() {
    let workflow = parsed(APPLY);
    assert_eq!(
        workflow["concurrency"]["group"],
        "roomsync-apply${{ inputs.approve && format('-{0}', inputs.approve) || '' }}"
    );
    // The reviewer sees which room it is.
    assert!(workflow["run-name"].as_str().unwrap().contains("inputs.approve"));
}

#[test]
fn nobody_but_the_platform_owns_what_changes_text_at_a_checkout() {
    let owners = read("examples/github-workflow/.github/CODEOWNERS");
    // The last line that matches counts, and without a slash it is for every folder.
    let last: Vec<_> = owners.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, [".gitattributes", "@acme/platform"]);
}

#[test]
fn actions_are_pinned_and_checkouts_keep_no_credentials() {
    for path in WORKFLOWS.into_iter().chain([RELEASE]) {
        let workflow = parsed(path);
        for (name, job) in jobs(&workflow) {
            for step in steps(job) {
                let Some(uses) = step["uses"].as_str() else {
                    continue;
                };
                let (action, commit) = uses.split_once('@').unwrap();
                let pinned = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(pinned && action.starts_with("actions/"), "{path}, {name}: {uses}");
                if action == "actions/checkout" {
                    assert_eq!(step["with"]["persist-credentials"], false, "{path}, {name}");
                    let of_main = step["with"]["ref"] == "main";
                    assert_eq!(of_main, [PLAN, APPLY].contains(&path), "{path}, {name}");
                    assert!(step["with"]["repository"].is_null(), "{path}, {name}");
                }
            }
        }
    }
}

#[test]
fn the_pipeline_binds_the_host_in_its_script_and_plans_no_fork() {
    let pipeline = parsed(GITLAB);
    for name in ["plan", "apply"] {
        let script = script(&pipeline, name);
        let (before, after) = script.split_once("export ROOMSYNC_URL=https://").unwrap();
        assert!(!before.contains("roomsync "), "{name}");
        assert!(after.contains("\nroomsync "), "{name}");
        assert!(pipeline[name]["environment"]["name"].is_string(), "{name}");
    }
    let rules = pipeline["plan"]["rules"].as_sequence().unwrap();
    assert_eq!(rules.len(), 1);
    let rule = rules[0]["if"].as_str().unwrap();
    assert!(
        rule.contains("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"),
        "{rule}"
    );
    assert_eq!(pipeline["apply"]["interruptible"], false);
    assert!(pipeline["apply"]["resource_group"].is_string());
}

/// The calls of roomsync in a script, as words; what a shell would fill in stands for something that fits.
fn calls(script: &str) -> Vec<Vec<String>> {
    let script = script
        .replace("\\\n", " ")
        .replace("\"${base[@]}\"", "--base rooms");
    let lines = script.lines().map(str::trim).filter_map(|line| {
        line.strip_prefix("quietly ")
            .unwrap_or(line)
            .strip_prefix("roomsync ")
    });
    lines
        .map(|line| {
            let end = line.find([';', '|', '>']).unwrap_or(line.len());
            let words = line[..end]
                .split_whitespace()
                .map(|word| match word.trim_matches('"') {
                    "$ROOM" => "66213271109633".to_owned(),
                    word => word.replace("$RUNNER_TEMP/", ""),
                });
            words.collect()
        })
        .collect()
}

#[test]
fn every_command_line_is_one_that_roomsync_takes() {
    let mut sources = scripts();
    sources.push(("the hook".to_owned(), read("examples/git-hooks/pre-commit")));
    let framework = parsed("examples/pre-commit-config.yaml");
    let entry = framework["repos"][0]["hooks"][0]["entry"].as_str().unwrap();
    sources.push(("the framework's hook".to_owned(), entry.to_owned()));
    let mut seen = BTreeSet::new();
    for (name, script) in sources {
        for call in calls(&script) {
            seen.insert(call[0].clone());
            let folder = tempfile::tempdir().unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_roomsync"))
                .args(&call)
                .env_clear()
                .env("ROOMSYNC_CONFIG", "there/is/none.yaml")
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            // The settings are missing: that is seen only once the command line is taken.
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(5), "{name}: roomsync {call:?}: {said}");
        }
    }
    assert_eq!(seen.iter().collect::<Vec<_>>(), ["apply", "plan", "validate"]);
}

#[test]
fn a_release_is_published_from_a_tag_by_a_job_that_builds_nothing() {
    let workflow = parsed(RELEASE);
    assert_eq!(triggers(&workflow), BTreeSet::from(["push"]));
    assert!(workflow["on"]["push"]["branches"].is_null());
    assert_eq!(workflow["on"]["push"]["tags"][0], "v*");
    assert_eq!(workflow["permissions"], Value::Mapping(Default::default()));
    for (name, job) in jobs(&workflow) {
        assert!(job["timeout-minutes"].is_u64(), "{name}");
        let writes = entries(&job["permissions"]).any(|(_, access)| access == "write");
        assert_eq!(writes, name == "publish", "{name}");
        // What is built by somebody's build script has no token at hand that could publish.
        assert_eq!(job["environment"] == "release", writes, "{name}");
        let builds = text(job).contains("cargo ") || text(job).contains(".ci/");
        assert_eq!(builds, !writes, "{name}");
        let words: Vec<_> = steps(job)
            .iter()
            .filter_map(|step| step["run"].as_str())
            .collect();
        let words = words.join("\n");
        for script in words
            .split_whitespace()
            .filter(|word| word.starts_with("deploy/") || word.starts_with(".ci/"))
        {
            assert!(std::path::Path::new(script).is_file(), "{script}");
        }
    }
    let machines = &workflow["jobs"]["build"]["strategy"]["matrix"]["include"];
    let machines: Vec<_> = machines
        .as_sequence()
        .unwrap()
        .iter()
        .map(|of| of["machine"].as_str().unwrap())
        .collect();
    assert_eq!(machines, ["x86_64", "aarch64"]);
}

#[test]
fn what_is_built_is_kept_only_where_no_archive_is_named() {
    for path in WORKFLOWS {
        let workflow = parsed(path);
        for key in ["ROOMSYNC_ARCHIVE", "ROOMSYNC_SHA256"] {
            assert_eq!(workflow["env"][key], "", "{path}");
        }
        for (name, job) in jobs(&workflow) {
            let all = steps(job);
            let Some(at) = all.iter().position(super::installs) else {
                continue;
            };
            let cache = &all[at - 1];
            assert!(
                cache["uses"].as_str().unwrap().starts_with("actions/cache@"),
                "{path}, {name}"
            );
            assert_eq!(cache["if"], "env.ROOMSYNC_ARCHIVE == ''", "{path}, {name}");
            // Another commit is another build, and nothing stands in for it.
            assert!(
                cache["with"]["key"]
                    .as_str()
                    .unwrap()
                    .ends_with("-${{ env.ROOMSYNC_COMMIT }}")
            );
            assert!(cache["with"]["restore-keys"].is_null(), "{path}, {name}");
        }
    }
}
