//! PURE: why somebody is or is not to be in a room, in plain sentences. No async, clock, randomness, file, network or
//! logging.

mod files;
mod look;
mod person;

pub use files::files;
pub use look::{Role, look, no_room, unknown};
pub use person::{At, PersonInRoom, Wanted, person};

use crate::desired::DesiredRoom;
use crate::model::{Absent, UserId, room_label};

/// A person and a room.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The person.
    pub user: &'a UserId,
    /// The room as the files want it.
    pub room: &'a DesiredRoom,
}

impl Subject<'_> {
    fn is_wanted_admin(&self) -> bool {
        self.room.admins.iter().flatten().any(|user| user == self.user)
    }

    fn is_wanted(&self) -> bool {
        let listed = self.room.members.iter().flatten().any(|user| user == self.user);
        listed || self.is_wanted_admin()
    }

    /// The room's `absent`, as far as it is about them: it is about members who are not wanted as admins.
    fn absent(&self) -> Absent {
        if self.is_wanted() && !self.is_wanted_admin() {
            self.room.absent
        } else {
            Absent::Readd
        }
    }

    fn is_ignored(&self) -> bool {
        let mut globs = self.room.ignore.iter();
        globs.any(|glob| glob.matches(self.user.as_str()))
    }
}

/// As in `lobby (66213271109633)`.
fn shown(room: &DesiredRoom) -> String {
    room_label(room.name.as_deref(), &room.id)
}

/// As in `a, b and c`.
fn joined(words: &[impl AsRef<str>]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}
