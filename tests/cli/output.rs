//! Output of commands, and its channel.

use super::service::{ROOM, STATE, Service};
use super::site::{Run, Site};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

/// Takes a value out of a document and asserts that it is a digest.
#[track_caller]
fn take_digest(value: &mut Value) {
    let text = value.take();
    let hex = text
        .as_str()
        .and_then(|text| text.strip_prefix("sha256:"))
        .unwrap();
    assert!(
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        "{hex}"
    );
}

/// Output of `plan --format json` for the state and the rooms of every test, but for digests and the time.
fn document() -> Value {
    json!({
        "version": 1,
        "id": null,
        "created": null,
        "app": "acme#demo",
        "source": {"files": 1, "digest": null, "revision": null},
        "summary": {
            "rooms": 1, "changed": 1, "blocked": 0, "failed": 0,
            "adds": 1, "removes": 0, "promotes": 1, "demotes": 0, "calls": 2, "seconds": 0.02
        },
        "rooms": [{
            "id": ROOM,
            "name": "lobby",
            "status": "changed",
            "live": {"members": 3, "admins": 0, "digest": null},
            "add": ["carol"], "remove": [], "promote": ["mia"], "demote": [], "allow": [], "disallow": [],
            "calls": 2,
            "blocked": [],
            "notes": [],
            "error": null
        }]
    })
}

/// Takes digests and the time out of a plan's document, after a look at each.
fn without_digests(mut plan: Value) -> Value {
    take_digest(&mut plan["id"]);
    take_digest(&mut plan["source"]["digest"]);
    take_digest(&mut plan["rooms"][0]["live"]["digest"]);
    let created: jiff::Timestamp = plan["created"].take().as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(created).as_secs() < 60);
    plan
}

#[test]
fn a_plan_as_json_has_the_shape_that_was_promised() {
    let service = Service::start(STATE);
    let plan = Site::of(&service)
        .run(&["plan", "--format", "json"])
        .ends_with(0)
        .json();
    let mut hashed = plan.clone();
    let id = hashed.as_object_mut().unwrap().remove("id").unwrap();
    hashed.as_object_mut().unwrap().remove("created");
    // serde_json keeps the keys of a map sorted and writes no white space: the canonical form.
    let digest = Sha256::digest(hashed.to_string());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(id, format!("sha256:{hex}"));
    assert_eq!(without_digests(plan), document());
}

#[test]
fn blocked_failed_and_observed_rooms_say_why_in_json() {
    let state = format!("{STATE}  \"66213271109634\": {{owner: alice, members: [bob]}}\n");
    let service = Service::start(&state);
    let rooms = format!(
        "rooms:\n- {{id: {ROOM}, members: [bob, carol]}}\n- {{id: 66213271109634, members: [dan], mode: observe}}\n\
         - {{id: 66213271109699, members: [bob]}}\n"
    );
    let plan = Site::of(&service)
        .with_rooms(&rooms)
        .run(&["plan", "--format", "json"])
        .ends_with(4)
        .json();
    let status = |at: usize| [&plan["rooms"][at]["id"], &plan["rooms"][at]["status"]];
    assert_eq!(
        [status(0), status(1), status(2)],
        [
            [ROOM, "blocked"],
            ["66213271109634", "observed"],
            ["66213271109699", "failed"]
        ]
    );
    let blocked = &plan["rooms"][0];
    assert_eq!(
        blocked["blocked"],
        json!([{"guard": "max_removals", "limit": "25%", "wanted": 2, "of": 3}])
    );
    assert_eq!(
        [&blocked["add"], &blocked["remove"]],
        [&json!(["carol"]), &json!(["dan", "mia"])]
    );
    let failed = &plan["rooms"][2];
    assert_eq!([&failed["name"], &failed["live"]], [&Value::Null, &Value::Null]);
    assert_eq!(failed["error"]["code"], "no_such_room");
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("66213271109699"),
        "{failed}"
    );
    // What an apply would send: the add that the guard lets through, and nothing of the observed room.
    let summary = &plan["summary"];
    assert_eq!(
        [&summary["adds"], &summary["removes"], &summary["calls"]].map(|n| n.as_u64().unwrap()),
        [1, 0, 1]
    );
}

#[test]
fn an_apply_as_json_has_the_shape_that_was_promised() {
    let service = Service::start(STATE);
    let rooms =
        format!("rooms: [{{id: {ROOM}, name: lobby, admins: [mia], members: [bob, carol, dan, ghost]}}]\n");
    let site = Site::of(&service).with_rooms(&rooms);
    let mut said = site
        .run(&["apply", "--yes", "--format", "json"])
        .ends_with(4)
        .json();
    let mut plan = document();
    plan["rooms"][0]["add"] = json!(["carol", "ghost"]);
    plan["summary"]["adds"] = 2.into();
    assert_eq!(without_digests(said["plan"].take()), plan);
    let calls = service.writes().len();
    let message = said["result"]["rooms"][0]["failed"][0]["reason"]["message"].take();
    assert!(message.as_str().unwrap().contains("ghost"), "{message}");
    assert_eq!(
        said,
        json!({
            "plan": null,
            "result": {
                "summary": {
                    "rooms": 1, "converged": 0, "unchanged": 0, "partial": 1, "failed": 0, "not_begun": 0, "blocked": 0,
                    "stale": 0, "observed": 0, "calls": calls
                },
                "rooms": [{
                    "id": ROOM,
                    "status": "partial",
                    "calls": calls,
                    "failed": [{
                        "user": "ghost",
                        "op": "add",
                        "reason": {"code": "no_such_user", "message": null}
                    }]
                }]
            }
        })
    );
}

#[test]
fn an_apply_that_writes_nothing_is_json_all_the_same() {
    let gone = Service::start(STATE).url();
    let said = Site::at(&gone)
        .run(&["apply", "--yes", "--format", "json"])
        .ends_with(1)
        .json();
    assert_eq!(said["result"], Value::Null);
    assert_eq!(said["plan"]["error"]["code"], "service_unreachable");
    assert_eq!(said["plan"]["rooms"][0]["error"]["code"], "not_looked_at");
}

#[test]
fn a_plan_is_written_to_a_file_as_it_is_printed() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    let run = site
        .run(&["plan", "--format", "json", "--out", "plan.json"])
        .ends_with(0);
    assert_eq!(fs::read_to_string(site.path("plan.json")).unwrap(), run.stdout);
    let text = site.run(&["plan", "--out", "other.json"]).ends_with(0);
    assert!(
        text.stdout
            .starts_with("room lobby (66213271109633): to change\n"),
        "{}",
        text.stdout
    );
    let other = serde_json::from_slice(&fs::read(site.path("other.json")).unwrap()).unwrap();
    assert_eq!(without_digests(other), document());
    site.run(&["plan", "--out", "no/such/folder.json"])
        .ends_with(64)
        .complains("--out no/such/folder.json: the folder no/such does not exist\n");
}

#[test]
fn the_text_of_a_plan_and_of_an_apply() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    let plan = "room lobby (66213271109633): to change\n  +carol\n  ~ mia: member → admin\n\n\
                1 room: 1 to change, 0 in sync\n\
                1 add, 0 removals, 1 promotion, 0 demotions: 2 calls (1 add_many, 1 promote), at least 0.02 s\n";
    assert_eq!(site.run(&["plan"]).stdout, plan);
    let applied = "applied: 1 room, 1 converged, 0 unchanged; 2 calls\n";
    assert_eq!(site.run(&["apply", "--yes"]).stdout, format!("{plan}{applied}"));
}

#[test]
fn results_go_to_standard_output_and_logs_to_standard_error() {
    let service = Service::start(STATE);
    let loud = Site::of(&service)
        .run(&["apply", "--yes", "--format", "json", "-vv"])
        .ends_with(0);
    assert_eq!(loud.json()["result"]["summary"]["converged"], 1);
    assert!(loud.stderr.contains("applying the plan"), "{}", loud.stderr);

    let service = Service::start(STATE);
    let quiet = Site::of(&service).run(&["apply", "--yes", "-q"]).ends_with(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn logs_are_json_lines_where_nobody_sits_at_a_terminal() {
    for args in [
        &["apply", "--yes"][..],
        &["apply", "--yes", "--log-format", "json"],
    ] {
        let service = Service::start(STATE);
        let run = Site::of(&service).run(args).ends_with(0);
        let lines: Vec<Value> = run
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [room, whole] = lines.as_slice() else {
            panic!(
                "not a line a room that changes and one for the whole: {}",
                run.stderr
            );
        };
        assert_eq!([&room["message"], &room["room"]], ["planned", ROOM]);
        assert_eq!(
            [&whole["message"], &whole["level"]],
            ["applying the plan", "INFO"]
        );
        assert_eq!(whole["calls"], 2);
        assert!(whole["timestamp"].is_string());
    }
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for (when, coloured) in [("auto", false), ("never", false), ("always", true)] {
        let run = site.run(&["plan", "--color", when]).ends_with(0);
        assert_eq!(
            run.stdout.contains('\u{1b}'),
            coloured,
            "{when}: {:?}",
            run.stdout
        );
    }
}

#[test]
fn the_plan_is_logged_before_the_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let at_first_write = Arc::new(Mutex::new(None));
    let service = Service::hooked(STATE, {
        let (log, at_first_write) = (log.clone(), Arc::clone(&at_first_write));
        move |head, _| {
            if head.method != http::Method::GET {
                let logged = || fs::read_to_string(&log).unwrap();
                at_first_write.lock().unwrap().get_or_insert_with(logged);
            }
            None
        }
    });
    let site = Site::of(&service);
    let mut command = site.command(&["apply", "--yes", "--log-format", "text"]);
    command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    assert!(command.status().unwrap().success());
    let logged = at_first_write.lock().unwrap().take().unwrap();
    let room = logged
        .find(r#"planned room=66213271109633 name="lobby" add="carol""#)
        .unwrap();
    assert!(logged.find("applying the plan").unwrap() > room, "{logged}");
}

#[test]
fn a_reader_who_has_read_enough_changes_neither_the_work_nor_its_exit_code() {
    let service = Service::start(STATE);
    let site = Site::of(&service);
    for (args, code) in [
        (&["plan"][..], 0),
        (&["plan", "--detailed-exitcode"], 2),
        (&["apply", "--yes"], 0),
        (&["plan", "--room", "77"], 64),
    ] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        Run::of(site.command(args).stdout(writer)).ends_with(code);
    }
    assert_eq!(service.people(), "alice bob carol dan mia*");
}

#[test]
fn a_plan_goes_where_it_was_sent_and_over_nothing_that_is_read() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let service = Service::start(STATE);
    let site = Site::of(&service)
        .with_settings(
            "rooms: rooms/\n",
            "rooms: [rooms/, set.json, shared/]\nstate_dir: state\naudit_log: audit.json\nstatus_token_file: shown\n\
             webhook: {listen: '127.0.0.1:0', secret_file: signed}\n",
        )
        .with_rooms("rooms: [{id: 66213271109633, members: [bob, dan, mia]}]\n");
    fs::create_dir_all(site.path("shared")).unwrap();
    fs::create_dir_all(site.path("state")).unwrap();
    site.write("shared/groups.yaml", "groups: {}\n");
    site.write("set.json", "{\"groups\": {}}\n");
    site.write("audit.json", "");
    site.write("shown", "token-of-the-page\n");
    site.write("signed", "secret-of-the-webhook\n");
    symlink("../shared/groups.yaml", site.path("rooms/groups.yaml")).unwrap();
    for own in [
        "roomsync.yaml",
        "token",
        "rooms/team.yaml",
        "rooms/new.yaml",
        "rooms",
        "shared/groups.yaml",
        "set.json",
        "state/plan.json",
        "audit.json",
        "shown",
        "signed",
    ] {
        let before = fs::read(site.path(own)).ok();
        site.run(&["plan", "--out", own]).ends_with(64).complains("--out");
        assert_eq!(fs::read(site.path(own)).ok(), before, "{own}");
    }
    assert!(service.calls().is_empty());

    fs::write(site.path("real.json"), "old").unwrap();
    fs::set_permissions(site.path("real.json"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.json", site.path("link.json")).unwrap();
    site.run(&["plan", "--out", "link.json"]).ends_with(0);
    assert!(fs::symlink_metadata(site.path("link.json")).unwrap().is_symlink());
    assert!(
        fs::read_to_string(site.path("real.json"))
            .unwrap()
            .starts_with("{\n  \"version\": 1")
    );
    assert_eq!(
        fs::metadata(site.path("real.json")).unwrap().mode() & 0o777,
        0o640
    );

    symlink("shared/new.json", site.path("early.json")).unwrap();
    site.run(&["plan", "--out", "early.json"]).ends_with(0);
    assert!(site.path("shared/new.json").is_file());

    let run = site
        .run(&["plan", "--format", "json", "--out", "/dev/stderr"])
        .ends_with(0);
    assert_eq!(run.stderr, run.stdout);
}
