//! `roomsync probe`.

use super::daemon_link::reached;
use super::{Exit, Globals, output};
use crate::diagnostics::Invalid;
use crate::settings;
use anyhow::{Context as _, anyhow, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;
use url::Url;

/// Time limit for the connection, and for the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most bytes of an answer that are read.
const MOST: u64 = 64 << 10;

/// Asks the daemon of these settings if it lives, or if it is ready: exit code 0 or 1
///
/// For containers and scripts that can run a command and not ask over HTTP. Prints the answer, which says what is missing.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The question
    #[arg(value_name = "WHAT")]
    what: Probe,
    /// Where the daemon listens, such as http://127.0.0.1:9464; the settings are not read then
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Probe {
    /// The loop moves (/livez)
    Live,
    /// The files are valid and every room was looked at once (/readyz)
    Ready,
}

/// Runs `roomsync probe`.
pub(super) fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let path = match args.what {
        Probe::Live => "/livez",
        Probe::Ready => "/readyz",
    };
    let address = match address(globals, args.url.as_ref()) {
        Ok(address) => address,
        // Whatever keeps it from asking, nobody knows that the daemon is well.
        Err(error) => match error.downcast_ref::<Invalid>() {
            Some(invalid) => {
                globals.diagnose(&invalid.diagnostics)?;
                return Ok(Exit::Failed);
            }
            None => return failed(globals, &format!("{error:#}")),
        },
    };
    match ask(address, path) {
        Ok((200, said)) => {
            output(&said)?;
            Ok(Exit::Done)
        }
        Ok((_, said)) => failed(globals, said.trim_end()),
        Err(error) => failed(globals, &format!("{error:#}")),
    }
}

fn failed(globals: &Globals, why: &str) -> anyhow::Result<Exit> {
    globals.error(why)?;
    Ok(Exit::Failed)
}

/// Address at which the daemon listens.
fn address(globals: &Globals, url: Option<&Url>) -> anyhow::Result<SocketAddr> {
    let Some(url) = url else {
        // The secrets are the daemon's: whoever asks it need not be able to read them.
        let settings = settings::load_offline(&globals.config, &globals.env)?;
        let listen = settings
            .listen
            .context("`listen` is off in the settings, so nothing can be asked")?;
        return Ok(reached(listen));
    };
    let host = url.host_str().filter(|_| url.scheme() == "http");
    let host = host.ok_or_else(|| anyhow!("--url takes http://HOST:PORT, not `{url}`"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    // An IPv6 address stands in brackets there.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut found = (host, port)
        .to_socket_addrs()
        .with_context(|| format!("cannot find {host}"))?;
    found.next().with_context(|| format!("{host} has no address"))
}

/// Asks for this path. Gives the status and the text.
fn ask(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE);
    let mut stream = stream.with_context(|| format!("nothing answers at {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.take(MOST).read_to_end(&mut answer));
    asked.with_context(|| format!("no answer from {address} within {} s", PATIENCE.as_secs()))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    match status {
        Some(status) if head.starts_with("HTTP/1.") => Ok((status, body.to_owned())),
        _ => bail!("something else than roomsync answers at {address}"),
    }
}
