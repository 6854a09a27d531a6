//! A last look at a room, and what it shows as done.

use crate::chat::CallError;
use crate::live::{AdminList, MemberList, Observed, Owner};
use crate::model::{Op, UserId};

/// Result of a last look at a room; `None`: it was not asked for.
pub(super) struct LastLook {
    pub(super) members: Option<Result<MemberList, CallError>>,
    pub(super) owner: Option<Result<Owner, CallError>>,
    pub(super) admins: Option<Result<AdminList, CallError>>,
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
            Op::Add | Op::Remove => match &self.members {
                Some(Ok(list)) => Ok((list.names.contains(user), &list.inconsistency)),
                Some(Err(error)) => Err(Some(error)),
                None => Err(None),
            },
            Op::Promote | Op::Demote => match &self.admins {
                Some(Ok(list)) => Ok((list.names.contains(user), &list.inconsistency)),
                Some(Err(error)) => Err(Some(error)),
                None => Err(None),
            },
        };
        match is_there {
            Err(Some(error)) => unread(format!("no second look at the room: {error}")),
            Err(None) => unread("no second look at the room".to_owned()),
            Ok((true, _)) if matches!(op, Op::Add | Op::Promote) => Ok(()),
            // That somebody is not there, only a list shows that is all there.
            Ok((false, None)) if op.takes_away() => Ok(()),
            Ok((_, Some(inconsistency))) => {
                unread(format!("no second look at the whole room: {inconsistency}"))
            }
            Ok((_, None)) => Err(NotShown::Missing(
                "a second look at the room does not show it done".to_owned(),
            )),
        }
    }
}

/// True if a look shows this done. That somebody is not there, only a complete one shows.
pub(super) fn shows(observed: &Observed, op: Op, user: &UserId) -> bool {
    let room = observed.room();
    let complete = observed.complete().is_some() && room.owner.as_deref() != Some(user.as_str());
    let admins = room.admins.as_ref();
    match op {
        Op::Add => room.members.contains(user),
        Op::Promote => admins.is_some_and(|admins| admins.contains(user)),
        Op::Remove => complete && !room.members.contains(user),
        Op::Demote => complete && admins.is_some_and(|admins| !admins.contains(user)),
    }
}
