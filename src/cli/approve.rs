//! `roomsync approve`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::exit::Usage;
use super::room_names::{self, NamedRoom, Naming};
use super::{Exit, Globals, output};
use crate::model::{RoomId, printable, room_label};
use crate::status::HeldBack;
use crate::web::{ManagedRooms, Order};
use anyhow::bail;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Lets through once what guards keep back in a room
///
/// The daemon looks at the room, and this shows who would be removed, demoted or added there, and which guards keep them back. If you
/// agree, each of these people may go or come once within an hour, and nobody else. What you approve is refused if something else is
/// kept back by then: somebody came or left, the files changed, or the daemon was restarted. It counts in no budget and not in
/// `max_removals_total`; afterwards the guards stand as before, so no line of the files has to be loosened. Owners, `protect`, `ignore`,
/// the last wanted admin and a pause are not touched by it. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or `admin_token_file` of the
/// settings.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// A room of the files by its id or its name; several also with commas
    #[arg(required = true, value_name = "ROOM")]
    rooms: Vec<String>,
    /// Approve without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    order: OrderArgs,
}

/// Most names of a kind that are shown.
const NAMES_SHOWN: usize = 1000;

/// Runs `roomsync approve`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let asks = io::stdin().is_terminal();
    if !args.yes && !asks {
        return Err(
            Usage("there is no terminal to ask at: pass --yes to approve without asking".into()).into(),
        );
    }
    let link = DaemonLink::new(globals, &args.order.daemon)?;
    let mut exit = Exit::Done;
    let mut shown = Vec::new();
    let mut text = String::new();
    for room in rooms(globals, &link, &args.rooms).await? {
        let held_back = link.ask::<HeldBack>(globals, &path(&room)).await?;
        match held_back {
            Ok(held_back) if people(&held_back) > 0 => {
                show(&mut text, &room, &held_back)?;
                shown.push((room, held_back));
            }
            Ok(held_back) => {
                writeln!(text, "{}: nothing is kept back", label(&room, &held_back))?;
                exit = exit.max(Exit::Blocked);
            }
            Err(why) => {
                writeln!(text, "{}", printable(&why))?;
                exit = exit.max(Exit::Blocked);
            }
        }
    }
    output(&text)?;
    if shown.is_empty() {
        return Ok(exit);
    }
    if !args.yes && !confirmed(&shown)? {
        writeln!(io::stderr(), "Nothing was approved.")?;
        return Ok(exit.max(Exit::Blocked));
    }
    for (room, held_back) in shown {
        let order = Order {
            by: Some(orderer(&args.order)),
            digest: Some(held_back.digest),
            ..Order::default()
        };
        let (of_room, said) = link.order(globals, &path(&room), order).await?;
        match of_room {
            Exit::Done => output(&format!("{said}\n"))?,
            _ => globals.error(&said)?,
        }
        exit = exit.max(of_room);
    }
    Ok(exit)
}

/// The rooms that these texts name.
async fn rooms(globals: &Globals, link: &DaemonLink, texts: &[String]) -> anyhow::Result<BTreeSet<RoomId>> {
    let managed = match link.ask::<ManagedRooms>(globals, "/-/approve").await? {
        Ok(managed) => managed,
        Err(why) => bail!("{why}"),
    };
    if let Some(app) = link.app().filter(|app| *app != managed.app) {
        bail!(
            "this daemon is for the app {}, and the settings name {app}; nothing was done",
            printable(&managed.app)
        );
    }
    let parsed = |(id, name): (String, Option<String>)| Some((RoomId::parse(&id).ok()?, name));
    let managed: Vec<(RoomId, Option<String>)> = managed.rooms.into_iter().filter_map(parsed).collect();
    let named: Vec<NamedRoom<'_>> = managed
        .iter()
        .map(|(id, name)| NamedRoom {
            id,
            name: name.as_deref(),
        })
        .collect();
    Ok(room_names::select(
        Naming::in_files("ROOM", false),
        &named,
        texts,
    )?)
}

fn path(room: &RoomId) -> String {
    format!("/-/approve/{room}")
}

fn people(held_back: &HeldBack) -> usize {
    held_back.remove.len() + held_back.demote.len() + held_back.add.len()
}

fn label(room: &RoomId, held_back: &HeldBack) -> String {
    room_label(held_back.name.as_deref(), room)
}

fn show(text: &mut String, room: &RoomId, held_back: &HeldBack) -> anyhow::Result<()> {
    writeln!(text, "{}", label(room, held_back))?;
    for why in &held_back.why {
        writeln!(text, "  kept back: {}", printable(why))?;
    }
    for (what, names) in [
        ("remove", &held_back.remove),
        ("demote", &held_back.demote),
        ("add", &held_back.add),
    ] {
        if names.is_empty() {
            continue;
        }
        let shown: Vec<_> = names
            .iter()
            .take(NAMES_SHOWN)
            .map(|name| printable(name))
            .collect();
        let more = match names.len().saturating_sub(NAMES_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(text, "  {what} {}: {}{more}", names.len(), shown.join(", "))?;
    }
    Ok(())
}

/// Asks at the terminal.
fn confirmed(shown: &[(RoomId, HeldBack)]) -> io::Result<bool> {
    let count =
        |of: fn(&HeldBack) -> &Vec<String>| shown.iter().map(|(_, held)| of(held).len()).sum::<usize>();
    let parts = [
        ("remove", count(|held| &held.remove)),
        ("demote", count(|held| &held.demote)),
        ("add", count(|held| &held.add)),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    let mut stderr = io::stderr();
    write!(
        stderr,
        "Let these through once, within an hour ({})? [y/N] ",
        parts.join(", ")
    )?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
