//! People who were invited into the rooms that leave whoever is absent alone (`absent: ignore`): each is invited once.
//!
//! Fleets have millions of memberships, so of each person only a digest of 8 bytes is kept. That two people of a room have the
//! same one is out of reach, and would cost one of them an invitation.

use crate::desired::DesiredRoom;
use crate::model::{Absent, MemberSet, RoomId, UserId};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Digest of a name.
type NameDigest = u64;

/// A change that must outlive the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvitationChange {
    /// These were invited, too.
    Invited(RoomId, Vec<NameDigest>),
    /// Only these have been invited; nobody: the room is forgotten.
    Only(RoomId, Vec<NameDigest>),
}

/// People who were invited, by room. Whoever was seen in a room counts as invited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Invitations {
    /// Each list is sorted.
    rooms: BTreeMap<RoomId, Vec<NameDigest>>,
    /// Changes that were not handed out yet, in order.
    changes: Vec<InvitationChange>,
}

fn digest(user: &UserId) -> NameDigest {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(user.as_str()).into();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn digests<'a>(users: impl IntoIterator<Item = &'a UserId>) -> Vec<NameDigest> {
    let mut digests: Vec<NameDigest> = users.into_iter().map(digest).collect();
    digests.sort_unstable();
    digests
}

impl Invitations {
    /// Takes in a change that was kept.
    pub(crate) fn replay(&mut self, change: InvitationChange) {
        match change {
            InvitationChange::Invited(_, more) if more.is_empty() => {}
            InvitationChange::Invited(room, more) => {
                let known = self.rooms.entry(room).or_default();
                known.extend(more);
                known.sort_unstable();
                known.dedup();
            }
            InvitationChange::Only(room, kept) if kept.is_empty() => {
                self.rooms.remove(&room);
            }
            InvitationChange::Only(room, mut kept) => {
                kept.sort_unstable();
                self.rooms.insert(room, kept);
            }
        }
    }

    /// True if anybody was invited into this room.
    pub(crate) fn knows(&self, room: &RoomId) -> bool {
        self.rooms.contains_key(room)
    }

    /// The rooms, each with the number of people who were invited there.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&RoomId, usize)> {
        self.rooms.iter().map(|(room, known)| (room, known.len()))
    }

    /// Everything that is known, as changes of nothing.
    pub(crate) fn all(&self) -> impl Iterator<Item = InvitationChange> {
        let rooms = self.rooms.iter();
        rooms.map(|(room, known)| InvitationChange::Only(room.clone(), known.clone()))
    }

    /// Changes since the last call.
    pub(crate) fn take_changes(&mut self) -> Vec<InvitationChange> {
        std::mem::take(&mut self.changes)
    }

    /// Takes in an entry of the files. Whoever is no longer wanted is invited anew once they are wanted again.
    pub(crate) fn take(&mut self, desired: &DesiredRoom) {
        let Some(known) = self.rooms.get(&desired.id) else {
            return;
        };
        let kept = match wanted(desired) {
            Some(wanted) => {
                let wanted = digests(&wanted);
                let mut kept = known.clone();
                kept.retain(|digest| wanted.binary_search(digest).is_ok());
                kept
            }
            None => Vec::new(),
        };
        if kept.len() < known.len() {
            self.change(InvitationChange::Only(desired.id.clone(), kept));
        }
    }

    /// Forgets the rooms that have left the files.
    pub(crate) fn forget_others(&mut self, is_managed: impl Fn(&RoomId) -> bool) {
        let gone: Vec<RoomId> = self.rooms.keys().filter(|id| !is_managed(id)).cloned().collect();
        for room in gone {
            self.change(InvitationChange::Only(room, Vec::new()));
        }
    }

    /// Takes in who is in a room, and gives the wanted members who are not and were never invited.
    pub(crate) fn see(&mut self, desired: &DesiredRoom, is_here: impl Fn(&UserId) -> bool) -> MemberSet {
        let Some(wanted) = wanted(desired) else {
            return MemberSet::default();
        };
        let known = self.rooms.get(&desired.id).map_or(&[][..], Vec::as_slice);
        // Nobody else is in the list.
        if known.len() == wanted.len() {
            return MemberSet::default();
        }
        let is_new = |user: &UserId| known.binary_search(&digest(user)).is_err();
        let fresh = wanted.filter(is_new);
        let here = fresh.filter(is_here);
        if !here.is_empty() {
            self.change(InvitationChange::Invited(desired.id.clone(), digests(&here)));
        }
        fresh.minus(&here)
    }

    /// Records that these were added. Admins and people who are no longer wanted do not count: no list holds more than is wanted.
    pub(crate) fn added<'u>(&mut self, desired: &DesiredRoom, users: impl IntoIterator<Item = &'u UserId>) {
        let Some(wanted) = wanted(desired) else { return };
        let added = digests(users.into_iter().filter(|user| wanted.contains(user)));
        if !added.is_empty() {
            self.change(InvitationChange::Invited(desired.id.clone(), added));
        }
    }

    /// Records that a look does not show these, who were said to be added: they are to be invited again.
    pub(crate) fn not_seen(&mut self, room: &RoomId, users: &MemberSet) {
        let Some(known) = self.rooms.get(room) else { return };
        let users = digests(users);
        let mut kept = known.clone();
        kept.retain(|digest| users.binary_search(digest).is_err());
        if kept.len() < known.len() {
            self.change(InvitationChange::Only(room.clone(), kept));
        }
    }

    fn change(&mut self, change: InvitationChange) {
        self.changes.push(change.clone());
        self.replay(change);
    }
}

/// Wanted members of a room that leaves whoever is absent alone.
fn wanted(desired: &DesiredRoom) -> Option<MemberSet> {
    let members = desired
        .members
        .as_ref()
        .filter(|_| desired.absent == Absent::Ignore)?;
    Some(match &desired.admins {
        Some(admins) => members.minus(admins),
        None => members.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(names: &str) -> MemberSet {
        names
            .split(' ')
            .map(|name| UserId::parse(name).unwrap())
            .collect()
    }

    fn desired(admins: &str, members: &str) -> DesiredRoom {
        DesiredRoom {
            admins: Some(users(admins)),
            members: Some(users(members)),
            absent: Absent::Ignore,
            ..DesiredRoom::unmanaged("7")
        }
    }

    fn here(names: &str) -> impl Fn(&UserId) -> bool {
        let users = users(names);
        move |user| users.contains(user)
    }

    #[test]
    fn an_admin_takes_nobodys_invitation() {
        let mut all = Invitations::default();
        let desired = desired("mia omar", "ann bob carol");
        assert_eq!(all.see(&desired, here("ann")), users("bob carol"));
        all.added(&desired, &users("mia omar zed"));
        assert_eq!(all.see(&desired, here("ann mia omar")), users("bob carol"));
        all.added(&desired, &users("bob carol"));
        assert_eq!(all.see(&desired, here("zed")), MemberSet::default());
    }

    #[test]
    fn whom_no_look_shows_was_not_invited() {
        let mut all = Invitations::default();
        let desired = desired("mia", "ann bob carol");
        all.added(&desired, &users("ann bob carol"));
        all.not_seen(&desired.id, &users("bob zed"));
        assert_eq!(all.see(&desired, here("zed")), users("bob"));
    }

    #[test]
    fn who_left_the_files_or_became_an_admin_is_invited_again() {
        let mut all = Invitations::default();
        let before = desired("mia", "ann bob carol");
        all.added(&before, &users("ann bob carol"));
        all.take(&desired("mia ann", "bob"));
        assert_eq!(all.see(&before, here("zed")), users("ann carol"));
        let changes = all.take_changes();
        let mut replayed = Invitations::default();
        changes.into_iter().for_each(|change| replayed.replay(change));
        assert_eq!(replayed, all);
        all.forget_others(|_| false);
        assert_eq!(all.see(&before, here("zed")), users("ann bob carol"));
    }
}
