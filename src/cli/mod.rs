//! One file a command; the only place with anyhow and with standard output, and where everything is wired together.

mod apply;
mod approve;
mod audit;
mod base_files;
mod check;
mod completions;
mod context;
mod daemon_link;
mod demo;
pub mod emulator;
mod exit;
mod explain;
mod export;
mod export_files;
mod first_answer;
mod flag_values;
mod guides;
#[cfg(test)]
mod man;
mod max_calls;
mod output;
mod pause;
mod plan;
mod plan_file;
mod probe;
mod progress_bar;
mod prompt;
mod report_text;
mod resume;
mod room_names;
mod run;
mod schema;
mod status;
pub mod validate;

pub use exit::Exit;

use output::{WITH_INVITE, buffered, invited, output, output_absent, output_json, output_plan, write_plan};

use crate::diagnostics::{Diagnostic, Invalid, Severity, render};
use crate::model::{log_code, printable};
use crate::settings::{self, Env};
use crate::telemetry::{self, LogFormat};
use anyhow::Context as _;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use indicatif::MultiProgress;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tracing::Level;

/// Keeps the membership of chat rooms as a team's files say
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "`roomsync demo` shows everything with nothing set up.\n\nExit codes: 0 as wanted, 1 the run as a whole failed, 2 changes pending (plan \
    --detailed-exitcode), 3 blocked by a guard or declined, 4 partly done, 5 invalid files or settings, 6 stale plan, 64 wrong usage";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Options {
    /// The settings file; paths in it are relative to its folder
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "ROOMSYNC_CONFIG",
        default_value = settings::DEFAULT_FILE,
        hide_env = true
    )]
    config: PathBuf,
    /// Log lines as text or json; the default is text on a terminal and json elsewhere
    #[arg(long, global = true, value_name = "FORMAT", hide_possible_values = true)]
    log_format: Option<LogFormat>,
    /// Log every step and every call to the service; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Say errors only, and no warnings
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Colours: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Run(run::Args),
    Export(export::Args),
    Explain(explain::Args),
    Status(status::Args),
    Check(check::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Approve(approve::Args),
    Probe(probe::Args),
    Emulator(Box<emulator::Args>),
    Schema(schema::Args),
    Completions(completions::Args),
}

impl Command {
    /// True for a command that does one thing, in contrast to a server.
    fn ends_by_itself(&self) -> bool {
        match self {
            Self::Run(args) => args.once,
            Self::Emulator(_) => false,
            _ => true,
        }
    }
}

/// Options of every command.
#[derive(Debug, Clone)]
struct Globals {
    config: PathBuf,
    env: Env,
    bars: MultiProgress,
    log_format: LogFormat,
    /// True if all that goes to standard error is lines of JSON: where they were asked for, and where a server logs them.
    is_json_only: bool,
    /// True if only errors are said.
    quiet: bool,
}

impl Globals {
    /// Reports on standard error what kept the command from doing all it was for: as a line of the log where that is JSON.
    fn error(&self, message: &str) -> io::Result<()> {
        match self.log_format {
            LogFormat::Json => tracing::error!(code = log_code::ERROR, "{message}"),
            LogFormat::Text => telemetry::say(Level::ERROR, &format!("error: {}\n", printable(message)))?,
        }
        Ok(())
    }

    /// Reports the error with which the command ends.
    fn fatal(&self, error: &anyhow::Error, exit: Exit) -> anyhow::Result<()> {
        let invalid = error.downcast_ref::<Invalid>();
        if let Some(invalid) = invalid {
            self.diagnose(&invalid.diagnostics)?;
        }
        let message = format!("{error:#}");
        if self.is_json_only {
            tracing::error!(code = log_code::FATAL, exit = exit.code(), "{message}");
        } else if invalid.is_none() {
            telemetry::say(Level::ERROR, &format!("error: {}\n", printable(&message)))?;
        }
        Ok(())
    }

    /// Shows what is wrong with files on standard error.
    fn diagnose(&self, diagnostics: &[Diagnostic]) -> anyhow::Result<()> {
        let is_said = |one: &&Diagnostic| !self.quiet || one.severity == Severity::Error;
        let diagnostics: Vec<Diagnostic> = diagnostics.iter().filter(is_said).cloned().collect();
        if self.is_json_only {
            diagnostics.iter().for_each(log_problem);
        } else if !diagnostics.is_empty() {
            let is_error = diagnostics.iter().any(|one| one.severity == Severity::Error);
            let level = if is_error { Level::ERROR } else { Level::WARN };
            telemetry::say(level, &format!("{}\n", render(&diagnostics, true).trim_end()))?;
        }
        Ok(())
    }
}

/// Logs a problem of files or settings.
fn log_problem(diagnostic: &Diagnostic) {
    let Diagnostic {
        code: problem,
        severity,
        message,
        location,
        also: _,
        help,
    } = diagnostic;
    let place = location.as_ref().map(ToString::to_string);
    match severity {
        Severity::Error => tracing::error!(code = log_code::PROBLEM, problem, place, help, "{message}"),
        Severity::Warning => tracing::warn!(code = log_code::PROBLEM, problem, place, help, "{message}"),
        Severity::Note => tracing::info!(code = log_code::PROBLEM, problem, place, help, "{message}"),
    }
}

/// Time that a command waits at its end for what still reads or writes a disk.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The command line, with examples and exit codes below each command's options.
fn command() -> clap::Command {
    let command = Cli::command();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .collect();
    names
        .into_iter()
        .fold(command, |command, name| match guides::of(&name) {
            Some(guide) => command.mut_subcommand(name, |inner| inner.after_help(guide.help())),
            None => command,
        })
}

/// Runs the command of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command())))
    {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(refuse(&error).code()),
    };
    let Options {
        config,
        log_format,
        verbose,
        quiet,
        color,
    } = cli.options;
    let color = match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    color.write_global();
    let stderr_in_color = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    // The demo tells its story on standard output; log lines would only talk into it.
    let quiet = quiet || (matches!(cli.command, Command::Demo(_)) && verbose == 0);
    let people = io::stderr().is_terminal();
    let is_json_asked = log_format == Some(LogFormat::Json);
    let log_format = log_format.unwrap_or(if people { LogFormat::Text } else { LogFormat::Json });
    let verbosity = i16::from(verbose) - i16::from(quiet);
    // Whoever watches a command end reads its result; the log of its steps is for those who ask, and for machines.
    let is_brief = people && cli.command.ends_by_itself();
    let bars = telemetry::init(log_format, verbosity, is_brief, stderr_in_color);
    let env = Env::from_process();
    let globals = Globals {
        config,
        env,
        bars,
        log_format,
        is_json_only: is_json_asked || (log_format == LogFormat::Json && !cli.command.ends_by_itself()),
        quiet: verbosity < 0,
    };
    let ended = match &cli.command {
        // It waits for nobody, so it does without the threads that others wait on.
        Command::Validate(args) => validate::run(&globals, args),
        Command::Probe(args) => probe::run(&globals, args),
        command => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")
            .and_then(|runtime| {
                let ended = runtime.block_on(perform(&globals, command));
                // A look at a network folder may hang for ever.
                runtime.shutdown_timeout(LAST_WAIT);
                ended
            }),
    };
    let exit = ended.unwrap_or_else(|error| {
        let exit = Exit::of_error(&error);
        // If standard error is gone too, there is nobody left to tell.
        let _ = globals.fatal(&error, exit);
        exit
    });
    ExitCode::from(exit.code())
}

async fn perform(globals: &Globals, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => demo::run(globals, args).await,
        Command::Validate(args) => validate::run(globals, args),
        Command::Probe(args) => probe::run(globals, args),
        Command::Plan(args) => plan::run(globals, args).await,
        Command::Apply(args) => apply::run(globals, args).await,
        Command::Run(args) => run::run(globals, args).await,
        Command::Export(args) => export::run(globals, args).await,
        Command::Explain(args) => explain::run(globals, args).await,
        Command::Status(args) => status::run(globals, args).await,
        Command::Check(args) => check::run(globals, args).await,
        Command::Approve(args) => approve::run(globals, args).await,
        Command::Pause(args) => pause::run(globals, args).await,
        Command::Resume(args) => resume::run(globals, args).await,
        Command::Emulator(args) => emulator::run(args).await,
        Command::Schema(args) => schema::run(args),
        Command::Completions(args) => completions::run(args),
    }
}

/// Prints what clap makes of a call it cannot take, or the help that was asked for.
fn refuse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        // If standard output is gone, nobody reads the help.
        let _ = error.print();
        return Exit::Done;
    }
    let not_taken = flag_values::not_taken(error);
    if asks_for_json(std::env::args_os().skip(1)) {
        telemetry::init(LogFormat::Json, 0, false, false);
        let message = not_taken.unwrap_or_else(|| error.render().to_string());
        let message = message.trim_start_matches("error: ").trim_end();
        tracing::error!(code = log_code::USAGE, exit = Exit::Usage.code(), "{message}");
        return Exit::Usage;
    }
    // If standard error is gone too, there is nobody left to tell.
    let _ = match not_taken {
        Some(message) => {
            let text = format!("error: {message}\n\nFor more information, try '--help'.\n");
            telemetry::say(Level::ERROR, &text)
        }
        None => error.print(),
    };
    Exit::Usage
}

/// True if a command line that cannot be taken asks for lines of JSON.
fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    let mut args = args.take_while(|arg| arg != "--").peekable();
    let mut asks = false;
    while let Some(arg) = args.next() {
        if arg == "--log-format" {
            asks = args.peek().is_some_and(|format| format == "json");
        } else if let Some(format) = arg.to_str().and_then(|arg| arg.strip_prefix("--log-format=")) {
            asks = format == "json";
        }
    }
    asks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_that_parse_and_its_exit_codes() {
        let command = command();
        for inner in command.get_subcommands() {
            let name = inner.get_name();
            let guide = guides::of(name).unwrap_or_else(|| panic!("{name} has no guide in cli/guides.rs"));
            let codes: Vec<u8> = guide.exits.iter().map(|(exit, _)| exit.code()).collect();
            assert!(
                codes.is_sorted() && codes.first() == Some(&0) && codes.last() == Some(&64),
                "{name}: {codes:?}"
            );
            assert!(!guide.examples.is_empty(), "{name}");
            for example in guide.examples {
                let words: Vec<&str> = example.split(' ').collect();
                assert_eq!(words.get(1), Some(&name), "{example}");
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
        assert_eq!(command.get_subcommands().count(), guides::ALL.len());
    }
}
