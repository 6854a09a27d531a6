//! The allow list of a room whose files keep members on it (`absent: keep`).

use super::changes::Changes;
use super::{Constraints, Note};
use crate::desired::DesiredRoom;
use crate::live::AllowList;
use crate::model::{MemberSet, Mode, ReasonCode, UserId};

/// People of a room, as far as its allow list is about them.
pub(super) struct Listing<'a> {
    pub(super) desired: &'a DesiredRoom,
    pub(super) allow_list: &'a AllowList,
    /// Members whom the files want, without the owner; `None`: they are not managed.
    pub(super) wanted_members: Option<&'a MemberSet>,
    /// Admins whom the files want, without the owner; `None`: they are not managed.
    pub(super) wanted_admins: Option<&'a MemberSet>,
    /// Everyone whom the files want.
    pub(super) wanted: &'a MemberSet,
    pub(super) owner: Option<&'a str>,
    /// Members whom the look saw.
    pub(super) members: &'a MemberSet,
    /// Admins whom the look saw; `None`: they were not read.
    pub(super) admins: Option<&'a MemberSet>,
}

impl Listing<'_> {
    /// Members whom the files want on the list; `None`: they keep nobody there. Admins are on it by themselves.
    fn kept(&self) -> Option<MemberSet> {
        let members = self.wanted_members.filter(|_| self.desired.keeps_members())?;
        Some(match self.wanted_admins {
            Some(admins) => members.minus(admins),
            None => members.clone(),
        })
    }

    /// People on the list who may be taken off it: the files want them no more, and they are removed by these changes or have left.
    /// They are touched only if they are removed.
    pub(super) fn unwanted(&self, changes: &Changes, complete: bool) -> MemberSet {
        let names = self.allow_list.names().filter(|_| self.kept().is_some());
        let Some(names) = names.filter(|_| complete && self.desired.mode != Mode::Additive) else {
            return MemberSet::default();
        };
        let is_spared = |user: &UserId| {
            self.owner == Some(user.as_str())
                || self.desired.guards.protects(user)
                || self.desired.ignore.iter().any(|glob| glob.matches(user.as_str()))
        };
        let stay = self.members.minus(&changes.remove);
        names
            .minus(self.wanted)
            .minus(&stay)
            .filter(|user| !is_spared(user))
    }

    /// Puts the members on the list who are in the room or come in by these changes, and takes those off it who are removed by them.
    /// Whoever is an admin is on it until they are demoted.
    pub(super) fn change(&self, changes: &mut Changes, constraints: &Constraints, notes: &mut Vec<Note>) {
        let Some(kept) = self.kept() else { return };
        let names = match self.allow_list {
            AllowList::Names(names) => names,
            AllowList::NotRead => return,
            AllowList::Unreadable(why) => {
                let message = format!(
                    "{why}; nobody is put on the allow list or taken off it, and whoever is absent is added again, as by \
                     `absent: readd`"
                );
                notes.push(Note::new(ReasonCode::AllowListUnusable, message));
                return;
            }
        };
        changes.disallow = changes.remove.and(names);
        let here = kept.and(&self.members.or(&changes.add));
        let mut allow = here.minus(&names.minus(&changes.demote));
        if let Some(admins) = self.admins {
            allow = allow.minus(&admins.minus(&changes.demote));
        }
        match &constraints.allow_list {
            Some(trouble) if !allow.is_empty() => notes.push(trouble.note(allow.len())),
            _ => changes.allow = allow,
        }
    }
}
