//! Sentences about the files.

use super::{Subject, shown};
use crate::desired::{DesiredRoom, Mention, Mentions, Origin, OtherGroup, Pattern};
use crate::model::{Absent, Glob, Mode, RoomId, Until, counted, printable};
use std::fmt::{self, Write as _};

/// Rooms that are named one by one.
const MOST_ROOMS: usize = 5;

/// Tells what the files say of somebody in a room. `rooms` are all rooms of the files; `settings` is the settings' file and
/// its `protect`.
#[must_use]
pub fn files(
    subject: Subject<'_>,
    mentions: &Mentions,
    rooms: &[DesiredRoom],
    settings: (&str, &[Glob]),
) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, subject, mentions, rooms, settings);
    out
}

fn write(
    out: &mut String,
    subject: Subject<'_>,
    mentions: &Mentions,
    rooms: &[DesiredRoom],
    settings: (&str, &[Glob]),
) -> fmt::Result {
    let Subject { user, room } = subject;
    let Mentions {
        lists,
        excluded,
        other_groups,
        ignored,
        protected,
        admins: _,
        members: _,
        owner,
        mode,
        absent,
    } = mentions;
    writeln!(out, "{user} in room {}\n", shown(room))?;
    let says = if room.owner.as_ref() == Some(user) {
        format!("The files say that {user} is the owner, to whom nothing is ever done.")
    } else if subject.is_wanted_admin() {
        format!(
            "The files want {user} to be an admin here{}.",
            until(room.end_of(user))
        )
    } else if subject.is_wanted() {
        format!(
            "The files want {user} to be a member here{}.",
            until(room.end_of(user))
        )
    } else if let Some(end) = room.end_of(user) {
        format!("The files wanted {user} here until {end}: that place has ended.")
    } else if !excluded.is_empty() {
        format!("The files exclude {user} from this room.")
    } else if subject.is_ignored() {
        format!("The files say to ignore {user} here.")
    } else {
        format!("The files do not name {user} for this room.")
    };
    writeln!(out, "{says}")?;
    if let Some(at) = owner.as_ref().filter(|_| room.owner.as_ref() == Some(user)) {
        writeln!(out, "  owner ({})", place(at))?;
    }
    for Mention {
        list,
        groups,
        until: end,
        at,
    } in excluded.iter().chain(lists)
    {
        let groups: String = groups.iter().map(|group| format!(" → group:{group}")).collect();
        writeln!(out, "  {list}{groups} ({}){}", place(at), until(*end))?;
    }
    write_keys(out, subject, mentions)?;
    for Pattern { glob, at } in ignored {
        writeln!(
            out,
            "  ignore has {glob} ({}): never touched, counted nowhere",
            place(at)
        )?;
    }
    for Pattern { glob, at } in protected {
        writeln!(
            out,
            "  protect has {glob} ({}): never removed or demoted",
            place(at)
        )?;
    }
    let (file, globs) = settings;
    for glob in globs.iter().filter(|glob| glob.matches(user.as_str())) {
        let file = printable(file);
        writeln!(
            out,
            "  protect has {glob} (the settings, {file}): never removed or demoted"
        )?;
    }
    let said = mode.as_ref().map_or_else(|| "the default".to_owned(), place);
    writeln!(
        out,
        "  mode {} ({said}){}",
        room.mode,
        match room.mode {
            Mode::Authoritative => "",
            Mode::Additive => ": nobody is removed or demoted",
            Mode::Observe => ": nothing is written",
        }
    )?;
    let effect = match subject.absent() {
        Absent::Readd => None,
        Absent::Ignore => Some(("ignore", "who leaves is not added again")),
        Absent::Keep => Some((
            "keep",
            "members are on the allow list, so that they stay when they go offline",
        )),
    };
    if let Some((key, effect)) = effect {
        let said = absent
            .as_ref()
            .map_or_else(|| format!("the settings, {}", printable(file)), place);
        writeln!(out, "  absent {key} ({said}): {effect}")?;
    }
    let room_of = |id: &RoomId| rooms.iter().find(|room| room.id == *id).map(shown);
    for OtherGroup { name, at, rooms } in other_groups {
        let shown = |id: &RoomId| room_of(id).unwrap_or_else(|| id.to_string());
        let used = told(rooms, shown).unwrap_or_else(|| "no room".to_owned());
        writeln!(
            out,
            "  group:{name} ({}) names them, but no list of this room holds it; it is used in {used}",
            place(at)
        )?;
    }
    let elsewhere: Vec<&DesiredRoom> = rooms
        .iter()
        .filter(|other| other.id != room.id && Subject { user, room: other }.is_wanted())
        .collect();
    if let Some(rooms) = told(&elsewhere, |room| shown(room)) {
        writeln!(out, "  elsewhere they are wanted in {rooms}")?;
    }
    Ok(())
}

/// Meaning of each key for people who are not in it.
fn write_keys(out: &mut String, subject: Subject<'_>, mentions: &Mentions) -> fmt::Result {
    let Subject { user, room } = subject;
    if room.owner.as_ref() == Some(user) || subject.is_ignored() {
        return Ok(());
    }
    let removes = room.mode != Mode::Additive;
    if !mentions.excluded.is_empty() {
        return Ok(());
    }
    // Of an entry that has ended it was said.
    if !subject.is_wanted() && !room.ended_people().contains(user) {
        match &mentions.members {
            Some(at) if removes => {
                writeln!(
                    out,
                    "  members ({}) does not list {user}: who is not listed is not to be here",
                    place(at)
                )?;
            }
            Some(at) => writeln!(out, "  members ({}) does not list {user}", place(at))?,
            None => writeln!(
                out,
                "  there is no members key: who is here otherwise is left alone"
            )?,
        }
    }
    if !subject.is_wanted_admin() && !room.ended_admins().contains(user) {
        match &mentions.admins {
            Some(at) if removes => {
                writeln!(
                    out,
                    "  admins ({}) does not list {user}: who is not listed is not to be an admin",
                    place(at)
                )?;
            }
            Some(at) => writeln!(out, "  admins ({}) does not list {user}", place(at))?,
            None => writeln!(
                out,
                "  there is no admins key: nobody is promoted or demoted here"
            )?,
        }
    }
    Ok(())
}

fn until(end: Option<Until>) -> String {
    end.map(|end| format!(" until {end}")).unwrap_or_default()
}

fn place(at: &Origin) -> String {
    let Origin { file, line } = at;
    format!("{}:{line}", printable(file))
}

/// As in `2 rooms: a, b`; `None`: none.
fn told<T>(rooms: &[T], shown: impl Fn(&T) -> String) -> Option<String> {
    if rooms.is_empty() {
        return None;
    }
    let named: Vec<String> = rooms.iter().take(MOST_ROOMS).map(shown).collect();
    let more = if rooms.len() > MOST_ROOMS { " and more" } else { "" };
    Some(format!(
        "{}: {}{more}",
        counted(rooms.len(), "room"),
        named.join(", ")
    ))
}
