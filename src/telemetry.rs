//! Logs: for people on a terminal, JSON elsewhere. To standard error; results go to standard output.

mod journal;
mod json_lines;

use crate::model::{log_code, printable};
use crate::secrets;
use indicatif::{MultiProgress, ProgressDrawTarget};
use json_lines::JsonLines;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
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
    let lines = Lines {
        bars: bars.clone(),
        is_journal: journal::is_stderr(),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines)
        .with_ansi(colour);
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only where logging has been started already, as in tests: then that goes on.
    let begun = match format {
        LogFormat::Text => registry
            .with(layer.with_target(false).fmt_fields(debug_fn(field_for_people)))
            .try_init(),
        LogFormat::Json => registry.with(layer.event_format(JsonLines)).try_init(),
    };
    if begun.is_ok() {
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(|place| (place.file(), place.line()));
            log_fault(info.payload(), place);
        }));
    }
    bars
}

/// Writes an error or a warning in words to standard error, without secrets. For lines of JSON, log it instead.
pub fn say(level: Level, text: &str) -> io::Result<()> {
    let text = &*secrets::redact(text);
    match journal::is_stderr() {
        // The journal shows no colours.
        true => write!(
            anstream::StripStream::new(io::stderr()),
            "{}",
            journal::prefixed(level, text)
        ),
        false => write!(anstream::stderr(), "{text}"),
    }
}

/// Logs a fault of roomsync itself, as a panic reports it.
fn log_fault(payload: &(dyn Any + Send), place: Option<(&str, u32)>) {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = place.map(|(file, line)| {
        // What comes before is a path of the machine that built it.
        let file = file.rsplit_once("/src/").map_or(file, |(_, file)| file);
        format!("{file}:{line}")
    });
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        code = log_code::PANIC,
        place,
        backtrace,
        "a fault in roomsync, please report it: {}",
        text.unwrap_or("no words")
    );
}

/// Writes a field for people. They go by the words, not by the code.
fn field_for_people(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = printable(&value);
    match field.name() {
        "message" => write!(writer, "{value}"),
        "code" => Ok(()),
        name if writer.has_ansi_escapes() => {
            write!(writer, " \u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}")
        }
        name => write!(writer, " {name}={value}"),
    }
}

/// Writes whole lines to standard error, around progress bars.
#[derive(Debug, Clone)]
struct Lines {
    bars: MultiProgress,
    is_journal: bool,
}

/// Writes lines of one level.
#[derive(Debug, Clone)]
struct LinesAt {
    lines: Lines,
    level: Level,
}

impl Write for LinesAt {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Whole lines come here.
        let line = String::from_utf8_lossy(buf);
        let mut line = secrets::redact(&line);
        if self.lines.is_journal {
            line = journal::prefixed(self.level, &line).into();
        }
        self.lines
            .bars
            .suspend(|| io::stderr().write_all(line.as_bytes()))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LinesAt;

    fn make_writer(&'a self) -> LinesAt {
        LinesAt {
            lines: self.clone(),
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> LinesAt {
        LinesAt {
            lines: self.clone(),
            level: *meta.level(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(buf)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_fault_is_a_line_of_json_with_its_place() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .event_format(JsonLines);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            log_fault(&"index out\nof bounds", Some(("/build/x/src/plan/order.rs", 7)));
            log_fault(&format!("no {}", "words"), None);
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [first, second] = lines.as_slice() else {
            panic!("{text}");
        };
        assert_eq!(
            [&first["code"], &first["level"], &first["place"]],
            ["panic", "ERROR", "plan/order.rs:7"]
        );
        assert!(
            first["message"]
                .as_str()
                .unwrap()
                .ends_with("index out\nof bounds"),
            "{first}"
        );
        assert!(
            second["message"].as_str().unwrap().ends_with("no words"),
            "{second}"
        );
        assert!(text.starts_with("{\"timestamp\":"), "{text}");
    }
}
