//! On virtual time and without a watcher: what is not asked for is found by rescans only.

mod hangs;

use super::*;
use crate::desired::{self, Remembered};
use crate::diagnostics::render;
use crate::model::RoomDefaults;
use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const SETTLE: Duration = Duration::from_millis(500);

struct Site {
    dir: TempDir,
    following: FileSource,
}

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let following = FileSource::with(follow(dir.path()), |_| Watch::blind(), TimeLimit::default());
        Self { dir, following }
    }

    /// Writes a file over, as it is: the same inode.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    /// Puts a new file in the place of another.
    fn replace(&self, name: &str, text: &str) {
        let new = self.dir.path().join(".new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.dir.path().join(name)).unwrap();
    }

    fn digest(&self) -> String {
        desired::read(&[self.dir.path().to_owned()], None)
            .digest()
            .to_owned()
    }

    /// The news within so much virtual time, and when it came.
    async fn within(&mut self, time: Duration) -> Option<(Event, Duration)> {
        let start = Instant::now();
        let news = timeout(time, self.following.event()).await.ok()?;
        Some((news.expect("the task ended"), start.elapsed()))
    }

    async fn look(&mut self) -> Option<(Event, Duration)> {
        self.following.look_now();
        self.within(Duration::from_secs(30)).await
    }
}

fn follow(path: &Path) -> Follow {
    Follow {
        paths: vec![path.to_owned()],
        settings_file: None,
        room_defaults: RoomDefaults::default(),
        settle: SETTLE,
        remembered: Remembered::default(),
    }
}

fn rooms(news: Option<(Event, Duration)>) -> usize {
    match news {
        Some((Event::Taken(loaded), _)) => loaded.desired.rooms.len(),
        other => panic!("expected a set, got {other:?}"),
    }
}

fn codes(news: Option<(Event, Duration)>) -> Vec<&'static str> {
    match news {
        Some((Event::Bad(diagnostics), _)) => diagnostics.iter().map(|one| one.code).collect(),
        other => panic!("expected something bad, got {other:?}"),
    }
}

fn is_as_before(news: &Option<(Event, Duration)>) -> bool {
    matches!(news, Some((Event::AsBefore, _)))
}

const ONE: &str = "rooms:\n  - id: 1\n    members:\n      - ann\n      - bob\n";
const TWO: &str = "rooms:\n  - id: 2\n    members:\n      - ann\n";

#[tokio::test(start_paused = true)]
async fn the_first_look_is_at_once_and_the_same_is_no_news() {
    let mut site = Site::new(&[("a.yaml", ONE)]);
    let (news, after) = site.within(Duration::from_secs(30)).await.unwrap();
    assert!(matches!(news, Event::Taken(_)), "{news:?}");
    assert!(after < SETTLE, "{after:?}");
    assert!(site.look().await.is_none());
    // Neither other times nor another file of the same content are.
    site.write("a.yaml", ONE);
    assert!(site.look().await.is_none());
    site.replace("a.yaml", ONE);
    assert!(site.within(Duration::from_secs(300)).await.is_none());
    site.following.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_events_changes_are_found_by_rescans() {
    let mut site = Site::new(&[("a.yaml", ONE)]);
    assert_eq!(rooms(site.within(Duration::ZERO + SETTLE).await), 1);
    site.replace("b.yaml", TWO);
    let (news, after) = site.within(Duration::from_secs(90)).await.unwrap();
    assert!(matches!(news, Event::Taken(_)), "{news:?}");
    assert!(after > Duration::from_secs(50), "{after:?}");
    fs::remove_dir_all(site.dir.path()).unwrap();
    let gone = site.within(Duration::from_secs(90)).await;
    assert_eq!(codes(gone), ["unreadable"]);
    // It is said once.
    assert!(site.within(Duration::from_secs(600)).await.is_none());
    fs::create_dir(site.dir.path()).unwrap();
    let empty = site.within(Duration::from_secs(90)).await;
    assert_eq!(codes(empty), ["empty-directory"]);
    site.replace("a.yaml", ONE);
    site.replace("b.yaml", TWO);
    assert!(is_as_before(&site.within(Duration::from_secs(90)).await));
}

#[tokio::test(start_paused = true)]
async fn what_changes_must_rest_and_is_news_then() {
    let mut site = Site::new(&[("a.yaml", ONE)]);
    assert_eq!(rooms(site.look().await), 1);
    for _ in 0..20 {
        site.replace("b.yaml", &format!("{TWO}# {}\n", fastrand::u64(..)));
        site.following.look_now();
        assert!(site.within(SETTLE / 2).await.is_none());
    }
    let (news, after) = site.within(Duration::from_secs(5)).await.unwrap();
    assert!(matches!(news, Event::Taken(_)), "{news:?}");
    assert!(after <= SETTLE, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_edit_is_told_once_and_can_be_taken_back() {
    let mut site = Site::new(&[("a.yaml", ONE)]);
    assert_eq!(rooms(site.look().await), 1);
    site.replace("a.yaml", "rooms:\n  - id: 1\n    members: [b@d]\n");
    assert_eq!(codes(site.look().await), ["bad-name"]);
    site.replace("a.yaml", "rooms:\n  - id: 1\n    members: [b@d]\n");
    assert!(site.look().await.is_none());
    site.replace("a.yaml", "rooms:\n  - id: 1\n    members: [b@d, c@d]\n");
    assert_eq!(codes(site.look().await), ["bad-name", "bad-name"]);
    std::os::unix::fs::symlink(".", site.dir.path().join("loop")).unwrap();
    assert_eq!(codes(site.look().await), ["link-loop", "bad-name", "bad-name"]);
    fs::remove_file(site.dir.path().join("loop")).unwrap();
    site.replace("a.yaml", ONE);
    assert!(is_as_before(&site.look().await));
    assert!(site.look().await.is_none());
    // Other settings make the same files news.
    site.following.change(follow(site.dir.path()));
    assert_eq!(rooms(site.within(Duration::from_secs(5)).await), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_file_has_ten_seconds() {
    for unfinished in ["", "rooms:\n  - id: 2\n    members: [ann]"] {
        let mut site = Site::new(&[("a.yaml", ONE)]);
        assert_eq!(rooms(site.look().await), 1);
        site.write("b.yaml", unfinished);
        site.following.look_now();
        assert!(site.within(Duration::from_secs(9)).await.is_none());
        site.write("b.yaml", TWO);
        assert_eq!(rooms(site.look().await), 2);
        site.write("c.yaml", unfinished);
        site.following.look_now();
        let (news, after) = site.within(Duration::from_secs(30)).await.unwrap();
        assert_eq!(codes(Some((news, after))).first(), Some(&"unfinished"));
        let wanted = Duration::from_secs(10)..Duration::from_secs(12);
        assert!(wanted.contains(&after), "{after:?}");
        fs::remove_file(site.dir.path().join("c.yaml")).unwrap();
        assert!(is_as_before(&site.look().await));
        // From the first look on, too.
        let mut site = Site::new(&[("a.yaml", unfinished)]);
        assert!(site.within(Duration::from_secs(9)).await.is_none());
        assert_eq!(codes(site.look().await).first(), Some(&"unfinished"));
    }
}

/// Block lists can be cut after any line and stay valid.
#[tokio::test(start_paused = true)]
async fn a_file_cut_short_in_place_is_never_taken() {
    let whole =
        "\u{feff}groups:\n  g:\n    - é1\nrooms:\n  - id: 1\n    members:\n      - ann\n      - bob\n    \
                 admins:\n      - ann\n  - id: 2\n    members: [ann]\n"
            .replace("é1", "cy # é");
    let mut site = Site::new(&[("a.yaml", &whole), ("b.yaml", "groups: {h: [dan]}\n")]);
    assert_eq!(rooms(site.look().await), 2);
    for end in 0..whole.len() {
        fs::write(site.dir.path().join("a.yaml"), &whole.as_bytes()[..end]).unwrap();
        let said = codes(site.look().await);
        let wanted = if end == 0 { "unfinished" } else { "cut-short" };
        assert_eq!(said.first(), Some(&wanted), "cut at {end}: {said:?}");
        site.write("a.yaml", &whole);
        assert!(is_as_before(&site.look().await), "cut at {end}");
    }
    // Who means it says so: by a line at the end, or by another file.
    let cut = &whole[..whole.find("  - id: 2").unwrap()];
    site.write("a.yaml", cut);
    assert_eq!(codes(site.look().await), ["cut-short"]);
    site.write("a.yaml", &format!("{cut}# that is all\n"));
    assert_eq!(rooms(site.look().await), 1);
    site.write("a.yaml", &whole);
    assert_eq!(rooms(site.look().await), 2);
    site.replace("a.yaml", cut);
    assert_eq!(rooms(site.look().await), 1);
    // git removes the old file first, and the new one may get its inode: its time of birth tells them apart.
    site.write("a.yaml", &whole);
    assert_eq!(rooms(site.look().await), 2);
    let path = site.dir.path().join("a.yaml");
    if fs::metadata(&path).unwrap().created().is_ok() {
        fs::remove_file(&path).unwrap();
        site.write("a.yaml", cut);
        assert_eq!(rooms(site.look().await), 1);
    }
}

/// A file of a random set: rooms with block lists.
fn random_text(rng: &mut fastrand::Rng, file: usize) -> String {
    let mut text = "rooms:\n".to_owned();
    for room in 0..rng.usize(1..4) {
        text += &format!("  - id: {}{room}\n    members:\n", file + 1);
        for _ in 0..rng.usize(1..5) {
            text += &format!("      - u{}\n", rng.u32(..));
        }
    }
    text
}

/// Interleaved edits of many kinds. Whatever is taken was once all that was there, with no edit under way.
async fn search(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut site = Site::new(&[("0.yaml", &random_text(&mut rng, 0))]);
    let mut finished = HashSet::from([site.digest()]);
    // The first look takes at once what is there, finished or not: nobody goes by it before the files have settled.
    assert!(rooms(site.within(SETTLE).await) > 0);
    let mut in_force = None;
    let pause = |rng: &mut fastrand::Rng, most: Duration| most.mul_f64(rng.f64());
    for _ in 0..60 {
        let file = rng.usize(0..4);
        let name = format!("{file}.yaml");
        let path = site.dir.path().join(&name);
        let text = random_text(&mut rng, file);
        let short = SETTLE * 9 / 10;
        match rng.u32(0..6) {
            0 => site.write(&name, &text),
            1 => site.replace(&name, &text),
            // In pieces: shortly anywhere, for long only within a line.
            2 => {
                let mut out = fs::File::create(&path).unwrap();
                let mut rest = text.as_str();
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(rng.usize(1..=rest.len()));
                    out.write_all(piece.as_bytes()).unwrap();
                    rest = after;
                    site.following.look_now();
                    let most = if piece.ends_with('\n') { short } else { SETTLE * 15 };
                    sleep(pause(&mut rng, most)).await;
                }
            }
            // A checkout: many files, one after the other, and no rest between them. Not every step changes something.
            3 => {
                for file in 0..4 {
                    let path = site.dir.path().join(format!("{file}.yaml"));
                    let _ = fs::remove_file(&path);
                    site.following.look_now();
                    sleep(pause(&mut rng, short / 2)).await;
                    fs::write(&path, random_text(&mut rng, file)).unwrap();
                    site.following.look_now();
                    sleep(pause(&mut rng, short / 2)).await;
                }
            }
            4 if file > 0 => drop(fs::remove_file(&path)),
            // Cut short, which is no edit, and then put right; a file that is not in force yet looks finished so.
            _ => {
                sleep(SETTLE * 30).await;
                site.following.look_now();
                sleep(SETTLE * 3).await;
                if let Ok(old) = fs::read(&path) {
                    fs::write(&path, &old[..rng.usize(..old.len())]).unwrap();
                    site.following.look_now();
                    sleep(pause(&mut rng, SETTLE * 40)).await;
                    fs::write(&path, old).unwrap();
                }
            }
        }
        finished.insert(site.digest());
        site.following.look_now();
        sleep(pause(&mut rng, SETTLE * 3)).await;
        while let Ok(news) = site.following.news.try_recv() {
            if let Event::Taken(loaded) = news {
                let digest = loaded.desired.source.digest;
                assert!(
                    finished.contains(&digest),
                    "seed {seed}: took what was never finished"
                );
                in_force = Some(digest);
            }
        }
    }
    if let Some((Event::Taken(loaded), _)) = site.look().await {
        in_force = Some(loaded.desired.source.digest);
    }
    assert_eq!(
        in_force,
        Some(site.digest()),
        "seed {seed}: the last set was not taken"
    );
}

#[tokio::test(start_paused = true)]
async fn only_what_a_finished_edit_wrote_is_ever_taken() {
    match std::env::var("FILES_SEED") {
        Ok(seed) => search(seed.parse().unwrap()).await,
        Err(_) => {
            for seed in (0..3).chain([fastrand::u64(..)]) {
                search(seed).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_says_what_to_do() {
    let mut site = Site::new(&[("a.yaml", ONE)]);
    assert_eq!(rooms(site.look().await), 1);
    site.write("a.yaml", &ONE[..ONE.len() - 10]);
    let Some((Event::Bad(diagnostics), _)) = site.look().await else {
        panic!()
    };
    let said = render(&diagnostics, false).replace(&site.dir.path().display().to_string(), "SITE");
    insta::assert_snapshot!(said, @"
    error[cut-short]: this file was written over and is now only the beginning of what it was: it may have been cut short
    --> SITE/a.yaml
     = help: write it again; if its end was taken out on purpose, save it as a new file and move that over this one, as most editors do, or end it with a line of its own, such as a comment
    ");
}
