//! People in a room, as the rows of a list show them.

use super::Inconsistency;
use crate::chat::wire::MemberRow;
use crate::model::{MemberSet, UserId};
use std::collections::BTreeSet;

/// The people that rows have shown so far, each once.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) owner: Option<String>,
    /// Page of the list on which the owner stood, from 1.
    pub(super) owner_page: Option<u32>,
    /// Somebody else whom a row names as the owner too.
    second_owner: Option<String>,
    /// Sorted.
    members: Vec<UserId>,
    /// Names that break our rules.
    foreign: BTreeSet<String>,
}

impl People {
    /// People that the rows showed. An owner who stands among the members, too, counts twice.
    pub(super) fn listed(&self) -> u64 {
        (self.members.len() + self.foreign.len() + usize::from(self.owner.is_some())) as u64
    }

    /// Takes rows in, each person once.
    pub(super) fn take(&mut self, rows: Vec<MemberRow>) {
        self.members.reserve(rows.len());
        for row in rows {
            match row {
                MemberRow::Owner(name) => {
                    let name = name.as_str().to_lowercase();
                    match &self.owner {
                        Some(first) if *first != name => self.second_owner = Some(name),
                        _ => self.owner = Some(name),
                    }
                }
                MemberRow::Member(name) => match UserId::parse(&name) {
                    Ok(user) => self.members.push(user),
                    Err(_) => {
                        self.foreign.insert(name.as_str().to_lowercase());
                    }
                },
            }
        }
        // Stable: a sort that finds the sorted part, so that page after page costs little.
        self.members.sort();
        self.members.dedup();
    }

    /// True if these are all of so many people, as so many rows show them: nobody is missing, nobody stands there twice, and
    /// somebody owns the room. Rows that show nobody at all show nothing.
    pub(super) fn is_everyone(&self, rows: usize, count: u64, owner: Option<&str>) -> bool {
        let is_twice = |owner: &String| {
            let is_member = UserId::parse(owner).is_ok_and(|user| self.members.binary_search(&user).is_ok());
            is_member || self.foreign.contains(owner)
        };
        rows > 0
            && rows as u64 == count
            && self.listed() == count
            && !self.owner.as_ref().is_some_and(is_twice)
            && self.about_owner(owner).is_none()
    }

    /// Contradiction about the owner between the rows and room detail, in lower case.
    pub(super) fn about_owner(&self, detail: Option<&str>) -> Option<Inconsistency> {
        match (&self.owner, self.second_owner.as_deref().or(detail)) {
            (None, None) => Some(Inconsistency::NoOwner),
            (Some(listed), Some(other)) if listed != other => {
                Some(Inconsistency::TwoOwners(listed.clone(), other.to_owned()))
            }
            _ => None,
        }
    }

    /// True if this member is there.
    pub(super) fn has(&self, user: &UserId) -> bool {
        self.members.binary_search(user).is_ok()
    }

    /// True if anybody but the owner is not among these.
    pub(super) fn any_beyond(&self, is_among: impl Fn(&UserId) -> bool) -> bool {
        !self.members.iter().all(is_among)
    }

    /// The members and those among them whose names break our rules, both without this owner.
    pub(super) fn without(self, owner: Option<&str>) -> (MemberSet, BTreeSet<String>) {
        let Self {
            mut members,
            mut foreign,
            ..
        } = self;
        members.retain(|user| Some(user.as_str()) != owner);
        foreign.retain(|name| Some(name.as_str()) != owner);
        (members.into_iter().collect(), foreign)
    }
}
