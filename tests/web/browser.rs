//! A browser, driven by chromedriver. Both end with the test, whatever comes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt as _;
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};
use tempfile::TempDir;
use url::{ParseError, Url};

/// Time that the page may take to show what it is told, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running chromedriver.
struct Driver {
    process: Child,
    port: u16,
    /// Kept open: it may have more to say.
    _said: BufReader<ChildStdout>,
}

impl Driver {
    fn start() -> Option<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(process.stdout.take()?);
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "chromedriver ended at once"
            );
            let port = line
                .trim()
                .strip_suffix('.')
                .and_then(|line| line.split(" on port ").nth(1));
            if let Some(port) = port {
                break port.parse().unwrap();
            }
        };
        Some(Self {
            process,
            port,
            _said: lines,
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
struct Order {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Order {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A window of the browser.
pub(crate) struct Window {
    pub(crate) client: Client,
}

/// Runs a test in a browser, or says that there is none.
pub(crate) async fn browse(what: &str, test: impl AsyncFnOnce(&Window)) {
    let Some(driver) = Driver::start() else {
        return super::skip(what, "there is no chromedriver");
    };
    let profile = TempDir::new().unwrap();
    let options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--no-proxy-server", "--no-first-run", "--lang=en-GB",
            format!("--user-data-dir={}", profile.path().display()),
        ],
    });
    let Value::Object(capabilities) = json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
    }) else {
        unreachable!()
    };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{}", driver.port))
        .await
        .unwrap();
    let window = Window { client };
    let outcome = AssertUnwindSafe(test(&window)).catch_unwind().await;
    if outcome.is_err() {
        let name = format!("failed-{}", what.replace([' ', ','], "-"));
        // What the test failed of is told below, be there a picture or not.
        let _ = AssertUnwindSafe(window.shoot(&name)).catch_unwind().await;
    }
    // The browser ends with its session, before chromedriver does.
    let closed = window.client.close().await;
    drop(driver);
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    closed.unwrap();
}

impl Window {
    async fn order(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Order { path, body }).await.unwrap()
    }

    /// Tells the browser something in its own protocol.
    pub(crate) async fn tell(&self, command: &str, params: Value) -> Value {
        self.order("goog/cdp/execute", json!({"cmd": command, "params": params}))
            .await
    }

    /// Makes the window this large, as it is laid out, and light or dark.
    pub(crate) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.tell("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.tell("Emulation.setEmulatedMedia", media).await;
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Result of a piece of script.
    pub(crate) async fn eval(&self, script: &str) -> Value {
        self.client
            .execute(&format!("return {script}"), vec![])
            .await
            .unwrap()
    }

    /// The text of the first element that fits, as it is seen.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let script = format!("document.querySelector({selector:?})?.innerText ?? ''");
        self.eval(&script).await.as_str().unwrap().to_owned()
    }

    /// Waits until the text of an element has this in it.
    pub(crate) async fn wait_for(&self, selector: &str, wanted: &str) {
        let begun = Instant::now();
        loop {
            let text = self.text(selector).await;
            if text.contains(wanted) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{selector} has no {wanted:?}: {text:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.client
            .find(Locator::Css(selector))
            .await
            .unwrap()
            .click()
            .await
            .unwrap();
    }

    /// Presses a key on an element.
    pub(crate) async fn press(&self, selector: &str, key: &str) {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        element.send_keys(key).await.unwrap();
    }

    /// Looks for rooms.
    pub(crate) async fn search(&self, text: &str) {
        let script = format!(
            "(field => {{ field.value = {text:?}; field.dispatchEvent(new Event('input')); }})(document.getElementById('find'))"
        );
        self.eval(&script).await;
    }

    /// Output of the console since it was asked last: errors, warnings, breaches of the policy.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.order("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(ToString::to_string).collect()
    }

    /// Fails if something sticks out to the side.
    pub(crate) async fn fits(&self) {
        let wide = self
            .eval("[document.documentElement.scrollWidth, innerWidth, document.documentElement.clientWidth]")
            .await;
        let sizes: Vec<u64> = wide
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        assert!(
            sizes[0] <= sizes[1].min(sizes[2]),
            "wider than the window: {sizes:?}"
        );
    }

    /// Keeps a picture of the whole page.
    pub(crate) async fn shoot(&self, name: &str) {
        let picture = self
            .tell(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true}),
            )
            .await;
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let folder = env::var_os("ROOMSYNC_ARTIFACTS")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("page-{name}.png")), picture).unwrap();
    }
}
