//! Examples and exit codes of every command: the one source of `--help` and of the man pages.

use super::Exit;
use std::fmt::Write as _;

/// What stands below a command's options.
#[derive(Debug)]
pub(super) struct Guide {
    /// Name of the command.
    pub(super) command: &'static str,
    /// What else is to be known.
    pub(super) notes: &'static str,
    /// Command lines.
    pub(super) examples: &'static [&'static str],
    /// Exit codes, with what each says.
    pub(super) exits: &'static [(Exit, &'static str)],
}

const INVALID: (Exit, &str) = (Exit::Invalid, "invalid files or settings");
const INVALID_SETTINGS: (Exit, &str) = (Exit::Invalid, "invalid settings");
const USAGE: (Exit, &str) = (Exit::Usage, "wrong usage");
const NO_DAEMON: (Exit, &str) = (Exit::Failed, "no daemon answers, or it does not take the order");
const AWAY: (Exit, &str) = (
    Exit::Failed,
    "the service is away, refuses the credentials, or nothing could be looked at",
);

/// Guides of all commands, in the order of the help.
pub(super) const ALL: [Guide; 16] = [
    Guide {
        command: "demo",
        notes: "",
        examples: &["roomsync demo", "roomsync demo --keep"],
        exits: &[(Exit::Done, "shown"), (Exit::Failed, "it broke off"), USAGE],
    },
    Guide {
        command: "validate",
        notes: "",
        examples: &["roomsync validate", "roomsync validate --format github rooms/"],
        exits: &[(Exit::Done, "valid"), INVALID, USAGE],
    },
    Guide {
        command: "plan",
        notes: "",
        examples: &[
            "roomsync plan",
            "roomsync plan --room lobby --format json",
            "roomsync plan --out plan.json --detailed-exitcode",
        ],
        exits: &[
            (Exit::Done, "as wanted, or changes are pending"),
            AWAY,
            (Exit::Pending, "changes are pending (with --detailed-exitcode)"),
            (Exit::Blocked, "a guard or --max-calls holds something"),
            (
                Exit::Partly,
                "some rooms could not be looked at, or some people cannot be there",
            ),
            INVALID,
            USAGE,
        ],
    },
    Guide {
        command: "apply",
        notes: "",
        examples: &[
            "roomsync apply",
            "roomsync apply --plan plan.json --yes",
            "roomsync apply --room lobby",
        ],
        exits: &[
            (Exit::Done, "as wanted"),
            AWAY,
            (
                Exit::Blocked,
                "a guard or --max-calls holds something, or you declined",
            ),
            (Exit::Partly, "some people or rooms could not be done"),
            INVALID,
            (
                Exit::Stale,
                "the saved plan, or some rooms of it, are out of date",
            ),
            USAGE,
        ],
    },
    Guide {
        command: "run",
        notes: "A second SIGTERM ends it at once, with 143.",
        examples: &["roomsync run", "roomsync run --dry-run", "roomsync run --once"],
        exits: &[
            (Exit::Done, "ended in order; with --once: as wanted"),
            (
                Exit::Failed,
                "it cannot run: the port, `state_dir` or the service; with --once as apply",
            ),
            (Exit::Blocked, "with --once: a guard or a pause holds something"),
            (
                Exit::Partly,
                "with --once: some people or rooms could not be done",
            ),
            INVALID,
            USAGE,
        ],
    },
    Guide {
        command: "export",
        notes: "",
        examples: &[
            "roomsync export --all --out rooms/",
            "roomsync export --room lobby --mode authoritative",
        ],
        exits: &[
            (Exit::Done, "every room is in it"),
            AWAY,
            (Exit::Partly, "some rooms are not in it"),
            INVALID_SETTINGS,
            USAGE,
        ],
    },
    Guide {
        command: "explain",
        notes: "",
        examples: &["roomsync explain bob lobby", "roomsync explain bob"],
        exits: &[
            (Exit::Done, "told"),
            (Exit::Failed, "the service cannot be asked"),
            (
                Exit::Partly,
                "the room is not there or could not be read completely",
            ),
            INVALID,
            (Exit::Usage, "wrong usage, or no such room in the files"),
        ],
    },
    Guide {
        command: "status",
        notes: "",
        examples: &["roomsync status", "roomsync status --format json"],
        exits: &[
            (Exit::Done, "all is well"),
            (Exit::Failed, "no daemon answers, or the service is away"),
            (Exit::Blocked, "something is blocked or paused"),
            (Exit::Partly, "something failed, is incomplete or is not done yet"),
            INVALID_SETTINGS,
            USAGE,
        ],
    },
    Guide {
        command: "check",
        notes: "",
        examples: &["roomsync check"],
        exits: &[(Exit::Done, "asked"), NO_DAEMON, INVALID_SETTINGS, USAGE],
    },
    Guide {
        command: "pause",
        notes: "",
        examples: &["roomsync pause --for 2h --why maintenance"],
        exits: &[(Exit::Done, "paused"), NO_DAEMON, INVALID_SETTINGS, USAGE],
    },
    Guide {
        command: "resume",
        notes: "",
        examples: &["roomsync resume"],
        exits: &[
            (Exit::Done, "rooms are written again"),
            NO_DAEMON,
            (Exit::Blocked, "still nothing is written, for another reason"),
            INVALID_SETTINGS,
            USAGE,
        ],
    },
    Guide {
        command: "approve",
        notes: "",
        examples: &["roomsync approve lobby", "roomsync approve lobby,team-a --yes"],
        exits: &[
            (Exit::Done, "approved"),
            NO_DAEMON,
            (
                Exit::Blocked,
                "declined, or nothing or something else is kept back by now",
            ),
            INVALID_SETTINGS,
            USAGE,
        ],
    },
    Guide {
        command: "probe",
        notes: "Give a liveness probe the address: settings that are edited and not valid are no reason to restart a daemon.\n  \
            exec: {command: [roomsync, probe, live, --url, \"http://127.0.0.1:9464\"]}",
        examples: &[
            "roomsync probe ready",
            "roomsync probe live --url http://127.0.0.1:9464",
        ],
        exits: &[
            (Exit::Done, "it is so"),
            (Exit::Failed, "it is not, or nobody answers"),
            USAGE,
        ],
    },
    Guide {
        command: "emulator",
        notes: "",
        examples: &["roomsync emulator --state state.yaml --rate 100"],
        exits: &[
            (Exit::Done, "ended in order"),
            (Exit::Failed, "it cannot listen there"),
            (Exit::Invalid, "invalid state file"),
            USAGE,
        ],
    },
    Guide {
        command: "schema",
        notes: "To use it, keep a copy and name it in the first line of each file:\n  \
            roomsync schema rooms > rooms/.schema.json\n  # yaml-language-server: $schema=.schema.json",
        examples: &["roomsync schema settings"],
        exits: &[(Exit::Done, "printed"), USAGE],
    },
    Guide {
        command: "completions",
        notes: "Write it where the shell looks, and start a new one:\n  \
            roomsync completions bash > ~/.local/share/bash-completion/completions/roomsync\n  \
            roomsync completions fish > ~/.config/fish/completions/roomsync.fish\n  \
            roomsync completions zsh  > ~/.zfunc/_roomsync\n\
            For zsh, .zshrc needs `fpath+=~/.zfunc` before `autoload -Uz compinit && compinit`.",
        examples: &["roomsync completions bash"],
        exits: &[(Exit::Done, "printed"), USAGE],
    },
];

/// Guide of a command.
pub(super) fn of(command: &str) -> Option<&'static Guide> {
    ALL.iter().find(|guide| guide.command == command)
}

impl Guide {
    /// The text below the options in `--help`.
    pub(super) fn help(&self) -> String {
        let Self {
            command: _,
            notes,
            examples,
            exits,
        } = self;
        let mut text = String::new();
        if !notes.is_empty() {
            text += notes;
            text += "\n\n";
        }
        text += if examples.len() == 1 {
            "Example:\n"
        } else {
            "Examples:\n"
        };
        for example in *examples {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {example}");
        }
        let exits: Vec<String> = exits
            .iter()
            .map(|(exit, says)| format!("{} {says}", exit.code()))
            .collect();
        text + "\nExit codes: " + &exits.join(", ")
    }
}
