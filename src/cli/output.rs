//! Results on standard output.

use crate::plan::{FleetPlan, Invite, Status};
use crate::render::text;
use anyhow::Context as _;
use std::fmt;
use std::io::{self, BufWriter, Write as _};

/// Prints a result. Whoever reads it may have read enough and be gone; the command goes on all the same.
pub(super) fn output(text: &str) -> anyhow::Result<()> {
    print(|out| out.write_all(text.as_bytes()))
}

/// Prints a result as JSON for people and programs.
pub(super) fn output_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(|out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Prints a plan for people, above which stands `before`.
pub(super) fn output_plan(before: &str, plan: &FleetPlan, seconds: f64) -> anyhow::Result<()> {
    print(|out| {
        out.write_all(before.as_bytes())?;
        write_plan(out, plan, seconds)
    })
}

/// Invitations of a command without a memory: to everyone, or to nobody.
pub(super) fn invited(all: bool) -> Invite {
    if all { Invite::Everybody } else { Invite::Nobody }
}

/// Says how to add the people whose absence is no drift, if there are some. Nobody is added where a room is only observed.
pub(super) fn output_absent(plan: &FleetPlan, how: &str) -> anyhow::Result<()> {
    let rooms = plan.rooms.iter().filter(|room| room.status != Status::Observed);
    match rooms.map(|room| room.not_here.len()).sum::<usize>() {
        0 => Ok(()),
        absent => output(&format!("{absent} not here, not added: absent: ignore; {how}\n")),
    }
}

/// Advice of commands that can add people whose absence is no drift.
pub(super) const WITH_INVITE: &str = "add them with --invite";

/// Writes a plan for people as it comes: of a large fleet it is far longer than what it shows.
pub(super) fn write_plan(out: &mut dyn io::Write, plan: &FleetPlan, seconds: f64) -> io::Result<()> {
    /// Keeps the error that a text has no room for.
    struct Lines<'w>(&'w mut dyn io::Write, io::Result<()>);
    impl fmt::Write for Lines<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.1 = self.0.write_all(text.as_bytes());
            self.1.as_ref().map_err(|_| fmt::Error).copied()
        }
    }
    let mut lines = Lines(out, Ok(()));
    let written = text(&mut lines, plan, seconds);
    lines.1.and(written.map_err(io::Error::other))
}

/// JSON comes in pieces of a few bytes.
pub(super) fn buffered<W: io::Write>(out: W) -> BufWriter<W> {
    const BYTES: usize = 1 << 16;
    BufWriter::with_capacity(BYTES, out)
}

pub(super) fn print(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = buffered(anstream::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
