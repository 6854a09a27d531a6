//! Room files that are written slowly: what adds is followed fast, what takes away only once the files have settled.

use super::house::{House, Running, house};
use super::service::{Service, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::daemon::Command;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_REMOVALS: Duration = Duration::from_secs(10);
/// A writer never pauses for longer.
const LONGEST_PAUSE: u64 = 8_000;

type Names = BTreeSet<String>;

/// A room's entry.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    members: Option<Names>,
    admins: Option<Names>,
    /// Everybody in the group of this number is a member, too.
    group: Option<usize>,
    mode: &'static str,
    guards: &'static str,
    allow_empty: bool,
    file: usize,
}

/// What the files say together.
#[derive(Debug, Clone, Default, PartialEq)]
struct Site {
    rooms: BTreeMap<usize, Entry>,
    groups: BTreeMap<usize, Names>,
}

impl Site {
    fn text(&self, file: usize) -> String {
        let list = |names: &Names| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut text = format!("# file {file}\n");
        let groups = self.groups.iter().filter(|(group, _)| **group % 3 == file);
        let groups: Vec<String> = groups
            .map(|(group, names)| format!("  g{group}: [{}]\n", list(names)))
            .collect();
        if !groups.is_empty() {
            text += "groups:\n";
            text += &groups.concat();
        }
        let rooms: Vec<_> = self
            .rooms
            .iter()
            .filter(|(_, entry)| entry.file == file)
            .collect();
        if !rooms.is_empty() {
            text += "rooms:\n";
        }
        for (room, entry) in rooms {
            text += &format!("  - id: {}\n    mode: {}\n", room_id(*room), entry.mode);
            if !entry.guards.is_empty() {
                text += &format!("    guards: {}\n", entry.guards);
            }
            if entry.allow_empty {
                text += "    allow_empty: true\n";
            }
            if let Some(admins) = &entry.admins {
                text += &format!("    admins: [{}]\n", list(admins));
            }
            if let Some(members) = &entry.members {
                // An item a line, so that a writer can stop between two.
                text += "    members:\n";
                let group = entry.group.map(|group| format!("group:g{group}"));
                for name in members.iter().cloned().chain(group) {
                    text += &format!("      - {name}\n");
                }
            }
        }
        // A new text that the old one begins with would be held as a file cut short.
        text += &format!("# end of file {file}\n");
        text
    }

    /// Who is wanted in a room; `None`: nobody is said to be unwanted.
    fn people(&self, room: usize) -> Option<Names> {
        let entry = self.rooms.get(&room)?;
        let mut people = entry.members.clone()?;
        people.extend(entry.admins.iter().flatten().cloned());
        people.extend(
            entry
                .group
                .and_then(|group| self.groups.get(&group))
                .into_iter()
                .flatten()
                .cloned(),
        );
        Some(people)
    }

    fn admins(&self, room: usize) -> Option<Names> {
        self.rooms.get(&room)?.admins.clone()
    }
}

fn some(random: &mut fastrand::Rng, most: usize, share: f64) -> Names {
    (0..most)
        .filter(|_| random.f64() < share)
        .map(|n| format!("u{n}"))
        .collect()
}

fn entry(random: &mut fastrand::Rng) -> Entry {
    let names = random.usize(4..40);
    let mut members = some(random, names, 0.8);
    members.insert("u0".to_owned());
    let mut admins = some(random, 8, 0.6);
    admins.insert("u1".to_owned());
    Entry {
        members: random.u8(0..8).ne(&0).then_some(members),
        admins: Some(admins),
        group: None,
        mode: [
            "authoritative",
            "authoritative",
            "authoritative",
            "additive",
            "observe",
        ][random.usize(0..5)],
        guards: "",
        allow_empty: false,
        file: random.usize(0..3),
    }
}

fn site(random: &mut fastrand::Rng) -> Site {
    let mut site = Site::default();
    for group in 0..3 {
        site.groups.insert(group, some(random, 30, 0.3));
    }
    for room in 1..=random.usize(1..4) {
        let mut entry = entry(random);
        entry.group = (entry.members.is_some() && random.bool()).then(|| random.usize(0..3));
        site.rooms.insert(room, entry);
    }
    site
}

/// Another version of the files, that differs in a way that takes people away, or adds some, or both.
fn edited(site: &Site, random: &mut fastrand::Rng) -> Site {
    let mut site = site.clone();
    for _ in 0..random.usize(1..4) {
        let rooms: Vec<usize> = site.rooms.keys().copied().collect();
        let room = rooms[random.usize(0..rooms.len())];
        let entry_now = site.rooms.get_mut(&room).unwrap();
        match random.u8(0..12) {
            0..=3 => {
                if let Some(members) = &mut entry_now.members {
                    let keep = 0.7 + 0.3 * random.f64();
                    members.retain(|_| random.f64() < keep);
                    members.extend(some(random, 45, 0.1));
                    members.insert("u0".to_owned());
                }
            }
            4 => {
                if let Some(admins) = &mut entry_now.admins {
                    admins.retain(|_| random.f64() < 0.8);
                    admins.insert(format!("u{}", random.usize(0..8)));
                }
            }
            5 => {
                entry_now.members = if entry_now.members.is_some() {
                    None
                } else {
                    Some(some(random, 30, 0.9))
                }
            }
            6 => entry_now.mode = ["authoritative", "additive", "observe"][random.usize(0..3)],
            7 => {
                entry_now.guards = [
                    "",
                    "{max_removals: 100%, max_demotions: 100%, removal_budget: off}",
                    "{max_removals: 0}",
                ][random.usize(0..3)];
            }
            8 => {
                site.rooms.insert(random.usize(1..5), entry(random));
            }
            9 => {
                // People move from a group to the room's own list, in another file.
                if let (Some(members), Some(group)) = (&mut entry_now.members, entry_now.group) {
                    let moved = std::mem::take(site.groups.get_mut(&group).unwrap());
                    members.extend(moved);
                }
            }
            10 => {
                let group = random.usize(0..3);
                site.groups.insert(group, some(random, 30, 0.4));
            }
            _ => entry_now.allow_empty = !entry_now.allow_empty,
        }
        if let Some(entry) = site.rooms.get_mut(&room) {
            if entry.members.is_none() {
                entry.group = None;
                entry.admins.get_or_insert_with(|| ["u1".to_owned()].into());
            }
            if entry.members.as_ref().is_some_and(BTreeSet::is_empty) && !entry.allow_empty {
                entry.members = Some(["u0".to_owned()].into());
            }
        }
    }
    site
}

/// What is on while files are written: who must not lose anything, and what was seen to happen.
struct Watch<'h> {
    house: &'h House,
    daemon: Option<Running>,
    /// The set that had settled last; `None`: there was none.
    before: Option<Site>,
    /// When the content of a file changed last.
    changed: Instant,
    seed: u64,
}

impl Watch<'_> {
    /// Lets time pass, and sees that nobody goes whom both the last settled set and the one being written want. `told`: the daemon looks at
    /// the files at once. Otherwise it depends on the system's events, which come at their own time.
    async fn pass(&mut self, time: Duration, told: bool, new: &Site) {
        if let Some(daemon) = self.daemon.as_ref().filter(|_| told) {
            daemon.tell(Command::Reload).await;
        }
        let until = Instant::now() + time;
        loop {
            if self.changed.elapsed() >= SETTLE_REMOVALS {
                self.before = Some(new.clone());
            }
            self.check(new);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            sleep(left.min(Duration::from_millis(500))).await;
        }
    }

    fn check(&self, new: &Site) {
        for (method, path, _, status) in self.house.service.take_sent() {
            if method != Http::DELETE {
                continue;
            }
            let parts: Vec<&str> = path.split('/').collect();
            let [.., "chatrooms", id, kind, names] = parts.as_slice() else {
                panic!("{path}")
            };
            let room = (1..6).find(|room| room_id(*room).as_str() == *id).unwrap();
            let of = |site: &Site| {
                if *kind == "admin" {
                    site.admins(room)
                } else {
                    site.people(room)
                }
            };
            // Where there was no set, or a list was not managed, nobody was said to be unwanted.
            let old = self.before.as_ref().map(of);
            let context = format!("seed {}: {path} ({status})", self.seed);
            let (old, new) = match (old, of(new)) {
                (Some(Some(old)), Some(new)) => (old, new),
                (old, new) => panic!("{context}: nobody may go while the lists were {old:?} and are {new:?}"),
            };
            for name in names.split("%2C") {
                assert!(
                    !(old.contains(name) && new.contains(name)),
                    "{context}: {name} is wanted before and after"
                );
            }
        }
    }

    /// Writes a version of the files over the last one, slowly.
    async fn write(&mut self, new: &Site, random: &mut fastrand::Rng) {
        let mut order = [0, 1, 2];
        random.shuffle(&mut order);
        for file in order {
            let name = format!("rooms/f{file}.yaml");
            let (path, text) = (self.house.path(&name), new.text(file));
            if fs::read_to_string(&path).is_ok_and(|now| now == text) {
                continue;
            }
            let pause = |random: &mut fastrand::Rng| Duration::from_millis(random.u64(0..LONGEST_PAUSE));
            let pieces = random.usize(1..5);
            let mut cuts: Vec<usize> = (1..pieces)
                .map(|_| {
                    let at = random.usize(0..text.len());
                    // Half of the writers stop at a line's end, where what is there looks whole.
                    if random.bool() {
                        text[..at].rfind('\n').map_or(0, |end| end + 1)
                    } else {
                        at
                    }
                })
                .collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            match random.u8(0..3) {
                0 => {
                    self.house.put(&name, &text);
                    self.changed = Instant::now();
                    self.pass(pause(random), random.bool(), new).await;
                }
                how => {
                    let mut options = fs::File::options();
                    // In place, what is not written over yet stays; otherwise the file is cut first.
                    self.changed = Instant::now();
                    let mut out = options
                        .create(true)
                        .write(true)
                        .truncate(how == 1)
                        .open(&path)
                        .unwrap();
                    let mut begun = 0;
                    for cut in cuts {
                        let content = fs::read(&path).unwrap();
                        out.seek(SeekFrom::Start(begun as u64)).unwrap();
                        out.write_all(&text.as_bytes()[begun..cut]).unwrap();
                        begun = cut;
                        if begun == text.len() {
                            out.set_len(begun as u64).unwrap();
                        }
                        if fs::read(&path).unwrap() != content {
                            self.changed = Instant::now();
                        }
                        self.pass(pause(random), random.bool(), new).await;
                    }
                }
            }
        }
    }

    /// Sees that everybody is in who is wanted, as soon as the last file could be read.
    async fn assert_added(&mut self, new: &Site) {
        self.pass(SETTLE + Duration::from_secs(1), true, new).await;
        let state = self.house.service.emulator.state();
        for (room, entry) in new.rooms.iter().filter(|(_, entry)| entry.mode != "observe") {
            let wanted = new.people(*room).or(entry.admins.clone()).unwrap_or_default();
            let live = people(&state.rooms[&room_id(*room)]).members;
            let missing: Vec<&String> = wanted.difference(&live).collect();
            assert!(
                missing.is_empty(),
                "seed {}: not added to {room}: {missing:?}",
                self.seed
            );
        }
    }
}

/// Every room has everybody in it, so that all who are not wanted would go.
fn service() -> Service {
    let names: Vec<String> = (0..45).map(|n| format!("u{n}")).collect();
    let members: Vec<&str> = names.iter().skip(5).map(String::as_str).collect();
    let admins: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    Service::new(state(
        (1..6).map(|room| (room_id(room), room_of("owner", &admins, &members))),
    ))
}

fn case(seed: u64) {
    let settings = "guards: {max_removals_total: 100%}\nsync: {interval: 1m}";
    house(service(), settings, async move |house: House| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut watch = Watch {
            house: &house,
            daemon: None,
            before: None,
            changed: Instant::now(),
            seed,
        };
        let mut now = site(&mut random);
        // The daemon starts while the first version is being written, or after it.
        let early = random.bool();
        if early {
            watch.daemon = Some(house.start());
            watch.write(&now, &mut random).await;
        } else {
            for file in 0..3 {
                house.put(&format!("rooms/f{file}.yaml"), &now.text(file));
            }
            watch.daemon = Some(house.start());
        }
        watch.assert_added(&now).await;
        for _ in 0..random.usize(1..3) {
            // The calm before it is long enough to settle, or not.
            let calm = if random.bool() {
                SETTLE_REMOVALS
            } else {
                Duration::from_millis(random.u64(0..9_000))
            };
            watch.pass(calm, true, &now).await;
            let new = edited(&now, &mut random);
            if random.u8(0..4) == 0 {
                let daemon = watch.daemon.take().unwrap();
                if random.bool() {
                    daemon.stop().await;
                } else {
                    daemon.kill().await;
                }
                watch.daemon = Some(house.start());
            }
            watch.write(&new, &mut random).await;
            watch.assert_added(&new).await;
            now = new;
        }
        watch.daemon.take().unwrap().stop().await;
    });
}

#[test]
fn nobody_who_is_wanted_before_and_after_goes_however_slowly_files_are_written() {
    let cases = std::env::var("ROOMSYNC_SLOW_WRITERS").map_or(60, |cases| cases.parse().unwrap());
    let first = std::env::var("ROOMSYNC_SEED").map_or(0, |seed| seed.parse().unwrap());
    for seed in first..first + cases {
        case(seed);
    }
}

/// Through a link of another folder files change without an event, as on a network disk: that they have been unchanged for long enough is
/// seen, and not taken for granted.
#[test]
fn what_changes_without_an_event_is_seen_before_anybody_goes() {
    house(service(), "sync: {interval: 1m}", async |house: House| {
        let list = |count: usize| {
            let names: Vec<String> = (5..count).map(|n| format!("u{n}")).collect();
            let names = names.join(", ");
            format!(
                "rooms: [{{id: {}, members: [{names}]}}]\n# end of {count}\n",
                room_id(1)
            )
        };
        house.rooms(&list(45));
        // Not below the folder of the settings, which may be watched.
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("all.yaml");
        fs::hard_link(house.path("rooms/all.yaml"), &elsewhere).unwrap();
        let daemon = house.start();
        sleep(SETTLE_REMOVALS * 2).await;
        assert_eq!(daemon.status().pending, None);
        fs::write(&elsewhere, list(40)).unwrap();
        daemon.tell(Command::Reload).await;
        sleep(Duration::from_secs(3)).await;
        assert_eq!(daemon.status().pending.map(|pending| pending.removals), Some(5));
        fs::write(&elsewhere, list(45)).unwrap();
        sleep(SETTLE_REMOVALS * 3).await;
        assert_eq!(daemon.status().pending, None);
        // A list that stays so short is followed without an event, too.
        let removals = || {
            let sent = house.service.take_sent();
            sent.iter().filter(|(method, ..)| *method == Http::DELETE).count()
        };
        assert_eq!(removals(), 0);
        fs::write(&elsewhere, list(40)).unwrap();
        sleep(Duration::from_secs(60) + SETTLE_REMOVALS * 2).await;
        assert!(removals() > 0);
        daemon.stop().await;
    });
}
