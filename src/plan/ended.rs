//! People whose place in the files has ended.

use super::changes::Changes;
use super::{GuardTripped, NotTried, Note, Revocations};
use crate::desired::{DesiredRoom, Ends, RoomEnds};
use crate::model::{Guard, Limit, MemberSet, ReasonCode, Timestamp, Until, UserId, people_named};
use std::collections::BTreeMap;

/// Who was last in a list that comes to nobody only because its places have ended: they stay, and the room is blocked.
#[derive(Debug, Default)]
pub(super) struct Last {
    admins: Option<(Until, MemberSet)>,
    members: Option<(Until, MemberSet)>,
}

impl Last {
    /// The error is a key that comes to nobody for another reason. The lists are without the owner.
    pub(super) fn of(
        desired: &DesiredRoom,
        owner: Option<&str>,
        [admins, members]: [Option<&MemberSet>; 2],
    ) -> Result<Self, &'static str> {
        let (ends, allow_empty) = (desired.ends.as_deref(), desired.allow_empty);
        let last = |key, list: Option<&MemberSet>, may_be_empty, of: fn(&RoomEnds) -> &Ends| {
            if may_be_empty || list.is_none_or(|list| !list.is_empty()) {
                return Ok(None);
            }
            let over = ends.map(|ends| of(ends).over()).unwrap_or_default().iter();
            let mut latest_first = over.rev().map(|(until, users)| {
                let users = users.filter(|user| Some(user.as_str()) != owner);
                (*until, users)
            });
            latest_first
                .find(|(_, users)| !users.is_empty())
                .map(Some)
                .ok_or(key)
        };
        Ok(Self {
            admins: last("admins", admins, allow_empty.admins, |ends| &ends.admins)?,
            members: last("members", members, allow_empty.members, |ends| &ends.members)?,
        })
    }

    /// Takes them out of the changes, and gives them, and the guard that keeps them.
    pub(super) fn keep(
        &self,
        changes: &mut Changes,
        notes: &mut Vec<Note>,
    ) -> (Revocations, Vec<GuardTripped>) {
        let Self { admins, members } = self;
        let kept = |last: &Option<(Until, MemberSet)>, going: &MemberSet| {
            last.as_ref()
                .map(|(_, users)| going.and(users))
                .unwrap_or_default()
        };
        let demote = kept(admins, &changes.demote);
        // Who stays an admin stays in the room.
        let remove = kept(members, &changes.remove).or(&changes.remove.and(&demote));
        let mut blocked = Vec::new();
        for (key, last, kept) in [("members", members, &remove), ("admins", admins, &demote)] {
            let Some((until, _)) = last.as_ref().filter(|_| !kept.is_empty()) else {
                continue;
            };
            blocked.push(GuardTripped {
                guard: Guard::AllowEmpty,
                limit: Limit::Count(0),
                wanted: kept.len() as u64,
                of: kept.len() as u64,
            });
            let message = format!(
                "every place in `{key}` has ended, the last with {until}; {} kept until the list names somebody, or the room's \
                 own `allow_empty: {key}` allows it to come to nobody",
                who_is(kept)
            );
            notes.push(Note::new(ReasonCode::Guard(Guard::AllowEmpty), message));
        }
        let kept = Revocations { remove, demote };
        changes.remove = changes.remove.minus(&kept.remove);
        changes.demote = changes.demote.minus(&kept.demote);
        (kept, blocked)
    }
}

/// Notes whose place has ended of those who go or lose their role.
pub(super) fn note(desired: &DesiredRoom, changes: &Changes, notes: &mut Vec<Note>) {
    let Some(RoomEnds { admins, members }) = desired.ends.as_deref() else {
        return;
    };
    for (ends, going, place) in [
        (admins, &changes.demote, "as an admin"),
        (members, &changes.remove, "here"),
    ] {
        for (until, users) in ends.over() {
            let gone = going.and(users);
            notes.extend(about(&gone, ReasonCode::UntilOver, |users| {
                format!("{users} wanted {place} until {until}")
            }));
        }
    }
}

/// A remark about one person, or about several by name. `message` is given the words for them, with the verb.
pub(super) fn about(users: &MemberSet, code: ReasonCode, message: impl Fn(&str) -> String) -> Option<Note> {
    match users.as_slice() {
        [] => None,
        [one] => Some(Note::new(code, message("was")).about(one)),
        _ => Some(Note::new(code, message(&format!("{} were", people_named(users))))),
    }
}

fn who_is(users: &MemberSet) -> String {
    let verb = if users.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", people_named(users))
}

/// People of a room who are not added although their place has not been ended: at the `likely` time it is over.
#[must_use]
pub fn in_doubt(desired: &DesiredRoom, likely: Timestamp) -> BTreeMap<UserId, NotTried> {
    let Some(RoomEnds { admins, members }) = desired.ends.as_deref() else {
        return BTreeMap::new();
    };
    let [of_admins, of_members] =
        [&desired.admins, &desired.members].map(|list| list.clone().unwrap_or_default());
    let over = |ends: &Ends| {
        let over = ends.to_come().iter().filter(|(until, _)| until.is_over(likely));
        MemberSet::of_all(over.map(|(_, users)| users))
    };
    // Who has another place that has not ended is wanted by it.
    let (admins, members) = (over(admins), over(members));
    let stay = of_admins.minus(&admins).or(&of_members.minus(&members));
    let message = "their place has probably ended, but the service's clock does not confirm this machine's: neither added nor removed";
    let not_tried = NotTried {
        code: ReasonCode::Clock,
        message: message.to_owned(),
    };
    let users = admins.or(&members).minus(&stay);
    users
        .iter()
        .map(|user| (user.clone(), not_tried.clone()))
        .collect()
}
