use super::{Names, Profile};
use crate::chat::wire::MemberRow;

/// Role of somebody in a room, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Outside,
    Member,
    Admin,
    Owner,
}

/// A room: who owns it, who is in it, who of them are admins.
///
/// Its methods keep the roles consistent (nobody becomes an admin from outside, the owner is not an admin) and know no limits and
/// no rules about names, so that a test can put a room into any state the real service may be in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    owner: String,
    admins: Names,
    members: Names,
    allowed: Names,
    blocked: Names,
    /// Its name for people.
    pub name: Option<String>,
    /// Text about it.
    pub description: String,
    /// Text that its app keeps with it.
    pub custom: String,
    /// Its creation, in milliseconds since 1970.
    pub created_ms: u64,
    /// Number of people it holds, the owner counted.
    pub maxusers: u64,
}

impl Room {
    /// Places of a room unless something else is said.
    pub const DEFAULT_MAXUSERS: u64 = 10_000;
    /// Creation of a room unless something else is said: in May 2019, as in a recorded answer.
    pub const DEFAULT_CREATED_MS: u64 = 1_558_759_355_082;

    /// Makes a room with nobody in it but its owner.
    #[must_use]
    pub fn new(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            admins: Names::default(),
            members: Names::from_iter([owner]),
            allowed: Names::default(),
            blocked: Names::default(),
            name: None,
            description: String::new(),
            custom: String::new(),
            created_ms: Self::DEFAULT_CREATED_MS,
            maxusers: Self::DEFAULT_MAXUSERS,
        }
    }

    /// Owner of the room, in it or not.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Admins, the owner not counted, in the order of promotion.
    #[must_use]
    pub fn admins(&self) -> &Names {
        &self.admins
    }

    /// People in the room, in joining order: admins too, and the owner unless they left.
    #[must_use]
    pub fn members(&self) -> &Names {
        &self.members
    }

    /// True if this is the owner, in whatever spelling.
    #[must_use]
    pub fn is_owner(&self, user: &str) -> bool {
        self.owner.eq_ignore_ascii_case(user)
    }

    /// Role of this user here. An owner who left is still the owner.
    pub(super) fn rank(&self, user: &str) -> Rank {
        if self.is_owner(user) {
            Rank::Owner
        } else if !self.members.contains(user) {
            Rank::Outside
        } else if self.admins.contains(user) {
            Rank::Admin
        } else {
            Rank::Member
        }
    }

    /// People of the room who stay when they go offline: owner and admins by themselves, and whoever was put on the list.
    #[must_use]
    pub fn allow_list(&self) -> Names {
        let own = [self.owner()].into_iter().chain(self.admins.iter());
        own.chain(self.allowed.iter())
            .filter(|user| self.members.contains(user))
            .collect()
    }

    /// Puts a member on the allow list; `false` if this is none.
    pub fn allow(&mut self, user: &str) -> bool {
        let member = self.members.contains(user);
        if member {
            self.allowed.insert(user);
        }
        member
    }

    /// Takes somebody off the allow list; `false` if they were not put there.
    pub fn disallow(&mut self, user: &str) -> bool {
        self.allowed.remove(user)
    }

    /// People who were put on the allow list; owner and admins are on it by themselves.
    pub(super) fn allowed(&self) -> &Names {
        &self.allowed
    }

    /// People who were put out and cannot come in, in the order in which that happened.
    #[must_use]
    pub fn block_list(&self) -> &Names {
        &self.blocked
    }

    /// Puts somebody out, in the room or not, and keeps them out; `false` for the owner and for who is kept out already.
    pub fn block(&mut self, user: &str) -> bool {
        if self.is_owner(user) || !self.blocked.insert(user) {
            return false;
        }
        self.leave(user);
        true
    }

    /// Lets somebody come in again who was kept out; `false` if they were not.
    pub fn unblock(&mut self, user: &str) -> bool {
        self.blocked.remove(user)
    }

    /// Hands the room over: the new owner comes in if they are not there, the old one stays as a regular member.
    pub fn set_owner(&mut self, user: &str) {
        self.unblock(user);
        self.join(user);
        self.demote(user);
        self.owner = user.to_owned();
    }

    /// Lets somebody in; `false` if they are there already, or blocked.
    pub fn join(&mut self, user: &str) -> bool {
        !self.blocked.contains(user) && self.members.insert(user)
    }

    /// True if so many more people fit in.
    pub(super) fn has_place_for(&self, newcomers: usize) -> bool {
        let people = u64::try_from(self.members.len().saturating_add(newcomers));
        people.is_ok_and(|people| people <= self.maxusers)
    }

    /// Lets somebody go, and their admin role with them; `false` if they are not there. An owner who leaves stays owner.
    pub fn leave(&mut self, user: &str) -> bool {
        self.admins.remove(user);
        self.leave_with_role(user)
    }

    /// Lets somebody go who stays an admin until they are demoted; `false` if they are not there.
    pub fn leave_with_role(&mut self, user: &str) -> bool {
        self.allowed.remove(user);
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
    pub(super) fn rows(&self, profile: Profile) -> impl Iterator<Item = MemberRow> {
        self.members.iter().map(move |name| {
            if self.is_owner(name) {
                MemberRow::Owner(profile.spell(name).into())
            } else {
                MemberRow::Member(profile.spell(name).into())
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
    fn who_is_blocked_is_out_until_unblocked_or_made_owner() {
        let mut room = Room::new("alice");
        room.join("bob");
        room.promote("bob");
        room.allow("bob");
        assert!(!room.block("ALICE"), "the owner");
        assert!(room.block("Bob") && !room.block("bob"));
        assert!(!room.join("BOB"), "blocked");
        assert!(room.admins().is_empty() && room.allowed().is_empty());
        assert!(room.unblock("BOB") && !room.unblock("bob") && room.join("bob"));

        assert!(room.block("carol"), "not in the room");
        room.set_owner("carol");
        assert!(room.block_list().is_empty() && room.members().contains("carol"));
    }

    #[test]
    fn the_owner_can_leave_come_back_and_change() {
        let mut room = Room::new("alice");
        room.join("bob");
        room.promote("bob");
        assert!(room.leave("alice"));
        assert_eq!((room.owner(), names(room.members())), ("alice", vec!["bob"]));
        room.join("alice");
        let rows: Vec<_> = room.rows(Profile::default()).collect();
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
