//! The daemon's files, as editors, git and Kubernetes change them: real files, real events, real time.

mod quiet;

use roomsync::file_source::{Event, FileSource, Follow};
use roomsync::model::RoomDefaults;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::timeout;

/// Longer than a busy machine keeps a test from going on between two steps of one edit.
const SETTLE: Duration = Duration::from_millis(700);
/// Far more than a busy machine needs, and far less than the minute after which everything is found anyway.
const SOON: Duration = Duration::from_secs(20);
/// In which nothing must be heard.
const QUIET: Duration = Duration::from_millis(2_000);

struct Site {
    dir: TempDir,
    following: FileSource,
}

impl Site {
    /// Follows `rooms` in a new directory that `make` has filled.
    async fn new(make: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("rooms")).unwrap();
        make(dir.path());
        let following = FileSource::start(Follow {
            paths: vec![dir.path().join("rooms")],
            settings_file: None,
            room_defaults: RoomDefaults::default(),
            settle: SETTLE,
            remembered: roomsync::desired::Remembered::default(),
        });
        Self { dir, following }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn event(&mut self) -> Event {
        timeout(SOON, self.following.event())
            .await
            .expect("no news")
            .expect("the task ended")
    }

    /// The rooms of the next set that is taken, which is the next news.
    async fn taken(&mut self) -> Vec<String> {
        match self.event().await {
            Event::Taken(loaded) => loaded
                .desired
                .rooms
                .iter()
                .map(|room| {
                    let names = room.members.iter().flatten();
                    let names: Vec<&str> = names.map(roomsync::model::UserId::as_str).collect();
                    format!("{} {}", room.id, names.join(" "))
                })
                .collect(),
            other => panic!("expected a set, got {other:?}"),
        }
    }

    async fn bad(&mut self) -> Vec<&'static str> {
        match self.event().await {
            Event::Bad(diagnostics) => diagnostics.iter().map(|one| one.code).collect(),
            other => panic!("expected something bad, got {other:?}"),
        }
    }

    async fn quiet(&mut self) {
        if let Ok(news) = timeout(QUIET, self.following.event()).await {
            panic!("expected nothing, got {news:?}");
        }
    }
}

fn room(id: usize, names: &str) -> String {
    format!("rooms:\n  - id: {id}\n    members: [{names}]\n")
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn what_editors_do() {
    let mut site = Site::new(|dir| write(dir.join("rooms/a.yaml"), &room(1, "ann"))).await;
    assert_eq!(site.taken().await, ["1 ann"]);
    let file = site.path("rooms/a.yaml");
    // In place.
    write(&file, &room(1, "ann, bob"));
    assert_eq!(site.taken().await, ["1 ann bob"]);
    // By way of a new file, as sed and most editors do. Again and again: a watch on the file would fire only once.
    for name in ["carl", "dan", "eve"] {
        write(site.path("rooms/sedXYZ"), &room(1, name));
        fs::rename(site.path("rooms/sedXYZ"), &file).unwrap();
        assert_eq!(site.taken().await, [format!("1 {name}")]);
    }
    // With a backup, as vim does, its probe and its swap file included.
    write(site.path("rooms/.a.yaml.swp"), "b0VIM");
    write(site.path("rooms/4913"), "");
    fs::remove_file(site.path("rooms/4913")).unwrap();
    fs::rename(&file, site.path("rooms/a.yaml~")).unwrap();
    write(&file, &room(1, "fay"));
    fs::remove_file(site.path("rooms/a.yaml~")).unwrap();
    assert_eq!(site.taken().await, ["1 fay"]);
    fs::remove_file(site.path("rooms/.a.yaml.swp")).unwrap();
    // A bad edit is taken back.
    write(&file, &room(1, "f@y"));
    assert_eq!(site.bad().await, ["bad-name"]);
    write(&file, &room(1, "fay"));
    let event = site.event().await;
    assert!(matches!(event, Event::AsBefore), "{event:?}");
    // The same again is no news.
    write(&file, &room(1, "fay"));
    site.quiet().await;
    site.following.stop().await;
}

#[tokio::test]
async fn folders_come_and_go() {
    let mut site = Site::new(|dir| write(dir.join("rooms/a.yaml"), &room(1, "ann"))).await;
    assert_eq!(site.taken().await, ["1 ann"]);
    fs::create_dir_all(site.path("rooms/team/deep")).unwrap();
    write(site.path("rooms/team/deep/b.yaml"), &room(2, "bob"));
    assert_eq!(site.taken().await, ["1 ann", "2 bob"]);
    write(site.path("rooms/team/deep/b.yaml"), &room(2, "bob, carl"));
    assert_eq!(site.taken().await, ["1 ann", "2 bob carl"]);
    // Away as a whole, and back.
    fs::rename(site.path("rooms"), site.path("gone")).unwrap();
    assert_eq!(site.bad().await, ["unreadable"]);
    fs::create_dir(site.path("rooms")).unwrap();
    assert_eq!(site.bad().await, ["empty-directory"]);
    fs::remove_dir(site.path("rooms")).unwrap();
    assert_eq!(site.bad().await, ["unreadable"]);
    fs::rename(site.path("gone"), site.path("rooms")).unwrap();
    let event = site.event().await;
    assert!(matches!(event, Event::AsBefore), "{event:?}");
    // And another directory of the same name, at once.
    fs::remove_dir_all(site.path("rooms/team")).unwrap();
    fs::create_dir_all(site.path("rooms/team/deep")).unwrap();
    write(site.path("rooms/team/deep/b.yaml"), &room(2, "dan"));
    assert_eq!(site.taken().await, ["1 ann", "2 dan"]);
    write(site.path("rooms/team/deep/b.yaml"), &room(2, "eve"));
    assert_eq!(site.taken().await, ["1 ann", "2 eve"]);
    site.following.stop().await;
}

#[tokio::test]
async fn a_mounted_config_map_is_swapped() {
    let mut site = Site::new(|dir| {
        let rooms = dir.join("rooms");
        fs::create_dir(rooms.join("..2026_a")).unwrap();
        write(rooms.join("..2026_a/a.yaml"), &room(1, "ann"));
        write(rooms.join("..2026_a/b.yaml"), &room(2, "bob"));
        symlink("..2026_a", rooms.join("..data")).unwrap();
        symlink("..data/a.yaml", rooms.join("a.yaml")).unwrap();
        symlink("..data/b.yaml", rooms.join("b.yaml")).unwrap();
    })
    .await;
    assert_eq!(site.taken().await, ["1 ann", "2 bob"]);
    let rooms = site.path("rooms");
    for (old, new, name) in [("a", "b", "carl"), ("b", "c", "dan"), ("c", "d", "eve")] {
        let folder = rooms.join(format!("..2026_{new}"));
        fs::create_dir(&folder).unwrap();
        write(folder.join("a.yaml"), &room(1, name));
        write(folder.join("b.yaml"), &room(2, name));
        symlink(format!("..2026_{new}"), rooms.join("..data_tmp")).unwrap();
        fs::rename(rooms.join("..data_tmp"), rooms.join("..data")).unwrap();
        fs::remove_dir_all(rooms.join(format!("..2026_{old}"))).unwrap();
        assert_eq!(site.taken().await, [format!("1 {name}"), format!("2 {name}")]);
    }
    site.following.stop().await;
}

/// As git-sync has it: the root itself is a link, by way of another one elsewhere.
#[tokio::test]
async fn a_root_is_followed_wherever_it_leads_and_other_links_below_it() {
    let mut site = Site::new(|dir| {
        for (folder, name) in [("one", "ann"), ("two", "bob")] {
            fs::create_dir_all(dir.join("work").join(folder)).unwrap();
            write(dir.join("work").join(folder).join("a.yaml"), &room(1, name));
        }
        fs::create_dir(dir.join("links")).unwrap();
        symlink("../work/one", dir.join("links/now")).unwrap();
        fs::remove_dir(dir.join("rooms")).unwrap();
        symlink("links/now", dir.join("rooms")).unwrap();
    })
    .await;
    assert_eq!(site.taken().await, ["1 ann"]);
    symlink("../work/two", site.path("links/new")).unwrap();
    fs::rename(site.path("links/new"), site.path("links/now")).unwrap();
    assert_eq!(site.taken().await, ["1 bob"]);
    // A link to a file of another name: the file itself is written to.
    fs::create_dir(site.path("work/two/.kept")).unwrap();
    write(site.path("work/two/.kept/c"), &room(3, "carl"));
    symlink(".kept/c", site.path("work/two/c.yaml")).unwrap();
    assert_eq!(site.taken().await, ["1 bob", "3 carl"]);
    write(site.path("work/two/.kept/c"), &room(3, "dan"));
    assert_eq!(site.taken().await, ["1 bob", "3 dan"]);
    // One that leads outside is bad, until it is gone.
    write(site.path("links/d.yaml"), &room(4, "dan"));
    symlink(site.path("links/d.yaml"), site.path("work/two/d.yaml")).unwrap();
    assert_eq!(site.bad().await, ["link-outside"]);
    fs::remove_file(site.path("work/two/d.yaml")).unwrap();
    let event = site.event().await;
    assert!(matches!(event, Event::AsBefore), "{event:?}");
    site.following.stop().await;
}

#[tokio::test]
async fn a_checkout_is_one_news() {
    fn git(dir: &Path, args: &[&str]) {
        let status = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(args)
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("this test needs git");
        assert!(status.status.success(), "git {args:?}: {status:?}");
    }
    let fill = |dir: &Path, name: &str, files: usize| {
        for file in 1..=files {
            write(dir.join(format!("rooms/{file}.yaml")), &room(file, name));
        }
    };
    let mut site = Site::new(|dir| {
        git(dir, &["init", "--quiet", "--initial-branch", "main"]);
        fill(dir, "ann, zoe", 300);
        git(dir, &["add", "."]);
        git(dir, &["commit", "--quiet", "-m", "one"]);
        git(dir, &["checkout", "--quiet", "-b", "other"]);
        fill(dir, "ann", 300);
        fs::remove_file(dir.join("rooms/7.yaml")).unwrap();
        git(dir, &["add", "."]);
        git(dir, &["commit", "--quiet", "-m", "two"]);
        git(dir, &["checkout", "--quiet", "main"]);
    })
    .await;
    let all = |name: &str, rooms: &[String]| rooms.iter().all(|room| room.ends_with(name));
    let rooms = site.taken().await;
    assert!(rooms.len() == 300 && all(" ann zoe", &rooms));
    git(site.dir.path(), &["checkout", "--quiet", "other"]);
    let rooms = site.taken().await;
    assert!(rooms.len() == 299 && all(" ann", &rooms));
    git(site.dir.path(), &["checkout", "--quiet", "main"]);
    let rooms = site.taken().await;
    assert!(rooms.len() == 300 && all(" ann zoe", &rooms));
    site.quiet().await;
    site.following.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_are_one_news_and_it_comes_soon_after_the_last() {
    let mut site = Site::new(|dir| {
        for file in 1..=1_000 {
            write(dir.join(format!("rooms/{file}.yaml")), &room(file, "ann"));
        }
    })
    .await;
    assert_eq!(site.taken().await.len(), 1_000);
    for file in 1..=1_000 {
        write(site.path(&format!("rooms/{file}.yaml")), &room(file, "bob"));
    }
    let last = Instant::now();
    assert!(site.taken().await.iter().all(|room| room.ends_with("bob")));
    let after = last.elapsed();
    println!("1,000 files: the news came {after:?} after the last write, the files rest for {SETTLE:?}");
    // Twice the time would be two rests; the rest is for a busy machine.
    assert!(after < SETTLE * 2 + Duration::from_secs(3), "{after:?}");
    site.quiet().await;
    site.following.stop().await;
}

/// Writes to many files again just when they have rested and are being read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_set_is_half_old_and_half_new() {
    fn fill(rooms: &Path, version: usize) {
        for file in 1..=300 {
            write(
                rooms.join(format!("{file}.yaml")),
                &room(file, &format!("v{version}")),
            );
        }
    }
    let mut site = Site::new(|dir| fill(&dir.join("rooms"), 0)).await;
    assert_eq!(site.taken().await.len(), 300);
    let rooms = site.path("rooms");
    let writer = tokio::task::spawn_blocking(move || {
        for version in 1..=10 {
            fill(&rooms, version);
            std::thread::sleep(SETTLE + Duration::from_millis(fastrand::u64(0..60)));
        }
    });
    loop {
        let rooms = site.taken().await;
        let version = rooms[0].split(' ').next_back().unwrap().to_owned();
        assert!(
            rooms.len() == 300 && rooms.iter().all(|room| room.ends_with(&format!(" {version}"))),
            "{rooms:?}"
        );
        if version == "v10" {
            break;
        }
    }
    writer.await.unwrap();
    site.following.stop().await;
}

/// As git-sync does, and as nobody does as often: what rests for a while is taken, whole, and nothing is bad.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_in_a_loop_are_never_an_error_nor_a_mix() {
    const FILES: usize = 30;
    let mut site = Site::new(|dir| {
        fs::remove_dir(dir.join("rooms")).unwrap();
        fs::create_dir_all(dir.join("trees/0")).unwrap();
        for file in 1..=FILES {
            write(dir.join(format!("trees/0/{file}.yaml")), &room(file, "v0"));
        }
        symlink("trees/0", dir.join("rooms")).unwrap();
    })
    .await;
    assert_eq!(site.taken().await.len(), FILES);
    let dir = site.dir.path().to_owned();
    let writer = tokio::task::spawn_blocking(move || {
        for version in 1..=60 {
            let tree = dir.join(format!("trees/{version}"));
            fs::create_dir(&tree).unwrap();
            for file in 1..=FILES {
                write(
                    tree.join(format!("{file}.yaml")),
                    &room(file, &format!("v{version}")),
                );
            }
            symlink(format!("trees/{version}"), dir.join("new")).unwrap();
            fs::rename(dir.join("new"), dir.join("rooms")).unwrap();
            fs::remove_dir_all(dir.join(format!("trees/{}", version - 1))).unwrap();
            // Most often too short to rest, now and then long enough to be read, and swapped just then.
            let pause = match version % 10 {
                0 => SETTLE + Duration::from_millis(fastrand::u64(0..60)),
                _ => Duration::from_millis(fastrand::u64(0..30)),
            };
            std::thread::sleep(pause);
        }
    });
    loop {
        let rooms = site.taken().await;
        let version = rooms[0].split(' ').next_back().unwrap().to_owned();
        let whole = rooms.iter().all(|room| room.ends_with(&format!(" {version}")));
        assert!(rooms.len() == FILES && whole, "{rooms:?}");
        if version == "v60" {
            break;
        }
    }
    writer.await.unwrap();
    site.following.stop().await;
}
