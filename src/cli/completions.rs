//! `roomsync completions`.

use super::{Exit, output};
use clap_complete::Shell;

/// Prints what a shell needs to complete commands and options
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs `roomsync completions`.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "roomsync", &mut script);
    output(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
