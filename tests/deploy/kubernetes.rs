//! The manifests: every part fits the others and the daemon.

use super::daemon::{Daemon, Service, TOKEN, eventually, get, settle_in};
use super::{alerts, checker, passed};
use serde_yaml::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

/// Every document of the manifests.
fn documents() -> Vec<Value> {
    let mut documents = Vec::new();
    for name in ["roomsync.yaml", "rooms.yaml", "secret.example.yaml"] {
        let text = fs::read_to_string(Path::new("deploy/kubernetes").join(name)).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            documents.push(<Value as serde::Deserialize>::deserialize(document).unwrap());
        }
    }
    documents
}

/// The document of this kind and name.
#[track_caller]
fn find(kind: &str, name: &str) -> Value {
    let mut found = documents();
    found.retain(|document| document["kind"] == kind && document["metadata"]["name"] == name);
    assert_eq!(found.len(), 1, "{kind} {name}");
    found.remove(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

/// The files of a ConfigMap.
fn files(name: &str) -> Vec<(String, String)> {
    let map = find("ConfigMap", name);
    let data = map["data"].as_mapping().unwrap();
    data.iter()
        .map(|(key, value)| (text(key).to_owned(), text(value).to_owned()))
        .collect()
}

/// Mounts files as a kubelet does: links to `..data`, which is a link to a folder and is swapped for another.
fn mount(folder: &Path, generation: &str, files: &[(String, String)]) {
    let data = folder.join(generation);
    fs::create_dir_all(&data).unwrap();
    for (name, text) in files {
        fs::write(data.join(name), text).unwrap();
        let link = folder.join(name);
        if !link.exists() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    symlink(generation, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

fn container() -> Value {
    let deployment = find("Deployment", "roomsync");
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

/// Where a volume is mounted.
#[track_caller]
fn mounted(volume: &str) -> String {
    let container = container();
    let mounts = container["volumeMounts"].as_sequence().unwrap();
    let mount = mounts.iter().find(|mount| mount["name"] == volume);
    let mount = mount.unwrap_or_else(|| panic!("{volume} is not mounted"));
    assert!(
        mount.get("subPath").is_none(),
        "{volume}: what is mounted by subPath is not updated"
    );
    text(&mount["mountPath"]).to_owned()
}

#[test]
fn the_parts_name_each_other() {
    let deployment = find("Deployment", "roomsync");
    let spec = &deployment["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["strategy"]["type"], "Recreate");
    let labels = &spec["template"]["metadata"]["labels"];
    assert_eq!(spec["selector"]["matchLabels"], *labels);
    let service = find("Service", "roomsync");
    assert_eq!(service["spec"]["selector"], *labels);
    assert_eq!(service["spec"]["type"], "ClusterIP");

    let pod = &spec["template"]["spec"];
    let volumes = pod["volumes"].as_sequence().unwrap();
    for volume in volumes {
        mounted(text(&volume["name"]));
        if let Some(map) = volume.get("configMap") {
            find("ConfigMap", text(&map["name"]));
        } else if let Some(secret) = volume.get("secret") {
            find("Secret", text(&secret["secretName"]));
        } else {
            find(
                "PersistentVolumeClaim",
                text(&volume["persistentVolumeClaim"]["claimName"]),
            );
        }
    }
    assert_eq!(
        volumes.len(),
        container()["volumeMounts"].as_sequence().unwrap().len()
    );

    let settings: Value = serde_yaml::from_str(&files("roomsync")[0].1).unwrap();
    let args = container()["args"].clone();
    assert_eq!(
        args[1],
        format!("{}/{}", mounted("settings"), files("roomsync")[0].0)
    );
    assert_eq!(settings["rooms"], mounted("rooms"));
    // The root of a volume belongs to root.
    let state_dir = text(&settings["state_dir"]).strip_prefix(&mounted("state"));
    assert!(state_dir.is_some_and(|below| below.len() > 1 && below.starts_with('/')));
    let (key, _) = find("Secret", "roomsync")["stringData"]
        .as_mapping()
        .unwrap()
        .iter()
        .map(|(key, value)| (text(key).to_owned(), value.clone()))
        .next()
        .unwrap();
    let token = format!("{}/{key}", mounted("token"));
    assert_eq!(settings["service"]["auth"]["token_file"], token);

    let port = &container()["ports"][0];
    assert_eq!(
        text(&settings["listen"]),
        format!("0.0.0.0:{}", port["containerPort"].as_u64().unwrap())
    );
    assert_eq!(service["spec"]["ports"][0]["targetPort"], port["name"]);
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container()[probe]["httpGet"]["port"], port["name"]);
    }
    // Not ready is no reason to end: it is while a bad edit is mounted.
    assert_eq!(container()["livenessProbe"]["httpGet"]["path"], "/livez");
}

#[test]
fn kustomize_takes_the_manifests() {
    let Some(built) = checker("kubectl", &["kustomize", "deploy/kubernetes"]) else {
        return;
    };
    assert!(passed(&built).contains("kind: Deployment"));
}

#[test]
fn the_daemon_runs_as_in_the_pod() {
    let state = r#"
app_key: "61979408#1143303"
tokens: [t0k3n-t0-g3t-1n]
rooms: {"66213271109633": {owner: alice, members: [bob]}}
"#;
    let service = Service::start(state);
    let pod = tempfile::tempdir().unwrap();
    let rooms = pod.path().join("rooms");
    let token = pod.path().join("secret");
    let volume = pod.path().join("state");
    let room_files = files("roomsync-rooms");
    mount(&rooms, "..1", &room_files);
    fs::create_dir(&volume).unwrap();
    mount(&token, "..1", &[("token".to_owned(), format!("{TOKEN}\n"))]);
    fs::set_permissions(token.join("token"), fs::Permissions::from_mode(0o400)).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let settings = settle_in(
        pod.path(),
        &files("roomsync")[0].1,
        &[
            (&mounted("rooms"), &path(&rooms)),
            (&mounted("token"), &path(&token)),
            (&mounted("state"), &path(&volume)),
            ("0.0.0.0:9464", "0.0.0.0:0"),
        ],
    );

    let validate = Command::new(env!("CARGO_BIN_EXE_roomsync"))
        .args(["--config", &settings, "validate"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(passed(&validate), "2 files, 1 room, 1 group, 4 people: valid\n");

    let args = container()["args"].clone();
    let args: Vec<&str> = args
        .as_sequence()
        .unwrap()
        .iter()
        .map(|arg| {
            if text(arg).ends_with(".yaml") {
                &settings
            } else {
                text(arg)
            }
        })
        .collect();
    let daemon = Daemon::start(&args, &[("ROOMSYNC_URL", &service.url)]);
    let address = daemon.address();
    let address = format!("127.0.0.1:{}", address.port()).parse().unwrap();
    let probe = |probe: &str| get(address, text(&container()[probe]["httpGet"]["path"])).0;
    assert_eq!(probe("livenessProbe"), 200);
    eventually("ready", || probe("readinessProbe") == 200);
    // Every pod of the cluster may reach it.
    assert_eq!(get(address, "/api/status").0, 404);
    let metrics = || get(address, "/metrics").1;
    let shown = metrics();
    // This token does not say when it ends.
    let known = |name: &String| name != "roomsync_token_expires_timestamp_seconds";
    for name in alerts::metrics().into_iter().filter(known) {
        assert!(shown.contains(&format!("\n{name}")), "no {name} in\n{shown}");
    }

    // A bad edit makes the pod not ready, and no more than that.
    let mut bad = room_files.clone();
    bad[1].1.push_str("    membres: [bob]\n");
    mount(&rooms, "..2", &bad);
    eventually("not ready", || probe("readinessProbe") == 503);
    assert_eq!(probe("livenessProbe"), 200);

    let mut other = room_files;
    other[1].1 = other[1]
        .1
        .replace("defaults: {mode: observe}", "defaults: {mode: additive}");
    mount(&rooms, "..3", &other);
    eventually("ready again", || probe("readinessProbe") == 200);
    let people = || service.emulator.state().rooms.values().next().unwrap().clone();
    eventually("the room is as wanted", || people().members().contains("carol"));
    assert!(metrics().contains("\nroomsync_reloads_total{result=\"taken\"} 2\n"));
    assert!(volume.join("state/rosters.json").exists());

    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}
