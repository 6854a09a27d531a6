//! The pods: what their manifests say of places, ports and probes, held against the daemon that runs so.

use super::daemon::{Daemon, Service, TOKEN, eventually, get, settle_in};
use super::manifests::{FOLDER, list, text};
use super::{alerts, passed};
use serde_yaml::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(name)).unwrap()
}

fn parsed(name: &str) -> Value {
    serde_yaml::from_str(&read(name)).unwrap()
}

/// An overlay: how its pod differs from the base's, and its settings.
struct Overlay {
    patch: &'static str,
    settings: &'static str,
}

const CONFIG_MAP: Overlay = Overlay {
    patch: "overlays/configmap/rooms.yaml",
    settings: "base/roomsync.yaml",
};
const GIT_SYNC: Overlay = Overlay {
    patch: "overlays/git-sync/git-sync.yaml",
    settings: "overlays/git-sync/roomsync.yaml",
};

fn container() -> Value {
    parsed("base/statefulset.yaml")["spec"]["template"]["spec"]["containers"][0].clone()
}

impl Overlay {
    /// Its containers, as far as it says of them.
    fn containers(&self) -> Vec<Value> {
        list(&parsed(self.patch)["spec"]["template"]["spec"]["containers"]).to_vec()
    }

    /// Where a volume is mounted for roomsync.
    #[track_caller]
    fn mounted(&self, volume: &str) -> String {
        let (base, own) = (container(), self.containers());
        assert_eq!(own[0]["name"], base["name"]);
        let mut mounts = [&base, &own[0]]
            .into_iter()
            .flat_map(|one| list(&one["volumeMounts"]));
        let mount = mounts.find(|mount| mount["name"] == volume);
        let mount = mount.unwrap_or_else(|| panic!("{volume} is not mounted"));
        assert!(
            mount["subPath"].is_null(),
            "{volume}: what is mounted by subPath is not updated"
        );
        assert_eq!(mount["readOnly"] == true, volume != "state", "{volume}");
        text(&mount["mountPath"]).to_owned()
    }
}

/// The room files of the overlay with a ConfigMap.
fn room_files() -> Vec<(String, String)> {
    let kustomization = parsed("overlays/configmap/kustomization.yaml");
    let files = list(&kustomization["configMapGenerator"][0]["files"]).iter();
    files
        .map(|file| {
            let name = text(file).strip_prefix("rooms/").unwrap();
            (
                name.to_owned(),
                read(&format!("overlays/configmap/{}", text(file))),
            )
        })
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

/// Arguments of the container, with these settings.
fn args(settings: &str) -> Vec<String> {
    let container = container();
    let args = list(&container["args"]).iter().map(text);
    args.map(|arg| match arg.ends_with(".yaml") {
        true => settings.to_owned(),
        false => arg.to_owned(),
    })
    .collect()
}

fn start(settings: &str, service: &Service) -> (Daemon, SocketAddr) {
    let args = args(settings);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let daemon = Daemon::start(&args, &[("ROOMSYNC_URL", &service.url)]);
    let address = format!("127.0.0.1:{}", daemon.address().port());
    (daemon, address.parse().unwrap())
}

fn probe(address: SocketAddr, probe: &str) -> u16 {
    get(address, text(&container()[probe]["httpGet"]["path"])).0
}

#[test]
fn the_parts_name_each_other() {
    let secret = parsed("base/secret.example.yaml");
    let keys = secret["stringData"].as_mapping().unwrap();
    let key = text(keys.keys().next().unwrap()).to_owned();
    for overlay in [CONFIG_MAP, GIT_SYNC] {
        let settings = parsed(overlay.settings);
        let args = args(&format!("{}/roomsync.yaml", overlay.mounted("settings")));
        assert_eq!(container()["args"][1], args[1]);
        // A folder in the volume, which belongs to nobody else.
        assert_eq!(
            settings["state_dir"],
            format!("{}/state", overlay.mounted("state"))
        );
        let token = format!("{}/{key}", overlay.mounted("token"));
        assert_eq!(settings["service"]["auth"]["token_file"], token);
        assert_eq!(settings["status_page"], false);
        let port = &container()["ports"][0];
        assert_eq!(
            text(&settings["listen"]),
            format!("0.0.0.0:{}", port["containerPort"].as_u64().unwrap())
        );
        for probe in ["livenessProbe", "readinessProbe"] {
            assert_eq!(container()[probe]["httpGet"]["port"], port["name"]);
        }
    }
    // Not ready is no reason to end: it is while a bad edit is mounted.
    assert_eq!(container()["livenessProbe"]["httpGet"]["path"], "/livez");
    assert_eq!(parsed(CONFIG_MAP.settings)["rooms"], CONFIG_MAP.mounted("rooms"));
    for app in ["east", "west"] {
        let own = parsed(&format!("overlays/two-apps/{app}/roomsync.yaml"));
        let mut base = parsed(CONFIG_MAP.settings);
        base["service"]["app_key"] = own["service"]["app_key"].clone();
        assert_eq!(own, base);
    }
    // git-sync writes where roomsync reads.
    let git_sync = &GIT_SYNC.containers()[1];
    let flag = |name: &str| {
        let mut args = list(&git_sync["args"]).iter().map(text);
        let value = args.find_map(|arg| arg.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let link = format!("{}/{}", flag("--root"), flag("--link"));
    assert_eq!(parsed(GIT_SYNC.settings)["rooms"], format!("{link}/rooms"));
    let clone = |container: &Value| {
        let mut mounts = list(&container["volumeMounts"]).iter();
        mounts.find(|mount| !mount["subPath"].is_null()).unwrap().clone()
    };
    let (mut read, written) = (clone(&GIT_SYNC.containers()[0]), clone(git_sync));
    assert_eq!(read["readOnly"], true);
    read.as_mapping_mut().unwrap().remove("readOnly");
    assert_eq!(read, written);
    assert_eq!(
        (&read["name"], &read["subPath"]),
        (&"state".into(), &"git".into())
    );
    assert!(flag("--root").starts_with(&format!("{}/", text(&read["mountPath"]))));
}

const STATE: &str = r#"
app_key: "61979408#1143303"
tokens: [t0k3n-t0-g3t-1n]
rooms: {"66213271109633": {owner: alice, members: [bob]}}
"#;

/// Volumes of a pod, each a folder of this one.
struct Volumes(TempDir);

impl Volumes {
    /// With a Secret, and a volume for the state as nobody has written to it yet.
    fn new() -> Self {
        let volumes = Self(tempfile::tempdir().unwrap());
        let token = volumes.at("token");
        mount(&token, "..1", &[("token".to_owned(), format!("{TOKEN}\n"))]);
        fs::set_permissions(token.join("token"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::create_dir(volumes.at("state")).unwrap();
        volumes
    }

    fn at(&self, volume: &str) -> PathBuf {
        self.0.path().join(volume)
    }

    /// The settings of an overlay, with the volumes in their places, and the room files from below `rooms` in this folder.
    fn settings(&self, overlay: &Overlay, rooms: &str, folder: &str) -> String {
        let state = |volume: &str| (overlay.mounted(volume), self.at(volume));
        let folders = [
            state("token"),
            state("state"),
            (rooms.to_owned(), self.at(folder)),
        ];
        let mut moved: Vec<(&str, &str)> = folders
            .iter()
            .map(|(old, new)| (old.as_str(), new.to_str().unwrap()))
            .collect();
        moved.push(("0.0.0.0:9464", "0.0.0.0:0"));
        settle_in(self.0.path(), &read(overlay.settings), &moved)
    }
}

#[test]
fn the_daemon_runs_as_in_the_pod() {
    let service = Service::start(STATE);
    let volumes = Volumes::new();
    let rooms = volumes.at("rooms");
    let room_files = room_files();
    mount(&rooms, "..1", &room_files);
    let settings = volumes.settings(&CONFIG_MAP, &CONFIG_MAP.mounted("rooms"), "rooms");

    let validate = Command::new(env!("CARGO_BIN_EXE_roomsync"))
        .args(["--config", &settings, "validate"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(passed(&validate), "2 files, 1 room, 1 group, 4 people: valid\n");

    let (daemon, address) = start(&settings, &service);
    let probe = |name| probe(address, name);
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
    assert!(volumes.at("state/state/rosters.json").exists());

    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}

/// A clone as git-sync has it, below the root in its volume: work trees by their commit, and a link to one of them.
struct Clone(PathBuf);

impl Clone {
    fn new(root: PathBuf) -> Self {
        fs::create_dir_all(&root).unwrap();
        let clone = Self(root);
        clone.git(&["init", "--quiet", "--initial-branch", "main"]);
        clone
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(args)
            .current_dir(&self.0)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .output()
            .unwrap();
        passed(&output).trim().to_owned()
    }

    /// Fetches a commit with this room file, exchanges the link, and drops the work tree before.
    fn follows(&self, text: &str) {
        let before = fs::read_link(self.0.join("current")).ok();
        fs::create_dir_all(self.0.join("rooms")).unwrap();
        fs::write(self.0.join("rooms/lobby.yaml"), text).unwrap();
        self.git(&["add", "rooms"]);
        self.git(&["commit", "--quiet", "-m", "rooms"]);
        let tree = format!(".worktrees/{}", self.git(&["rev-parse", "HEAD"]));
        self.git(&["worktree", "add", "--quiet", "--detach", &tree]);
        symlink(&tree, self.0.join("tmp-link")).unwrap();
        fs::rename(self.0.join("tmp-link"), self.0.join("current")).unwrap();
        if let Some(before) = before {
            fs::remove_dir_all(self.0.join(before)).unwrap();
        }
    }
}

#[test]
fn room_files_come_by_git_sync_and_are_there_for_the_next_pod() {
    let rooms = |members: &str| {
        format!("rooms:\n  - {{id: \"66213271109633\", mode: additive, members: [{members}]}}\n")
    };
    let service = Service::start(STATE);
    let members = || {
        let state = service.emulator.state();
        state.rooms.values().next().unwrap().members().clone()
    };
    let volumes = Volumes::new();
    let settings = volumes.settings(&GIT_SYNC, "/git/", "state/git/");
    let (daemon, address) = start(&settings, &service);
    // The first clone is under way.
    assert_eq!(probe(address, "livenessProbe"), 200);
    assert_eq!(probe(address, "readinessProbe"), 503);

    let clone = Clone::new(volumes.at("state/git/root"));
    clone.follows(&rooms("bob, carol"));
    eventually("carol is there", || members().contains("carol"));
    eventually("ready", || probe(address, "readinessProbe") == 200);
    clone.follows(&rooms("bob, carol, dan"));
    eventually("dan is there", || members().contains("dan"));
    assert_eq!(probe(address, "livenessProbe"), 200);
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));

    // On another node, while the repository cannot be reached: the clone is in the volume.
    let left = service
        .emulator
        .edit(|state| state.rooms.values_mut().next().unwrap().leave("dan"));
    assert!(left);
    let (daemon, address) = start(&settings, &service);
    eventually("dan is put back", || members().contains("dan"));
    assert_eq!(probe(address, "livenessProbe"), 200);
    daemon.signal("TERM");
    assert_eq!(daemon.ends().code(), Some(0));
}
