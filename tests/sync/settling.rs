//! Room files that are written slowly: what adds is followed fast, what takes away only once the files have settled.

mod site;

use super::house::{House, Running, house};
use super::search::seeds;
use super::service::{Service, people, room_id, room_of, state};
use http::Method as Http;
use jiff::SignedDuration;
use roomsync::daemon::Command;
use site::{Site, edited, site};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_REMOVALS: Duration = Duration::from_secs(10);
/// A writer never pauses for longer.
const LONGEST_PAUSE: u64 = 8_000;

/// State while files are written: who must not lose anything, and what was seen to happen.
struct Watch<'h> {
    house: &'h House,
    daemon: Option<Running>,
    /// The set that had settled last; `None`: there was none.
    before: Option<Site>,
    /// Every version so far.
    versions: Vec<Site>,
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
        let now = self.house.clock.now();
        for (method, path, body, status) in self.house.service.take_sent() {
            let context = format!("seed {}: {method} {path} {body} ({status})", self.seed);
            if method == Http::POST {
                self.check_added(new, &path, &body, &context);
            }
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
                    site.admins(room, now)
                } else {
                    site.people(room, now)
                }
            };
            // Where there was no set, or a list was not managed, nobody was said to be unwanted.
            let old = self.before.as_ref().map(of);
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

    /// Sees that nobody is added whose place had ended by the last settled set, or who was excluded by it: until another one has settled,
    /// they are not wanted, or wanted only because that is gone.
    fn check_added(&self, new: &Site, path: &str, body: &str, context: &str) {
        // Whose place ends just now may have been added before.
        let now = self.house.clock.now() - SignedDuration::from_secs(1);
        let room = (1..6)
            .find(|room| path.contains(room_id(*room).as_str()))
            .unwrap();
        let Some(before) = self.before.as_ref().filter(|_| !path.contains("/admin")) else {
            return;
        };
        for name in before.ended(room, now) {
            let named = path.ends_with(&format!("/{name}")) || body.contains(&format!("\"{name}\""));
            let is_settled = before == new;
            assert!(
                !named,
                "{context}: the place of {name} had ended, or they were excluded (settled: {is_settled})"
            );
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

    /// Sees that everybody is in who is wanted, as soon as the last file could be read; who is wanted only because their end is gone, once
    /// the files have settled.
    async fn assert_added(&mut self, new: &Site) {
        self.pass(SETTLE + Duration::from_secs(1), true, new).await;
        self.assert_here(new);
    }

    fn assert_here(&self, new: &Site) {
        let now = self.house.clock.now();
        let state = self.house.service.emulator.state();
        for (room, _) in new.rooms.iter().filter(|(_, entry)| entry.mode != "observe") {
            let wanted = new
                .people(*room, now)
                .or(new.admins(*room, now))
                .unwrap_or_default();
            let live = people(&state.rooms[&room_id(*room)]).members;
            let may_wait = |name: &String| {
                let earlier = self
                    .versions
                    .iter()
                    .filter(|_| self.changed.elapsed() < SETTLE_REMOVALS * 2);
                // A set that was half written may have had them by that place alone.
                earlier.clone().any(|site| site.has_end(*room, name))
            };
            let missing: Vec<&String> = wanted.difference(&live).filter(|name| !may_wait(name)).collect();
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
        // Half of the time there are people to come, too.
        let out: Vec<String> = (0..45)
            .filter(|_| random.bool())
            .map(|n| format!("u{n}"))
            .collect();
        for room in (1..6).filter(|_| random.bool()) {
            house.service.emulator.leave(&room_id(room), &out);
        }
        let mut watch = Watch {
            house: &house,
            daemon: None,
            before: None,
            versions: Vec::new(),
            changed: Instant::now(),
            seed,
        };
        let mut now = site(&mut random);
        // The daemon starts while the first version is being written, or after it.
        watch.versions.push(now.clone());
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
            watch.versions.push(new.clone());
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
        watch.pass(SETTLE_REMOVALS * 3, true, &now).await;
        watch.assert_here(&now);
        watch.daemon.take().unwrap().stop().await;
    });
}

#[test]
fn nobody_who_is_wanted_before_and_after_goes_however_slowly_files_are_written() {
    seeds(60).for_each(case);
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

/// The file settles while the addition in each room is on its way, whose plan leaves a removal for later.
#[test]
fn who_was_planned_while_the_files_settled_goes_once_they_have() {
    let rooms = (1..=50).map(|room| (room_id(room), room_of("alice", &[], &["bob", "eve"])));
    let settings =
        "sync: {settle_removals: 2s, interval: 1h}\nguards: {max_removals: 100%, max_removals_total: 100%}";
    for latency in [100, 700, 1_000, 1_500] {
        let service = Service::new(state(rooms.clone())).taking(Duration::from_millis(latency));
        house(service, settings, async |house: House| {
            let entries =
                (1..=50).map(|room| format!("  - {{id: \"{}\", members: [bob, mia]}}\n", room_id(room)));
            house.rooms(&format!("rooms:\n{}", entries.collect::<String>()));
            let daemon = house.start();
            daemon.until_well(Duration::from_secs(120)).await;
            daemon.stop().await;
        });
    }
}
