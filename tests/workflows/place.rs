//! World of the workflows' steps: a repository with a request, the chat service, and the API that takes comments.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use roomsync::emulator::{self, Emulator, Options, State};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::future::pending;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The chat service's token. No other host may ever see it.
pub(crate) const TOKEN: &str = "t0k3n-t0-g3t-1n";
/// The token that writes comments.
const API_TOKEN: &str = "c0mm3nts";
/// Whom the API takes the token's owner for.
const BOT: &str = "github-actions[bot]";
/// Beginning of every comment of the workflows.
pub(crate) const MARKER: &str = "<!-- roomsync-plan -->";

const STATE: &str = r#"
app_key: "acme#demo"
tokens: [t0k3n-t0-g3t-1n]
users: [alice, bob, carol, dan]
rooms: {"7": {owner: alice, members: [bob, dan]}}
"#;
pub(crate) const ROOMS: &str = "rooms:\n  - {id: 7, members: [bob, dan]}\n";

/// The programs that the steps need, or `None`, with a printed line.
pub(crate) fn programs() -> Option<()> {
    for (program, arg) in [
        ("git", "--version"),
        ("curl", "--version"),
        ("jq", "--version"),
        ("bash", "--version"),
    ] {
        super::tool(program, &[arg])?;
    }
    Some(())
}

/// The comments of one request, as both services keep them.
#[derive(Default)]
pub(crate) struct Api {
    pub(crate) comments: Mutex<Vec<Comment>>,
    /// Every call that writes: its method and path.
    pub(crate) writes: Mutex<Vec<String>>,
}

pub(crate) struct Comment {
    pub(crate) author: &'static str,
    pub(crate) body: String,
}

impl Api {
    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let known = [header("authorization"), header("private-token")];
        assert!(
            known.contains(&Some(format!("Bearer {API_TOKEN}")))
                || known.contains(&Some(API_TOKEN.to_owned()))
        );
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let text = || {
            let body: Value = serde_json::from_slice(&body).unwrap();
            body["body"].as_str().unwrap().to_owned()
        };
        let path = parts.uri.path();
        let method = parts.method.as_str();
        if method != "GET" {
            self.writes.lock().unwrap().push(format!("{method} {path}"));
        }
        let mut comments = self.comments.lock().unwrap();
        let of_request = [
            "/repos/acme/rooms/issues/7/comments",
            "/projects/5/merge_requests/7/notes",
        ];
        let told = match method {
            "GET" if path == "/user" => json!({"id": id(BOT)}),
            "GET" if of_request.contains(&path) => {
                let query = parts.uri.query().unwrap();
                let page: usize = query.rsplit_once("page=").unwrap().1.parse().unwrap();
                assert!(query.starts_with("per_page=100&"));
                let shown = comments.iter().enumerate().skip((page - 1) * 100).take(100);
                let shown = shown.map(|(index, Comment { author, body })| {
                    json!({"id": index, "user": {"login": author}, "author": {"id": id(author)}, "body": body})
                });
                Value::from_iter(shown)
            }
            "POST" if of_request.contains(&path) => {
                comments.push(Comment {
                    author: BOT,
                    body: text(),
                });
                json!({})
            }
            "PATCH" | "PUT" => {
                let (base, index) = path.rsplit_once('/').unwrap();
                assert!(
                    base == "/repos/acme/rooms/issues/comments" || of_request.contains(&base),
                    "{path}"
                );
                let comment = &mut comments[index.parse::<usize>().unwrap()];
                assert_eq!(comment.author, BOT, "somebody else's comment");
                comment.body = text();
                json!({})
            }
            _ => panic!("{method} {path}"),
        };
        Response::new(Body::from(told.to_string()))
    }

    /// The comments of the workflows.
    pub(crate) fn made(&self) -> Vec<String> {
        let comments = self.comments.lock().unwrap();
        let own = comments.iter().filter(|comment| comment.author == BOT);
        own.map(|comment| comment.body.clone()).collect()
    }
}

/// An id for an author.
fn id(author: &str) -> usize {
    author.len()
}

/// One run of the steps: a checkout of `main`, and a request beside it.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) emulator: Emulator,
    pub(crate) api: Arc<Api>,
    pub(crate) service_url: String,
    pub(crate) api_url: String,
    /// Requests to a host that is none of ours.
    pub(crate) elsewhere: Arc<Mutex<Vec<String>>>,
    pub(crate) elsewhere_url: String,
    _runtime: Runtime,
}

/// Result of steps.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) said: String,
}

impl Place {
    /// With `main` as it is before the request.
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let serve = |router: Router| {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            runtime.spawn(async move { axum::serve(listener, router).await });
            url
        };
        let api = Arc::new(Api::default());
        let answering = Arc::clone(&api);
        let api_url = serve(Router::new().fallback(move |request: Request| {
            let api = Arc::clone(&answering);
            async move { api.answer(request).await }
        }));
        let elsewhere = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&elsewhere);
        let elsewhere_url = serve(Router::new().fallback(move |request: Request| {
            asked
                .lock()
                .unwrap()
                .push(format!("{} {:?}", request.uri(), request.headers()));
            async { Response::new(Body::from("{}")) }
        }));
        let emulator = Emulator::new(State::parse(STATE).unwrap(), Options::default());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let service_url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(emulator::serve(listener, emulator.clone(), pending()));
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            emulator,
            api,
            service_url,
            api_url,
            elsewhere,
            elsewhere_url,
            _runtime: runtime,
        };
        for name in ["author", "bin", "temp"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_roomsync"), place.path("bin/roomsync")).unwrap();
        place.git("author", &["init", "-q", "-b", "main"]);
        // The settings name a host that is away: the variable wins.
        place.write("roomsync.yaml", &settings("http://127.0.0.1:9"));
        place.write("rooms/team.yaml", ROOMS);
        place.write(".github/roomsync.sh", &super::read(super::SHARED));
        place.commit("main");
        place.git(".", &["clone", "-q", "--bare", "author", "origin.git"]);
        place.git("author", &["remote", "add", "origin", "../origin.git"]);
        place.git("author", &["checkout", "-q", "-b", "request"]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the author's.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("author").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git("author", &["add", "-A"]);
        self.git("author", &["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Opens the request with what the author has written, or updates it, and checks `main` out anew; the request's commit.
    pub(crate) fn request(&self) -> String {
        self.commit("request");
        for name in ["refs/pull/7/head", "refs/merge-requests/7/head"] {
            self.git("author", &["push", "-q", "-f", "origin", &format!("HEAD:{name}")]);
        }
        for name in ["checkout", "temp"] {
            fs::remove_dir_all(self.path(name)).ok();
        }
        fs::create_dir(self.path("temp")).unwrap();
        self.git(".", &["clone", "-q", "-b", "main", "origin.git", "checkout"]);
        self.git("author", &["rev-parse", "HEAD"])
    }

    /// A value of the examples, with the service of this place for the one that they name.
    pub(crate) fn here(&self, text: &str) -> String {
        text.replace(super::HOST, &self.service_url)
    }

    #[track_caller]
    pub(crate) fn git(&self, folder: &str, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(args)
            .current_dir(self.path(folder))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .output()
            .unwrap();
        super::passed(&output).trim().to_owned()
    }

    /// Runs a script as a runner does, with nothing else in its environment than `env`.
    pub(crate) fn bash(&self, script: &str, env: &HashMap<String, String>) -> Ran {
        let path = self.path("script.sh");
        fs::write(&path, script).unwrap();
        let tools = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(path)
            .env_clear()
            .env("PATH", format!("{}:{tools}", self.path("bin").display()))
            .env("HOME", self.path("temp"))
            .env("TMPDIR", self.path("temp"))
            .envs(env)
            .current_dir(self.path("checkout"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains(TOKEN) && !said.contains(API_TOKEN), "{said}");
        Ran {
            code: output.status.code().unwrap_or(-1),
            said,
        }
    }

    /// Layer between the scripts and the world, for both services.
    pub(crate) fn secrets(&self) -> HashMap<String, String> {
        [
            ("ROOMSYNC_TOKEN", TOKEN),
            ("ROOMSYNC_NOTES_TOKEN", API_TOKEN),
            ("github.token", API_TOKEN),
            ("secrets.ROOMSYNC_TOKEN", TOKEN),
            ("github.event.pull_request.number", "7"),
            ("github.repository", "acme/rooms"),
            ("github.run_id", "1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }
}

/// Settings of the demo app at this address.
pub(crate) fn settings(url: &str) -> String {
    format!(
        "service:\n  url: {url}\n  app_key: \"acme#demo\"\n  auth: {{token_file: token}}\nrooms: rooms/\n\
         sync: {{settle_removals: 0s}}\n"
    )
}

/// The value of a step's output in what it wrote.
pub(crate) fn output(file: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.to_owned())
}
