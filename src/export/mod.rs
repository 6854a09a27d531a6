//! PURE: live rooms → the room file that wants them as they are. No async, clock, randomness, file, network or logging.
//!
//! Only a complete look becomes an entry, and planning the file straight after is empty.

mod common;
mod entry;
mod yaml;

use crate::live::{LiveRoom, Observed};
use crate::model::{MAX_ADMINS, MemberSet, Mode, RoomId, UserId};
use common::Groups;
use entry::Entry;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use yaml::told;

/// Form of the written rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The mode of every entry.
    pub mode: Mode,
    /// True if people who are the same in several rooms become groups.
    pub group_by_common: bool,
    /// True if the settings keep the members of rooms on their allow lists, unless an entry says otherwise.
    pub are_kept: bool,
}

/// People who were seen in rooms before, by room.
pub type SeenBefore = BTreeMap<RoomId, Vec<Earlier>>;

/// Somebody who was seen in a room before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The person.
    pub user: UserId,
    /// Day on which they were seen last.
    pub day: String,
    /// True if only an event said so.
    pub by_event: bool,
}

/// A room file, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct RoomFile {
    /// The file; `None`: no room could be written down.
    pub text: Option<String>,
    /// By id.
    pub left_out: Vec<LeftOut>,
}

/// A room that is not exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The room.
    pub room: RoomId,
    /// Reason, in words.
    pub why: String,
}

/// Writes down what a look at each room saw, or leaves the room out. `app` is whose rooms they are. Those of `seen_before` who are not
/// there become comments.
pub fn room_file(
    app: &str,
    mut looks: Vec<(RoomId, Result<Observed, String>)>,
    seen_before: &SeenBefore,
    options: Options,
) -> RoomFile {
    looks.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut rooms = Vec::new();
    let mut left_out = Vec::new();
    for (room, look) in looks {
        match look.and_then(|observed| fit(observed, options.mode)) {
            Ok(live) => rooms.push(live),
            Err(why) => left_out.push(LeftOut { room, why }),
        }
    }
    let entries: Vec<Entry<'_>> = rooms
        .iter()
        .map(|(live, admins)| {
            let earlier = seen_before.get(&live.id).map(Vec::as_slice);
            Entry::new(live, admins, earlier.unwrap_or_default(), options)
        })
        .collect();
    let text = (!entries.is_empty()).then(|| {
        let groups = if options.group_by_common {
            Groups::common(&entries)
        } else {
            Groups::default()
        };
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = write_head(&mut out, app, &left_out, options)
            .and_then(|()| groups.write(&mut out))
            .and_then(|()| out.write_str("rooms:\n"))
            .and_then(|()| {
                (0..)
                    .zip(&entries)
                    .try_for_each(|(at, entry)| entry.write(&mut out, at, &groups))
            });
        out
    });
    RoomFile { text, left_out }
}

/// The room and its admins, if it was seen whole and a file can want it as it is.
fn fit(observed: Observed, mode: Mode) -> Result<(LiveRoom, MemberSet), String> {
    let mut live = match observed {
        Observed::Complete(live) => live,
        Observed::Partial(_, inconsistency) => {
            return Err(format!(
                "it could not be read completely: {inconsistency}; try again"
            ));
        }
    };
    let Some(admins) = live.admins.take() else {
        return Err("its admins were not read; try again".to_owned());
    };
    if admins.len() > MAX_ADMINS {
        return Err(format!(
            "it has {} admins, and a room file takes at most {MAX_ADMINS}; demote some by hand",
            admins.len()
        ));
    }
    let outside = admins.minus(&live.members);
    if mode != Mode::Additive && !outside.is_empty() {
        return Err(format!(
            "admins who are not in the room ({outside}) can stand in no file that a plan finds nothing to change of; \
             demote them, let them in, or take `--mode additive`, which leaves them out"
        ));
    }
    Ok((live, admins))
}

/// The first line of every export of this app, by which its files are known.
#[must_use]
pub fn first_line(app: &str) -> String {
    format!("# Rooms of {app}, as `roomsync export` found them.")
}

fn write_head(out: &mut String, app: &str, left_out: &[LeftOut], options: Options) -> std::fmt::Result {
    writeln!(out, "{}", first_line(app))?;
    out.write_str(match options.mode {
        Mode::Authoritative => {
            "# `mode: authoritative` removes whoever is not listed. Who was offline may not have been in the room, and is not\n\
             # listed then: complete the lists before the first apply.\n"
        }
        Mode::Additive | Mode::Observe => {
            "# `mode: additive` adds and promotes people, and removes and demotes nobody: who was offline may not have been in\n\
             # the room, and is not listed then. Once the lists are complete, take the `mode` lines out: without them whoever\n\
             # is not listed is removed.\n"
        }
    })?;
    if options.are_kept {
        out.write_str(
            "# The settings keep members on the allow list (`absent: keep`), and nobody was asked who is on it: take the\n\
             # `absent` lines out to have members put on it.\n",
        )?;
    }
    for LeftOut { room, why } in left_out {
        writeln!(out, "# Room {room} is missing: {}", told(why))?;
    }
    writeln!(out)
}
