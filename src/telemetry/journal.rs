//! Lines for systemd's journal: each begins with its priority, as in `<4>`, which the journal takes off again.

use std::env;
use std::io;
use tracing::Level;

/// True if this is where standard error goes. Who inherits the variable and has it redirected writes plain lines.
pub(super) fn is_stderr() -> bool {
    let stream = env::var("JOURNAL_STREAM").ok();
    let stderr = rustix::fs::fstat(io::stderr()).ok();
    stream.zip(stderr).is_some_and(|(stream, stderr)| {
        let names = stream.split_once(':');
        names.is_some_and(|(device, inode)| {
            device.parse() == Ok(stderr.st_dev) && inode.parse() == Ok(stderr.st_ino)
        })
    })
}

/// The text with the priority before each of its lines.
pub(super) fn prefixed(level: Level, text: &str) -> String {
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    };
    let lines = text.split_inclusive('\n');
    lines.map(|line| format!("<{priority}>{line}")).collect()
}
