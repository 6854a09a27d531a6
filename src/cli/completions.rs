//! `roomsync completions`.

use super::{Cli, Exit, output};
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Prints what a shell needs to complete commands and options
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = WHERE_TO)]
pub(super) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const WHERE_TO: &str = "\
Write it where the shell looks, and start a new one:
  roomsync completions bash > ~/.local/share/bash-completion/completions/roomsync
  roomsync completions fish > ~/.config/fish/completions/roomsync.fish
  roomsync completions zsh  > ~/.zfunc/_roomsync
For zsh, .zshrc needs `fpath+=~/.zfunc` before `autoload -Uz compinit && compinit`.";

/// Runs `roomsync completions`.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "roomsync", &mut script);
    output(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
