//! A last look at a room, and what it shows as done.

use crate::chat::CallError;
use crate::live::{AdminList, AllowList, Inconsistency, MemberList, Observed, Owner};
use crate::model::{Op, UserId};

/// Result of a last look at a room; `None`: it was not asked for.
pub(super) struct LastLook {
    pub(super) members: Option<Result<MemberList, CallError>>,
    pub(super) owner: Option<Result<Owner, CallError>>,
    pub(super) admins: Option<Result<AdminList, CallError>>,
    pub(super) allow_list: Option<Result<AllowList, CallError>>,
}

/// Reason why a look does not show something as done.
pub(super) enum NotShown {
    /// It did not see enough of the room.
    Unread(String),
    /// It saw that it is not so.
    Missing(String),
}

impl LastLook {
    /// Errors of its reads.
    pub(super) fn errors(&self) -> impl Iterator<Item = &CallError> {
        let errors = [
            self.members.as_ref().and_then(|list| list.as_ref().err()),
            self.owner.as_ref().and_then(|owner| owner.as_ref().err()),
            self.admins.as_ref().and_then(|list| list.as_ref().err()),
            self.allow_list.as_ref().and_then(|list| list.as_ref().err()),
        ];
        errors.into_iter().flatten()
    }

    /// Owner of the room, if this shows one.
    pub(super) fn owner(&self) -> Option<&str> {
        let of_list = self.members.as_ref().and_then(|list| list.as_ref().ok());
        let of_detail = self.owner.as_ref().and_then(|owner| owner.as_ref().ok());
        of_list
            .and_then(|list| list.owner.as_deref())
            .or_else(|| of_detail?.name.as_deref())
    }

    /// Checks that this is shown as done. The error says why it is not.
    pub(super) fn shows(&self, op: Op, user: &UserId) -> Result<(), NotShown> {
        // No list of members or admins shows the owner: that is not what it looks like.
        if op.takes_away() && self.owner() == Some(user.as_str()) {
            return Err(NotShown::Missing("they own the room".to_owned()));
        }
        let unread = |why: String| Err(NotShown::Unread(why));
        let is_there = match op {
            Op::Add | Op::Remove => seen_in(&self.members, |list| {
                (list.names.contains(user), contradiction(&list.inconsistency))
            }),
            Op::Promote | Op::Demote => seen_in(&self.admins, |list| {
                (list.names.contains(user), contradiction(&list.inconsistency))
            }),
            Op::Allow | Op::Disallow => seen_in(&self.allow_list, |list| match list {
                AllowList::Names(names) => (names.contains(user), None),
                AllowList::NotRead => (false, Some("it was not read".to_owned())),
                AllowList::Unreadable(why) => (false, Some(why.clone())),
            }),
        };
        match is_there {
            Err(Some(error)) => unread(format!("no second look at the room: {error}")),
            Err(None) => unread("no second look at the room".to_owned()),
            Ok((true, _)) if matches!(op, Op::Add | Op::Promote | Op::Allow) => Ok(()),
            // That somebody is not there, only a list shows that is all there.
            Ok((false, None)) if matches!(op, Op::Demote | Op::Remove | Op::Disallow) => Ok(()),
            Ok((_, Some(why))) => unread(format!("no second look at the whole room: {why}")),
            Ok((_, None)) => Err(NotShown::Missing(
                "a second look at the room does not show it done".to_owned(),
            )),
        }
    }
}

/// Result of a list for somebody: whether they are on it, and why the list may not be all of it. The error is why there is none.
fn seen_in<T>(
    list: &Option<Result<T, CallError>>,
    look: impl Fn(&T) -> (bool, Option<String>),
) -> Result<(bool, Option<String>), Option<&CallError>> {
    match list {
        Some(Ok(list)) => Ok(look(list)),
        Some(Err(error)) => Err(Some(error)),
        None => Err(None),
    }
}

fn contradiction(inconsistency: &Option<Inconsistency>) -> Option<String> {
    inconsistency.as_ref().map(ToString::to_string)
}

/// True if a look shows this done. That somebody is not there, only a complete one shows.
pub(super) fn shows(observed: &Observed, op: Op, user: &UserId) -> bool {
    let room = observed.room();
    let complete = observed.complete().is_some() && room.owner.as_deref() != Some(user.as_str());
    let admins = room.admins.as_ref();
    let allowed = room.allow_list.names();
    match op {
        Op::Add => room.members.contains(user),
        Op::Promote => admins.is_some_and(|admins| admins.contains(user)),
        Op::Remove => complete && !room.members.contains(user),
        Op::Demote => complete && admins.is_some_and(|admins| !admins.contains(user)),
        Op::Allow => allowed.is_some_and(|names| names.contains(user)),
        Op::Disallow => allowed.is_some_and(|names| !names.contains(user)),
    }
}
