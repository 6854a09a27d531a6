use super::Names;
use crate::chat::wire::MemberRow;

/// A room: who owns it, who is in it, who of them are admins.
///
/// Its methods keep the roles consistent (an admin is in the room, the owner is not an admin) and know no limits and
/// no rules about names, so that a test can put a room into any state the real service may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    owner: String,
    admins: Names,
    members: Names,
    /// How many people it holds, the owner counted.
    pub maxusers: u64,
}

impl Room {
    /// What a room holds unless something else is said.
    pub const DEFAULT_MAXUSERS: u64 = 10_000;

    /// Makes a room with nobody in it but its owner.
    #[must_use]
    pub fn new(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            admins: Names::default(),
            members: Names::from_iter([owner]),
            maxusers: Self::DEFAULT_MAXUSERS,
        }
    }

    /// Who owns the room, in it or not.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Who is an admin, the owner not counted, in the order of promotion.
    #[must_use]
    pub fn admins(&self) -> &Names {
        &self.admins
    }

    /// Who is in the room, in joining order: admins too, and the owner unless they left.
    #[must_use]
    pub fn members(&self) -> &Names {
        &self.members
    }

    /// Whether this is the owner, in whatever spelling.
    #[must_use]
    pub fn is_owner(&self, user: &str) -> bool {
        self.owner.eq_ignore_ascii_case(user)
    }

    /// Hands the room over: the new owner comes in if they are not there, the old one stays as a regular member.
    pub fn set_owner(&mut self, user: &str) {
        self.join(user);
        self.demote(user);
        self.owner = user.to_owned();
    }

    /// Lets somebody in; `false` if they are there already.
    pub fn join(&mut self, user: &str) -> bool {
        self.members.insert(user)
    }

    /// Lets somebody go, and their admin role with them; `false` if they are not there. An owner who leaves stays owner.
    pub fn leave(&mut self, user: &str) -> bool {
        self.admins.remove(user);
        self.members.remove(user)
    }

    /// Makes a regular member an admin; `false` if this is none.
    pub fn promote(&mut self, user: &str) -> bool {
        self.members.contains(user) && !self.is_owner(user) && self.admins.insert(user)
    }

    /// Makes an admin a regular member; `false` if this is none.
    pub fn demote(&mut self, user: &str) -> bool {
        self.admins.remove(user)
    }

    /// The room as a member list shows it: admins as plain members, the owner wherever they stand.
    pub(super) fn rows(&self) -> impl Iterator<Item = MemberRow> {
        self.members.iter().map(|name| {
            if self.is_owner(name) {
                MemberRow::Owner(name.to_owned())
            } else {
                MemberRow::Member(name.to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &Names) -> Vec<&str> {
        names.iter().collect()
    }

    #[test]
    fn roles_stay_consistent() {
        let mut room = Room::new("alice");
        assert!(!room.promote("bob"), "not in the room");
        assert!(room.join("bob") && room.promote("BOB") && !room.promote("bob"));
        assert!(!room.promote("Alice"), "the owner is no admin");
        assert!(room.leave("bob") && !room.demote("bob"), "gone, and the role too");
        assert!(room.admins().is_empty());
    }

    #[test]
    fn the_owner_can_leave_come_back_and_change() {
        let mut room = Room::new("alice");
        room.join("bob");
        room.promote("bob");
        assert!(room.leave("alice"));
        assert_eq!((room.owner(), names(room.members())), ("alice", vec!["bob"]));
        room.join("alice");
        let rows: Vec<_> = room.rows().collect();
        assert_eq!(
            rows,
            [MemberRow::Member("bob".into()), MemberRow::Owner("alice".into())]
        );

        room.set_owner("bob");
        assert_eq!(
            (room.owner(), room.admins().len(), names(room.members())),
            ("bob", 0, vec!["bob", "alice"])
        );
    }
}
