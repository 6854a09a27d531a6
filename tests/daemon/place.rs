//! A folder with settings and room files, the service they are for, and a daemon that runs in it.

use roomsync::emulator::{Emulator, Environment, Options, State, serve};
use roomsync::model::RoomId;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

pub(crate) const ROOM: &str = "66213271109633";
/// Time that anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The folder and the service. Both end when dropped.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) emulator: Emulator,
    pub(crate) url: String,
    away: Arc<Notify>,
    runtime: Runtime,
}

impl Place {
    /// A room in which `a`, `b`, `c` and `d` are, and files that say so.
    pub(crate) fn new() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// The same, where every call takes so long.
    pub(crate) fn slow(latency: Duration) -> Self {
        let state = format!(
            "{{app_key: \"acme#demo\", tokens: [secret], rooms: {{\"{ROOM}\": {{owner: boss, members: [a, b, c, d]}}}}}}"
        );
        let environment = Environment {
            latency,
            ..Environment::default()
        };
        Self::of(&state, &wanting("a, b, c, d"), environment)
    }

    /// A service in this state, and these room files.
    pub(crate) fn of(state: &str, rooms: &str, environment: Environment) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let emulator = {
            let _inside = runtime.enter();
            Emulator::in_environment(State::parse(state).unwrap(), Options::default(), environment)
        };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let away = Arc::new(Notify::new());
        let goes_away = Arc::clone(&away);
        runtime.spawn(serve(listener, emulator.clone(), async move {
            goes_away.notified().await;
        }));
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            emulator,
            url,
            away,
            runtime,
        };
        fs::create_dir(place.path("rooms")).unwrap();
        place.write("token", "secret\n");
        place.settings("");
        place.write("rooms/all.yaml", rooms);
        place
    }

    /// Runs something beside the service.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// Takes the service away: nobody listens at its address any more.
    pub(crate) fn take_away_the_service(&self) {
        self.away.notify_one();
    }

    pub(crate) fn settings(&self, more: &str) {
        let text = format!(
            "service: {{url: \"{}\", app_key: \"acme#demo\", auth: {{token_file: token}}}}\n{}{}{more}\n",
            self.url,
            if more.contains("sync:") {
                ""
            } else {
                "sync: {settle_removals: 0s}\n"
            },
            if more.contains("listen:") {
                ""
            } else {
                "listen: 127.0.0.1:0\n"
            }
        );
        self.replace("roomsync.yaml", &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes into the very file, as a shell does.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Puts another file in its place, as most editors do.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let new = self.path(".roomsync-test-new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomsync"));
        command
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command.args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, env: &[(&str, &str)]) -> Daemon {
        let mut command = self.command(&["run"]);
        command.envs(env.iter().copied());
        let daemon = Daemon::of(&mut command);
        let begun = Instant::now();
        while daemon.address().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not listen: {}", daemon.log());
            thread::sleep(Duration::from_millis(5));
        }
        daemon
    }

    /// The same, and waits until it is ready.
    pub(crate) fn ready(&self) -> Daemon {
        let daemon = self.start();
        daemon.until("ready", |daemon| daemon.get("/readyz").0 == 200);
        daemon
    }

    pub(crate) fn members(&self) -> BTreeSet<String> {
        let state = self.emulator.state();
        let room = &state.rooms[&RoomId::parse(ROOM).unwrap()];
        room.members()
            .iter()
            .filter(|user| *user != "boss")
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn has(&self, user: &str) -> bool {
        self.members().contains(user)
    }

    /// Calls that change something, so far.
    pub(crate) fn writes(&self) -> usize {
        let journal = self.emulator.journal();
        journal.calls.iter().filter(|call| call.method != "GET").count()
    }

    /// People who are put in by the audit log of this name.
    pub(crate) fn audited(&self, name: &str) -> BTreeSet<String> {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["op"] == "add" && line["result"] == "done")
            .map(|line| line["user"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A file that wants these people in the room.
pub(crate) fn wanting(members: &str) -> String {
    format!("rooms:\n  - id: \"{ROOM}\"\n    members: [{members}]\n")
}

/// Waits for something.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not {what} within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// A process that is ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, into) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { child, log }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Where its web is.
    fn address(&self) -> Option<SocketAddr> {
        self.listens("listening")
    }

    /// The address of the log's line with this message.
    pub(crate) fn listens(&self, message: &str) -> Option<SocketAddr> {
        let log = self.log.lock().unwrap();
        let message = format!("\"message\":\"{message}\"");
        let line = log.iter().find(|line| line.contains(&message))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["address"].as_str()?.parse().ok()
    }

    /// Address of its page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address().unwrap())
    }

    /// Waits for something, and panics with the log when it does not come.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !holds(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "not {what} within {PATIENCE:?}:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "")
    }

    /// Asks its web.
    pub(crate) fn ask(&self, method: &str, path: &str, header: &str) -> (u16, String) {
        let mut address = self.address().unwrap();
        address.set_ip([127, 0, 0, 1].into());
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/api/status").1).unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -s {signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Its resident memory, where the system tells.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes << 10)
    }

    pub(crate) fn is_up(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn code(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails where the process has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
