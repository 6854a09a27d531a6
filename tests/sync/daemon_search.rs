//! The daemon under everything that happens to it, in random order, held against a little model that knows nothing of the
//! product: what the test itself wrote into the files, and what the service itself held at each call.
//!
//! A case is its seed. `ROOMSYNC_SEARCH_CASES` sets how many there are, `ROOMSYNC_SEARCH_SECONDS` how long to go on instead,
//! `ROOMSYNC_SEARCH_SEED` runs one of them and tells all that it does.

use super::house::{House, Running, house};
use super::search::{number, seeds};
use super::service::{Reply, Sent, Service, is_known_call, people, room_id, room_of, state};
use http::Method as Http;
use roomsync::chat::{BoxFuture, Request, Response, Transport, TransportError};
use roomsync::daemon::Command;
use roomsync::emulator::{Emulator, State};
use roomsync::status::StatusSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

type Set = BTreeSet<String>;

/// Seeds with which something was found once.
const FOUND: [u64; 4] = [29, 37, 1510, 1606];

const CASES: u64 = 120;
const ROOMS: usize = 3;
/// A room that is only observed. Its label tells which set is in force.
const MARKER: usize = 9;
const OWNER: &str = "boss";
/// Somebody whom the service does not know.
const UNKNOWN: &str = "zed";
/// The guard of rooms that say nothing, in percent.
const GUARD: u64 = 25;
const DEMOTIONS: u64 = 50;
const INTERVAL: Duration = Duration::from_secs(300);

/// What a set of files says of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    admins: Option<Set>,
    members: Option<Set>,
    mode: &'static str,
    ignores: bool,
    protects: bool,
    max_removals: Option<u64>,
    max_demotions: Option<u64>,
    through_group: bool,
}

/// What a set of files says, by the number of the room.
type Spec = BTreeMap<usize, Entry>;

fn lines_of(spec: &Spec, version: usize) -> String {
    let list = |names: &Set| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut out = format!(
        "rooms:\n  - {{id: {}, name: v{version}, mode: observe, members: [u0]}}\n",
        room_id(MARKER)
    );
    let mut groups = String::new();
    for (number, entry) in spec {
        let _ = writeln!(out, "  - id: {}\n    mode: {}", room_id(*number), entry.mode);
        if let Some(admins) = &entry.admins {
            let _ = writeln!(out, "    admins: [{}]", list(admins));
        }
        if let Some(members) = &entry.members {
            if entry.through_group {
                let _ = writeln!(out, "    members: [\"group:m{number}\"]");
                let _ = writeln!(groups, "  m{number}: [{}]", list(members));
            } else {
                let _ = writeln!(out, "    members: [{}]", list(members));
            }
        }
        if entry.ignores {
            out.push_str("    ignore: [\"g*\"]\n");
        }
        let mut guards = Vec::new();
        guards.extend(entry.max_removals.map(|share| format!("max_removals: {share}%")));
        guards.extend(
            entry
                .max_demotions
                .map(|share| format!("max_demotions: {share}%")),
        );
        guards.extend(entry.protects.then(|| "protect: [\"p*\"]".to_owned()));
        if !guards.is_empty() {
            let _ = writeln!(out, "    guards: {{{}}}", guards.join(", "));
        }
    }
    if !groups.is_empty() {
        let _ = write!(out, "groups:\n{groups}");
    }
    out
}

impl Entry {
    /// Everyone wanted, where members are managed.
    fn people(&self) -> Option<Set> {
        let admins = self.admins.clone().unwrap_or_default();
        self.members.as_ref().map(|members| members | &admins)
    }

    fn wants(&self, user: &str) -> bool {
        [&self.members, &self.admins]
            .into_iter()
            .flatten()
            .any(|names| names.contains(user))
    }

    /// Whoever is never removed nor demoted by this entry, whoever else is.
    fn spares(&self, user: &str) -> bool {
        self.mode != "authoritative"
            || user == OWNER
            || self.ignores && user.starts_with('g')
            || self.protects && user.starts_with('p')
    }

    fn removals(&self) -> u64 {
        self.max_removals.unwrap_or(GUARD)
    }

    fn demotions(&self) -> u64 {
        self.max_demotions.unwrap_or(DEMOTIONS)
    }
}

fn share(percent: u64, of: usize) -> usize {
    usize::try_from((of as u64 * percent).div_ceil(100)).unwrap()
}

/// A list as the sets that were taken gave it, and who of it is held.
#[derive(Debug, Default)]
struct List {
    last: Option<Set>,
    held: Set,
    dropped: usize,
    of: usize,
}

impl List {
    fn take(&mut self, new: Option<Set>, guard: u64, own: Option<u64>) {
        let Some(new) = new else { return };
        self.held = &self.held - &new;
        if self.held.is_empty() || own.is_some_and(|own| share(own, self.of) >= self.dropped) {
            (self.held, self.dropped, self.of) = (Set::new(), 0, 0);
        }
        if let Some(last) = &self.last {
            let gone = last - &new;
            if gone.len() > share(guard, last.len()) {
                self.dropped += gone.len();
                self.of = self.of.max(last.len());
                self.held.extend(gone);
            }
        }
        self.last = Some(new);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fine,
    Unreachable,
    /// A server error, in so many of a hundred calls, and whether the call takes effect all the same.
    Broken(u8, bool),
    Lost(u8, bool),
    TooFast(u8),
    Truncated(u8),
    EmptyPage(u8),
}

/// Everything the test knows.
struct World {
    seed: u64,
    weather: Weather,
    random: fastrand::Rng,
    /// What was written, by version.
    written: Vec<Spec>,
    /// The version in force, as the marker shows it.
    version: Option<usize>,
    lists: BTreeMap<usize, (List, List)>,
    source: Option<Arc<dyn StatusSource>>,
    process: u32,
    ending_since: Option<Instant>,
    ended: bool,
    dry_run: bool,
    /// Since when nothing is to be written, and how long it may take to be seen.
    paused: Option<(Instant, Duration)>,
    total: u64,
    state_file: std::path::PathBuf,
    /// The end of the last look at all rooms, by which process, and removals since then.
    window: (String, u32, usize),
    most_members: usize,
    /// How many people of a room its detail shows at most, if not all.
    shown: Option<usize>,
    /// How many were there at the last read of a room, and how many of them are gone since.
    reads: BTreeMap<usize, [usize; 4]>,
    aside: Option<(usize, Instant)>,
    added: BTreeMap<(usize, String), Vec<Instant>>,
    writes: Vec<String>,
    told: Vec<String>,
    wrong: Vec<String>,
    start: Instant,
}

/// The test's own lock: a panic elsewhere is told there.
fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn tell(&mut self, text: impl Into<String>) {
        let at = self.start.elapsed();
        self.told
            .push(format!("{:9.2} {}", at.as_secs_f64(), text.into()));
    }

    fn wrong(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.tell(format!("WRONG: {text}"));
        self.wrong.push(text);
    }

    /// Sees which set is in force.
    fn sample(&mut self) {
        let Some(source) = self.source.clone() else { return };
        let status = source.status();
        let marker = room_id(MARKER);
        let label = status
            .rooms
            .iter()
            .find(|room| room.id == marker)
            .and_then(|room| room.name.clone());
        let version = label.map(|label| label[1..].parse::<usize>().unwrap());
        if version != self.version {
            self.tell(format!("in force: {version:?}"));
            self.version = version;
            if let Some(spec) = version.map(|version| self.written[version].clone()) {
                for (number, entry) in spec {
                    let (people, admins) = self.lists.entry(number).or_default();
                    people.take(entry.people(), entry.removals(), entry.max_removals);
                    admins.take(entry.admins.clone(), entry.demotions(), entry.max_demotions);
                }
            }
        }
        let aside = status.aside.iter().any(|aside| aside.user.as_str() == UNKNOWN);
        match (aside, self.version) {
            (true, Some(version)) if self.aside.is_none_or(|(then, _)| then != version) => {
                self.aside = Some((version, Instant::now()));
            }
            (false, _) => self.aside = None,
            _ => {}
        }
    }

    fn forget_process(&mut self) {
        self.sample();
        self.see_budget();
        self.source = None;
        self.version = None;
        self.ended = true;
    }

    /// Judges a call before it goes out.
    fn sending(&mut self, process: u32, call: &Sent) {
        self.sample();
        self.see_budget();
        let now = Instant::now();
        let what = format!("{} {} {}", call.0, call.1, call.2);
        if !is_known_call(call) {
            self.wrong(format!("an unknown call: {what}"));
        }
        if process != self.process || self.ended {
            self.wrong(format!("a call of a process that has ended: {what}"));
        }
        let late = Duration::from_millis(20);
        if self.ending_since.is_some_and(|since| now > since + late) {
            self.wrong(format!("a new call while ending: {what}"));
        }
        if call.0 == Http::GET {
            return;
        }
        self.tell(&what);
        self.writes.push(what.clone());
        if self.dry_run {
            self.wrong(format!("written in a dry run: {what}"));
        }
        if self.paused.is_some_and(|(since, grace)| now > since + grace) {
            self.wrong(format!("written while paused: {what}"));
        }
        if call.2.contains(UNKNOWN)
            && let (Some((then, at)), Some(version)) = (self.aside, self.version)
            && then == version
            // Not by the pass that ran when they were set aside.
            && (120..3590).contains(&now.duration_since(at).as_secs())
        {
            self.wrong(format!("{UNKNOWN} is set aside and tried: {what}"));
        }
        let Some((number, op, users)) = parse(&call.1).filter(|_| call.0 == Http::DELETE) else {
            return;
        };
        let Some(version) = self.version else {
            return self.wrong(format!("no set in force: {what}"));
        };
        let Some(entry) = self.written[version].get(&number).cloned() else {
            return self.wrong(format!("a room that is not managed: {what}"));
        };
        for user in users {
            let user = user.as_str();
            if entry.spares(user) {
                self.wrong(format!("{user} is not to be touched by v{version}: {what}"));
            }
            let (managed, wanted) = match op {
                "users" => (entry.members.is_some(), entry.wants(user)),
                _ => (
                    entry.admins.is_some(),
                    entry.admins.as_ref().is_some_and(|admins| admins.contains(user)),
                ),
            };
            if !managed || wanted {
                self.wrong(format!("{user} is wanted or not managed by v{version}: {what}"));
            }
            let held = self.lists.get(&number).is_some_and(|(people, admins)| {
                op == "users" && people.held.contains(user) || op == "admin" && admins.held.contains(user)
            });
            if held {
                self.wrong(format!("{user} is held: {what}"));
            }
        }
    }

    /// Takes down what a call does, at the instant it does it.
    fn effect(&mut self, emulator: &Emulator, request: &Request) {
        let path = request.url.path();
        let state = emulator.state();
        if let Some(rooms) = path.strip_prefix("/acme/demo/chatrooms/")
            && !rooms.contains('/')
        {
            return self.read_by_detail(rooms, &state);
        }
        let Some((number, op, users)) = parse(path) else {
            return;
        };
        let Some(room) = state.rooms.get(&room_id(number)) else {
            return;
        };
        let live = people(room);
        let [members, admins, removed, demoted] = self.reads.entry(number).or_default();
        match (request.method == Http::GET, op) {
            (true, "users") => {
                (*members, *removed) = (live.members.len(), 0);
                self.most_members = self.most_members.max(all_members(&state));
            }
            (true, "admin") => (*admins, *demoted) = (live.admins.len(), 0),
            _ => {}
        }
        if request.method == Http::POST && op == "users" {
            // One name alone stands in the path.
            let body = request.body.as_deref().unwrap_or(b"{}");
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let listed = body["usernames"].as_array().into_iter().flatten();
            let listed = listed.map(|user| user.as_str().unwrap().to_owned());
            let added: Vec<String> = users.iter().map(ToString::to_string).chain(listed).collect();
            for user in added {
                if !live.members.contains(&user) {
                    self.added.entry((number, user)).or_default().push(Instant::now());
                }
            }
        }
        if request.method != Http::DELETE {
            return;
        }
        let there = if op == "users" {
            &live.members
        } else {
            &live.admins
        };
        let gone = users.iter().filter(|user| there.contains(*user)).count();
        let Some(entry) = self
            .version
            .and_then(|version| self.written[version].get(&number))
        else {
            return;
        };
        let (removals, demotions) = (entry.removals(), entry.demotions());
        let [members, admins, removed, demoted] = self.reads.entry(number).or_default();
        if op == "users" {
            *removed += gone;
        } else {
            *demoted += gone;
        }
        let over = *removed > share(removals, *members) || *demoted > share(demotions, *admins);
        let read = [*members, *admins, *removed, *demoted];
        if over {
            self.wrong(format!(
                "more than the guards allow after one read ({read:?}): {path}"
            ));
        }
        if op == "users" {
            self.spend(gone);
        }
    }

    /// Takes down which rooms a detail shows everyone of.
    fn read_by_detail(&mut self, rooms: &str, state: &State) {
        let numbers = rooms.split("%2C").filter_map(|id| id.strip_prefix("66213271"));
        for number in numbers.filter_map(|number| number.parse().ok()) {
            let room = &state.rooms[&room_id(number)];
            if self.shown.is_none_or(|rows| rows >= room.members().len()) {
                let [members, _, removed, _] = self.reads.entry(number).or_default();
                (*members, *removed) = (people(room).members.len(), 0);
                self.most_members = self.most_members.max(all_members(state));
            }
        }
    }

    /// Sees whether all rooms have been looked at since.
    fn see_budget(&mut self) {
        let text = fs::read_to_string(&self.state_file).unwrap_or_default();
        let ledger: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let looked = ledger["data"]["budget"]["looked"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (last, process, spent) = &self.window;
        if *last == looked {
            return;
        }
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        // A process that begins within the interval goes on with the budget.
        let carried = *process != self.process
            && time(&looked)
                .zip(time(last))
                .is_some_and(|(now, then)| now.as_second() - then.as_second() < 300);
        self.window = (looked, self.process, if carried { *spent } else { 0 });
    }

    /// Counts removals since the last look at all rooms.
    fn spend(&mut self, removals: usize) {
        self.window.2 += removals;
        let most = share(self.total, self.most_members);
        if self.window.2 > most {
            let spent = self.window.2;
            self.wrong(format!(
                "{spent} removals since a look at all rooms, at most {most}"
            ));
        }
    }

    fn reply(&mut self, request: &Request) -> Option<Reply> {
        let hit = |random: &mut fastrand::Rng, share: u8| random.u8(0..100) < share;
        let reading = request.method == Http::GET;
        match self.weather {
            Weather::Fine => None,
            Weather::Unreachable => Some(Reply::Unreachable),
            Weather::Broken(share, false) => {
                hit(&mut self.random, share).then(|| Reply::Answer(500, "<html>".into()))
            }
            Weather::Lost(share, true) | Weather::Broken(share, true) => {
                hit(&mut self.random, share).then_some(Reply::LoseAnswer)
            }
            Weather::Lost(share, false) => hit(&mut self.random, share).then_some(Reply::LoseCall),
            Weather::TooFast(share) => hit(&mut self.random, share)
                .then(|| Reply::SlowDown(Duration::from_millis(self.random.u64(0..8000)))),
            Weather::Truncated(share) => (reading && hit(&mut self.random, share))
                .then(|| Reply::Answer(200, "{\"data\": [{\"owner\": \"boss\"}, {\"mem".into())),
            Weather::EmptyPage(share) => {
                let list = reading && request.url.path().ends_with("/users");
                (list && hit(&mut self.random, share)).then(|| {
                    Reply::Answer(
                        200,
                        "{\"data\": [], \"count\": 0, \"params\": {\"pagesize\": [\"1000\"]}}".into(),
                    )
                })
            }
        }
    }
}

fn all_members(state: &State) -> usize {
    state.rooms.values().map(|room| people(room).members.len()).sum()
}

/// Room, list and users of a path.
fn parse(path: &str) -> Option<(usize, &str, Vec<String>)> {
    let rest = path.strip_prefix("/acme/demo/chatrooms/66213271")?;
    let (room, rest) = rest.split_once('/')?;
    let (op, users) = rest.split_once('/').unwrap_or((rest, ""));
    let op = op.split('?').next()?;
    let users = users.split("%2C").filter(|user| !user.is_empty());
    Some((room.parse().ok()?, op, users.map(str::to_owned).collect()))
}

/// Everything that a process sends passes here.
struct Judged {
    world: Arc<Mutex<World>>,
    process: u32,
    service: Service,
}

impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judged")
    }
}

impl Transport for Judged {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let path = request.url.as_str().strip_prefix("http://127.0.0.1:1").unwrap();
        let body = request.body.clone().unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        let call = (request.method.clone(), path.to_owned(), body, 0);
        lock(&self.world).sending(self.process, &call);
        self.service.send(request)
    }
}

/// A case in work.
struct Search {
    world: Arc<Mutex<World>>,
    house: House,
    random: fastrand::Rng,
    daemon: Option<Running>,
    /// The good set that was written last, and whether it is what is on the disk.
    last: Spec,
    intact: bool,
    /// Whether what is on the disk would be taken by a process that knows nothing of what was before.
    doubtful: bool,
    away: bool,
    setting_paused: bool,
    file_paused: bool,
    concurrency: u8,
    more: String,
}

fn some_of(random: &mut fastrand::Rng, prefix: &str, of: usize, many: usize) -> Set {
    (0..many)
        .map(|_| format!("{prefix}{}", random.usize(0..of)))
        .collect()
}

fn any_entry(random: &mut fastrand::Rng) -> Entry {
    let many = random.usize(3..18);
    let mut members = some_of(random, "u", 20, many);
    if random.u8(0..4) == 0 {
        members.insert("p0".into());
    }
    if random.u8(0..8) == 0 {
        members.insert(UNKNOWN.into());
    }
    let admins = random.bool().then(|| some_of(random, "u", 20, 3));
    Entry {
        admins,
        members: Some(members),
        mode: "authoritative",
        ignores: random.bool(),
        protects: random.bool(),
        max_removals: None,
        max_demotions: None,
        through_group: random.u8(0..4) == 0,
    }
}

/// Changes one thing or a few.
fn edited(random: &mut fastrand::Rng, old: &Spec) -> Spec {
    let mut spec = old.clone();
    for _ in 0..random.usize(1..4) {
        let number = random.usize(1..=ROOMS);
        let Some(entry) = spec.get_mut(&number) else {
            spec.insert(number, any_entry(random));
            continue;
        };
        let user = format!("u{}", random.u8(0..20));
        match random.u8(0..24) {
            0..=4 => {
                entry.members.get_or_insert_default().insert(user);
            }
            5..=9 => drop_names(entry, |name| *name == user),
            10 | 11 => {
                let keep = random.u8(0..10);
                let mut random = random.fork();
                drop_names(entry, |_| random.u8(0..10) >= keep);
            }
            12 => entry.mode = ["authoritative", "authoritative", "additive", "observe"][random.usize(0..4)],
            13 => entry.ignores = !entry.ignores,
            14 => entry.protects = !entry.protects,
            15 => entry.max_removals = [None, Some(10), Some(60), Some(100)][random.usize(0..4)],
            16 => entry.max_demotions = [None, Some(0), Some(100)][random.usize(0..3)],
            17 => entry.through_group = !entry.through_group,
            18 => {
                let admins = entry.admins.get_or_insert_default();
                if !admins.remove(&user) || admins.is_empty() {
                    admins.insert(user);
                }
            }
            19 => entry.admins = Some(some_of(random, "u", 20, 3)),
            20 if entry.members.is_some() => entry.admins = None,
            21 if entry.admins.is_some() => entry.members = None,
            22 => {
                spec.remove(&number);
            }
            _ => *entry = any_entry(random),
        }
    }
    spec
}

/// Drops some, but never all: nobody wanted at all is an error.
fn drop_names(entry: &mut Entry, mut goes: impl FnMut(&String) -> bool) {
    if let Some(members) = &mut entry.members {
        let first = members.first().cloned();
        members.retain(|name| !goes(name));
        if members.is_empty() {
            members.extend(first);
        }
    }
}

impl Search {
    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    fn start(&mut self) {
        let (process, world) = {
            let mut world = self.world();
            world.process += 1;
            world.ended = false;
            world.ending_since = None;
            world.tell("start");
            (world.process, Arc::clone(&self.world))
        };
        let judged = move |service: Service| -> Box<dyn Transport> {
            Box::new(Judged {
                world: Arc::clone(&world),
                process,
                service,
            })
        };
        self.house.through = Some(Arc::new(judged));
        let daemon = self.house.start();
        self.world().source = Some(Arc::clone(&daemon.source));
        self.daemon = Some(daemon);
    }

    async fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else {
            return;
        };
        {
            let mut world = self.world();
            world.tell("stop");
            world.ending_since = Some(Instant::now());
        }
        let ended = tokio::time::timeout(Duration::from_secs(40), daemon.tell_and_end(Command::Stop)).await;
        let mut world = self.world();
        if ended.is_err() {
            world.wrong("it does not end");
        }
        world.forget_process();
        drop(world);
        drop(daemon);
    }

    async fn kill(&mut self) {
        let Some(daemon) = self.daemon.take() else { return };
        {
            let mut world = self.world();
            world.tell("kill");
            world.forget_process();
        }
        daemon.kill().await;
        // What is left of it runs to its end.
        tokio::task::yield_now().await;
    }

    fn text(&self) -> String {
        fs::read_to_string(self.house.path("rooms/all.yaml")).unwrap_or_default()
    }

    /// Whether what was written last is in force.
    fn is_taken(&self) -> bool {
        let world = self.world();
        world
            .version
            .is_some_and(|version| version + 1 == world.written.len())
    }

    /// Writes a good set.
    async fn good(&mut self, spec: Spec) {
        self.bring_back();
        let text = {
            let mut world = self.world();
            world.sample();
            let version = world.written.len();
            world.written.push(spec.clone());
            let text = lines_of(&spec, version);
            world.tell(format!("write v{version}:\n{text}"));
            text
        };
        if self.random.bool() {
            self.house.rooms(&text);
        } else {
            fs::write(self.house.path("rooms/all.yaml"), text).unwrap();
        }
        (self.last, self.intact, self.doubtful) = (spec, true, false);
        self.written().await;
    }

    /// After this, whatever was read before is in force, and nothing else can be yet.
    async fn written(&self) {
        sleep(Duration::from_millis(10)).await;
        self.world().sample();
    }

    fn bring_back(&mut self) {
        if std::mem::take(&mut self.away) {
            self.world().tell("the folder is back");
            fs::rename(self.house.path("away"), self.house.path("rooms")).unwrap();
        }
    }

    async fn bad(&mut self) {
        self.world().sample();
        let path = self.house.path("rooms/all.yaml");
        match self.random.u8(0..6) {
            0 => {
                self.bring_back();
                self.world().tell("invalid");
                self.house.rooms("rooms: [{id: 1, membrs: []}]\n");
                (self.intact, self.doubtful) = (false, false);
            }
            1 => {
                self.bring_back();
                self.world().tell("emptied in place");
                fs::write(&path, "").unwrap();
                (self.intact, self.doubtful) = (false, false);
            }
            2 if !self.away => {
                self.world().tell("the folder is gone");
                fs::rename(self.house.path("rooms"), self.house.path("away")).unwrap();
                self.away = true;
            }
            // A beginning is known for one only by a process that has taken the whole.
            _ if self.intact && !self.away && self.is_taken() => {
                let text = self.text();
                let mut end = self.random.usize(1..text.len());
                if self.random.bool() {
                    end = text[..end].rfind('\n').map_or(end, |newline| newline + 1);
                }
                self.world()
                    .tell(format!("cut in place at {end} of {}", text.len()));
                fs::write(&path, &text[..end]).unwrap();
                self.intact = false;
                // Without a process that knew the whole, the beginning may look like a good set.
                self.doubtful = text[..end].ends_with('\n');
            }
            _ => self.bring_back(),
        }
        self.written().await;
    }

    fn drift(&mut self) {
        let number = self.random.usize(1..=ROOMS);
        let what = self.random.u8(0..8);
        let many = self.random.usize(1..6);
        let mut random = self.random.fork();
        self.world().tell(format!("drift {what} in room {number}"));
        self.house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(number)).unwrap();
            for _ in 0..many {
                let user = format!("u{}", random.u8(0..20));
                match what {
                    0..=2 => {
                        room.leave_with_role(&user);
                    }
                    3 => {
                        room.join(&format!("s{}", random.u8(0..6)));
                    }
                    4 => {
                        room.join(["g0", "g1", "p0", "p1"][random.usize(0..4)]);
                    }
                    5 => {
                        room.join(&user);
                        room.promote(&user);
                    }
                    6 => {
                        room.demote(&user);
                    }
                    _ => {
                        room.join(&user);
                    }
                }
            }
        });
    }

    /// Everybody leaves, or comes in.
    fn tide(&mut self) {
        let comes = self.random.bool();
        let number = self.random.usize(1..=ROOMS);
        self.world().tell(format!("all come in to {number}: {comes}"));
        self.house.service.emulator.edit(|state| {
            let room = state.rooms.get_mut(&room_id(number)).unwrap();
            for user in 0..20 {
                let user = format!("u{user}");
                if comes {
                    room.join(&user)
                } else {
                    room.leave_with_role(&user)
                };
            }
        });
    }

    fn weather(&mut self) {
        let share = self.random.u8(1..100);
        let effect = self.random.bool();
        let weather = match self.random.u8(0..10) {
            0..=2 => Weather::Fine,
            3 => Weather::Unreachable,
            4 => Weather::Broken(share, effect),
            5 => Weather::Lost(share, effect),
            6 | 7 => Weather::TooFast(share),
            8 => Weather::Truncated(share),
            _ => Weather::EmptyPage(share),
        };
        let mut world = self.world();
        world.weather = weather;
        world.tell(format!("{weather:?}"));
    }

    async fn pause(&mut self) {
        let file = self.random.bool();
        if file {
            self.file_paused = !self.file_paused;
            if self.file_paused {
                self.house.put(".roomsync/pause", "");
            } else {
                fs::remove_file(self.house.path(".roomsync/pause")).unwrap();
            }
        } else {
            self.setting_paused = !self.setting_paused;
            self.put_settings();
            self.reload().await;
        }
        let grace = Duration::from_millis(if file { 1050 } else { 20 });
        let paused = self.file_paused || self.setting_paused;
        let mut world = self.world();
        world.tell(format!(
            "paused by file: {}, by setting: {}",
            self.file_paused, self.setting_paused
        ));
        world.paused = match (paused, world.paused) {
            (true, None) => Some((Instant::now(), grace)),
            (true, before) => before,
            (false, _) => None,
        };
    }

    fn put_settings(&self) {
        self.house.put(
            "roomsync.yaml",
            &format!(
                "{}sync: {{paused: {}, settle_removals: 0ms}}\nlimits: {{concurrency: {}}}\n",
                self.more, self.setting_paused, self.concurrency
            ),
        );
    }

    async fn reload(&self) {
        self.world().tell("SIGHUP");
        if let Some(daemon) = &self.daemon {
            daemon.tell(Command::Reload).await;
        }
    }

    async fn wait(&mut self, longest: u64) {
        let time = match self.random.u8(0..10) {
            0..=2 => Duration::from_millis(self.random.u64(0..900)),
            3..=5 => Duration::from_millis(self.random.u64(900..8000)),
            6 | 7 => Duration::from_secs(self.random.u64(8..130)),
            8 => Duration::from_secs(self.random.u64(60..900.min(longest))),
            _ => Duration::from_secs(self.random.u64(60..longest)),
        };
        sleep(time).await;
        self.world().sample();
    }

    async fn step(&mut self) {
        match self.random.u8(0..22) {
            0..=5 => {
                let base = if self.random.u8(0..6) == 0 {
                    let world = self.world();
                    let version = world.seed as usize % world.written.len();
                    world.written[version].clone()
                } else {
                    self.last.clone()
                };
                let spec = edited(&mut self.random, &base);
                self.good(spec).await;
            }
            6 | 7 => self.bad().await,
            8..=11 => self.drift(),
            12 => self.tide(),
            13..=15 => self.weather(),
            16 => {
                let good = self.random.bool();
                self.world().tell(format!("the token is good: {good}"));
                self.house
                    .put("token", if good { "secret\n" } else { "not-the-one\n" });
            }
            17 => self.pause().await,
            18 => {
                // Other limits make for another client, while the calls of the one before go on.
                if self.random.bool() {
                    self.concurrency = self.random.u8(1..=64);
                    self.put_settings();
                }
                self.reload().await;
            }
            _ => {
                if self.random.bool() {
                    self.stop().await;
                } else {
                    self.kill().await;
                }
                if self.doubtful {
                    let last = self.last.clone();
                    self.good(last).await;
                }
                if self.random.bool() {
                    let gap = Duration::from_secs(self.random.u64(1..400));
                    sleep(gap).await;
                }
                self.start();
            }
        }
    }

    /// Puts everything in order but the rooms.
    async fn calm(&mut self) {
        self.world().weather = Weather::Fine;
        self.house.put("token", "secret\n");
        if self.file_paused {
            self.file_paused = false;
            fs::remove_file(self.house.path(".roomsync/pause")).unwrap();
        }
        self.setting_paused = false;
        self.put_settings();
        self.world().paused = None;
        self.reload().await;
        let last = self.last.clone();
        self.good(last).await;
        self.world().tell("calm");
    }

    /// What is not as the files say, and not kept so by anything that the model knows of.
    fn open(&self) -> Vec<String> {
        let mut open = Vec::new();
        let state = self.house.service.emulator.state();
        let world = self.world();
        let mut removable: BTreeMap<usize, Set> = BTreeMap::new();
        let (mut counted, mut all) = (0, 0);
        for (number, entry) in &self.last {
            let live = people(&state.rooms[&room_id(*number)]);
            let visible = |users: &Set| {
                users
                    .iter()
                    .filter(|user| !(entry.ignores && user.starts_with('g')))
                    .count()
            };
            if entry.mode == "observe" {
                continue;
            }
            all += visible(&live.members);
            let left_alone = |user: &String| {
                let times = world.added.get(&(*number, user.clone()));
                let recent = times.into_iter().flatten();
                user == UNKNOWN
                    || recent
                        .filter(|at| at.elapsed() < Duration::from_secs(3600))
                        .count()
                        >= 3
            };
            let wanted: Set = [&entry.members, &entry.admins]
                .into_iter()
                .flatten()
                .flatten()
                .cloned()
                .collect();
            let missing: Set = (&wanted - &live.members)
                .into_iter()
                .filter(|user| !left_alone(user))
                .collect();
            if !missing.is_empty() {
                open.push(format!("room {number}: {missing:?} are missing"));
            }
            if let Some(admins) = &entry.admins {
                let missing: Vec<_> = admins
                    .difference(&live.admins)
                    .filter(|user| !left_alone(user))
                    .collect();
                if !missing.is_empty() {
                    open.push(format!("room {number}: {missing:?} are no admins"));
                }
            }
            let (people_held, admins_held) = world
                .lists
                .get(number)
                .map(|(people, admins)| (people.held.clone(), admins.held.clone()))
                .unwrap_or_default();
            let mut demote: Set = entry
                .admins
                .as_ref()
                .map_or_else(Set::new, |admins| &live.admins - admins);
            demote.retain(|user| !entry.spares(user));
            let mut remove = entry
                .members
                .as_ref()
                .map_or_else(Set::new, |_| &live.members - &wanted);
            remove.retain(|user| !entry.spares(user));
            remove.retain(|user| entry.admins.is_some() || !live.admins.contains(user));
            // Where somebody who is held would go, nobody goes.
            let holds = !remove.is_disjoint(&people_held) || !demote.is_disjoint(&admins_held);
            // Without a wanted admin nobody is demoted.
            let stands = entry
                .admins
                .as_ref()
                .is_none_or(|admins| admins.iter().any(|user| live.admins.contains(user)));
            if !stands {
                remove.retain(|user| !demote.contains(user));
                demote.clear();
            }
            let blocked = holds
                || remove.len() > share(entry.removals(), visible(&live.members))
                || demote.len() > share(entry.demotions(), visible(&live.admins));
            if !blocked {
                counted += remove.len();
                remove.extend(demote);
                removable.insert(*number, remove);
            }
        }
        if counted <= share(world.total, all) {
            for (number, users) in removable.iter().filter(|(_, users)| !users.is_empty()) {
                open.push(format!("room {number}: {users:?} are to go, or to be no admins"));
            }
        }
        open
    }
}

/// Who is in and who is wanted at first: close to each other, so that not everything is blocked at once.
fn beginning(random: &mut fastrand::Rng) -> (Spec, Vec<(usize, Set, Set)>) {
    let mut spec = Spec::new();
    let mut live = Vec::new();
    for number in 1..=ROOMS {
        let entry = any_entry(random);
        let mut members = entry.people().unwrap_or_default();
        members.remove(UNKNOWN);
        for _ in 0..random.usize(0..3) {
            members.insert(["s0", "s1", "u3", "g0", "p1"][random.usize(0..5)].to_owned());
        }
        live.push((number, entry.admins.clone().unwrap_or_default(), members));
        spec.insert(number, entry);
    }
    (spec, live)
}

fn case(seed: u64) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (spec, live) = beginning(&mut random);
    let refs = |names: &Set| names.iter().cloned().collect::<Vec<_>>();
    let mut rooms: Vec<_> = live
        .iter()
        .map(|(number, admins, members)| {
            let (admins, members) = (refs(admins), refs(members));
            let strs = |names: &[String]| names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            let (admins, members) = (strs(&admins), strs(&members));
            let admins: Vec<&str> = admins.split_whitespace().collect();
            let members: Vec<&str> = members.split_whitespace().collect();
            (room_id(*number), room_of(OWNER, &admins, &members))
        })
        .collect();
    rooms.push((room_id(MARKER), room_of(OWNER, &[], &["u0"])));
    let mut begun = state(rooms);
    let known = (0..20).flat_map(|n| ["u", "s", "g", "p"].map(|prefix| format!("{prefix}{n}")));
    begun.users = Some(known.chain([OWNER.to_owned()]).collect());
    let total = [10, 30, 100][random.usize(0..3)];
    let dry_run = random.u8(0..20) == 0;
    let latency = [0, 0, 20, 300, 2500][random.usize(0..5)];
    // Not drawn, so that the seeds go on to mean what they meant.
    let shown = [Some(10), None, Some(0)][usize::try_from(seed.wrapping_add(1) % 3).unwrap()];
    let outcome: Arc<Mutex<Option<Result<(), String>>>> = Arc::default();
    let out = Arc::clone(&outcome);
    let holder: Arc<Mutex<Option<Arc<Mutex<World>>>>> = Arc::default();
    let for_service = Arc::clone(&holder);
    let service = Service::new(begun);
    let service = shown.into_iter().fold(service, Service::showing);
    let service = service
        .with_fault(move |emulator, request, _| {
            let world = for_service.lock().unwrap().clone()?;
            let mut world = lock(&world);
            let reply = world.reply(request);
            if matches!(reply, None | Some(Reply::LoseAnswer)) {
                world.effect(emulator, request);
            }
            reply
        })
        .taking(Duration::from_millis(latency));
    // How files settle and what goes over time have models of their own.
    let settings = format!("guards: {{max_removals_total: {total}%, removal_budget: off}}");
    house(service, &settings, async move |mut house: House| {
        house.seed = seed;
        house.dry_run = dry_run;
        let world = World {
            seed,
            weather: Weather::Fine,
            random: random.fork(),
            written: Vec::new(),
            version: None,
            lists: BTreeMap::new(),
            source: None,
            process: 0,
            ending_since: None,
            ended: true,
            dry_run,
            paused: None,
            total,
            state_file: house.state_dir().join("state.json"),
            window: (String::new(), 0, 0),
            most_members: 0,
            shown,
            reads: BTreeMap::new(),
            aside: None,
            added: BTreeMap::new(),
            writes: Vec::new(),
            told: Vec::new(),
            wrong: Vec::new(),
            start: Instant::now(),
        };
        let world = Arc::new(Mutex::new(world));
        *holder.lock().unwrap() = Some(Arc::clone(&world));
        fs::create_dir_all(house.state_dir()).unwrap();
        let more = fs::read_to_string(house.path("roomsync.yaml")).unwrap();
        let more = more.replace("sync: {settle_removals: 0ms}\n", "");
        lock(&world).tell(format!(
            "latency {latency} ms, total {total}%, dry run: {dry_run}, shown: {shown:?}"
        ));
        let mut search = Search {
            world,
            house,
            random,
            daemon: None,
            last: spec.clone(),
            intact: false,
            doubtful: false,
            away: false,
            setting_paused: false,
            file_paused: false,
            concurrency: 64,
            more,
        };
        let result = search.whole(spec).await;
        *out.lock().unwrap() = Some(result);
    });
    let outcome = outcome.lock().unwrap().take();
    outcome.unwrap_or_else(|| Err("it broke off".into()))
}

impl Search {
    fn so_far(&self) -> Result<(), String> {
        let mut world = self.world();
        let turned_away = self
            .house
            .service
            .emulator
            .counters()
            .statuses
            .get("429")
            .copied();
        if let Some(times) = turned_away {
            world.wrong(format!("{times} calls over the rate"));
        }
        match world.wrong.first() {
            None => Ok(()),
            Some(first) => Err(format!("{first}\n{}", world.told.join("\n"))),
        }
    }

    async fn whole(&mut self, spec: Spec) -> Result<(), String> {
        self.good(spec).await;
        self.start();
        let steps = self.random.usize(4..24);
        // A few cases go on for hours, most for minutes.
        let longest = if self.random.u8(0..12) == 0 { 10_000 } else { 400 };
        if self.random.bool() {
            sleep(Duration::from_secs(20)).await;
        }
        for _ in 0..steps {
            self.step().await;
            self.wait(longest).await;
            self.so_far()?;
        }
        self.calm().await;
        // The files are seen within a minute or so even without an event; then two looks at all rooms.
        sleep(Duration::from_secs(70) + INTERVAL.mul_f64(2.2) + Duration::from_secs(60)).await;
        self.world().sample();
        self.so_far()?;
        if !self.world().dry_run {
            let open = self.open();
            if !open.is_empty() {
                let status = self.daemon.as_ref().map(Running::status);
                let mut world = self.world();
                world.wrong(format!(
                    "{open:#?}\n{:#?}",
                    status.map(|status| (status.attention, status.rooms))
                ));
            }
            self.so_far()?;
            // Whoever came and went is put back once more.
            if !self.daemon.as_ref().unwrap().status().coming_and_going.is_empty() {
                sleep(Duration::from_secs(4500)).await;
            }
            self.world().writes.clear();
            sleep(INTERVAL.mul_f64(2.2)).await;
            let writes = std::mem::take(&mut self.world().writes);
            let others: Vec<_> = writes.iter().filter(|call| !call.contains(UNKNOWN)).collect();
            if !others.is_empty() {
                self.world().wrong(format!("it does not rest: {others:#?}"));
            }
        } else if self.house.path(".roomsync/rosters.json").exists() {
            self.world().wrong("a dry run keeps something");
        }
        self.stop().await;
        sleep(Duration::from_secs(10)).await;
        self.so_far()
    }
}

fn told(seed: u64, result: Result<(), String>) -> Result<(), String> {
    result.map_err(|error| format!("ROOMSYNC_SEARCH_SEED={seed}: {error}"))
}

#[test]
fn nothing_that_happens_to_it_makes_the_daemon_do_harm() {
    if let Some(seed) = number("ROOMSYNC_SEARCH_SEED") {
        if let Err(error) = told(seed, case(seed)) {
            panic!("{error}");
        }
        return;
    }
    let seconds = number("ROOMSYNC_SEARCH_SECONDS").map(Duration::from_secs);
    let Range { start: first, end } = seeds(CASES);
    let begun = std::time::Instant::now();
    let next = AtomicU64::new(first);
    let failures: Mutex<Vec<String>> = Mutex::default();
    let run = |seed| {
        if let Err(error) = told(seed, case(seed)) {
            failures.lock().unwrap().push(error);
        }
    };
    FOUND.into_iter().for_each(run);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let over = match seconds {
                        Some(seconds) => begun.elapsed() > seconds,
                        None => seed >= end,
                    };
                    if over {
                        return;
                    }
                    run(seed);
                }
            });
        }
    });
    let count = next.load(Ordering::Relaxed) - first;
    println!("about {count} cases in {:.0?}", begun.elapsed());
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed, the first:\n{}",
        failures.len(),
        failures
            .iter()
            .map(|failure| failure.lines().next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n")
            + "\n\n"
            + &failures[0]
    );
}
