//! Logs: for people on a terminal, JSON elsewhere. To standard error; results go to standard output.

use crate::secrets;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Target of lines at `INFO` that somebody who waits has to see even where only warnings are logged.
pub const NOTICE: &str = "roomsync::notice";

/// Starts logging and gives the place for progress bars, which log lines go around. `verbosity` counts `-v`, less `-q`. With
/// `is_brief` only warnings and worse are logged unless it counts more. There are no bars with JSON, or if only errors are logged.
pub fn init(format: LogFormat, verbosity: i16, is_brief: bool, colour: bool) -> MultiProgress {
    let bars = match format {
        LogFormat::Text if verbosity >= 0 => MultiProgress::new(),
        LogFormat::Text | LogFormat::Json => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
    };
    let level = match verbosity {
        ..=-1 => LevelFilter::ERROR,
        0 if is_brief => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    };
    let filter = Targets::new()
        .with_target("roomsync", level)
        .with_target(
            NOTICE,
            if verbosity < 0 {
                level
            } else {
                level.max(LevelFilter::INFO)
            },
        )
        .with_default(LevelFilter::WARN.min(level));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(AroundBars(bars.clone()))
        .with_ansi(colour);
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only where logging has been started already, as in tests: then that goes on.
    let _ = match format {
        LogFormat::Text => registry.with(layer.with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    bars
}

#[derive(Debug, Clone)]
struct AroundBars(MultiProgress);

impl Write for AroundBars {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Whole lines come here.
        let line = String::from_utf8_lossy(buf);
        self.0
            .suspend(|| io::stderr().write_all(secrets::redact(&line).as_bytes()))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
