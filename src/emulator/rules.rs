//! Effects of the calls on the state. No HTTP, no clock.

use super::answer::DetailRow;
use super::profile::{Profile, Side};
use super::refusal::Refusal;
use super::{Names, Room, State};
use crate::chat::wire::{
    AddedMany, Demoted, MAX_ADD_BATCH, MAX_DETAIL_ROOMS, MAX_REMOVE_BATCH, MemberResult, Outcome, Promoted,
    RoomDetail,
};
use crate::model::MAX_ADMINS;

/// Most names in one `add_many` of newer servers. [P]
const NEWER_ADD_BATCH: usize = 100;
/// Most names in one `remove_many` of newer servers. [P]
const NEWER_REMOVE_BATCH: usize = 60;

/// "If the specified user does not exist in the app or is already a member of the chat room, the request fails"
/// (seed, "Adding a chat room member").
pub(super) fn add_one(
    state: &mut State,
    profile: Profile,
    id: &str,
    user: &str,
) -> Result<MemberResult, Refusal> {
    let known = state.knows(user);
    let room = state.room_mut(id)?;
    if !known {
        return Err(Refusal::NoSuchUser {
            user: user.to_owned(),
            side: profile.add_one_stranger,
        });
    }
    refuse_blocked(room, id, [user])?;
    let there = room.members().contains(user);
    // The owner is added as often as one likes, as recorded.
    if there && !room.is_owner(user) && profile.add_one_member == Side::Seed {
        return Err(Refusal::AlreadyMember {
            user: user.to_owned(),
            room: id.to_owned(),
        });
    }
    make_place(room, usize::from(!there))?;
    room.join(user);
    Ok(member_result("add_member", id, user, None))
}

/// One unknown or blocked user, or too little place, and nobody is added. Those who are there already are left out of the
/// answer, or listed in it.
pub(super) fn add_many(
    state: &mut State,
    profile: Profile,
    id: &str,
    users: &[String],
) -> Result<AddedMany, Refusal> {
    let stranger = users.iter().find(|user| !state.knows(user));
    let room = state.room_mut(id)?;
    let most = profile.add_batch.pick(MAX_ADD_BATCH, NEWER_ADD_BATCH);
    if users.len() > most {
        return Err(Refusal::TooManyToAdd(most, profile.batch_words));
    }
    if let Some(stranger) = stranger {
        return Err(Refusal::NoSuchUser {
            user: stranger.clone(),
            side: profile.add_many_stranger,
        });
    }
    refuse_blocked(room, id, users.iter().map(String::as_str))?;
    let newcomers: Names = users
        .iter()
        .filter(|user| !room.members().contains(user))
        .collect();
    make_place(room, newcomers.len())?;
    for user in newcomers.iter() {
        room.join(user);
    }
    let listed = match profile.add_many_member {
        Side::Seed => newcomers,
        Side::Newer => users.iter().collect(),
    };
    Ok(AddedMany {
        newmembers: listed.iter().map(str::to_owned).collect(),
        action: "add_member".to_owned(),
        id: id.to_owned(),
    })
}

/// Removes anybody, the owner too: the service does not protect them. [P]
pub(super) fn remove_one(
    state: &mut State,
    profile: Profile,
    id: &str,
    user: &str,
) -> Result<MemberResult, Refusal> {
    if profile.unknown_user == Side::Seed {
        refuse_unknown(state, id, user)?;
    }
    if leave(state.room_mut(id)?, profile, user) {
        Ok(member_result("remove_member", id, user, None))
    } else {
        Err(Refusal::NotMember {
            users: user.to_owned(),
            side: profile.remove_one_absent,
        })
    }
}

/// A row for each name; one who is not there is a row `result: false`, and the others are removed all the same
/// (seed, "Removing multiple chat room members").
pub(super) fn remove_many(
    state: &mut State,
    profile: Profile,
    id: &str,
    users: &str,
) -> Result<Vec<MemberResult>, Refusal> {
    let most = profile.remove_batch.pick(MAX_REMOVE_BATCH, NEWER_REMOVE_BATCH);
    state.room(id)?;
    if users.split(',').count() > most {
        return Err(Refusal::TooManyToRemove(most, profile.batch_words));
    }
    if profile.unknown_among_many == Side::Newer {
        refuse_unknown(state, id, users)?;
    }
    let room = state.room_mut(id)?;
    let nobody = !users.split(',').any(|user| room.members().contains(user));
    if nobody && profile.remove_many_absent == Side::Newer {
        return Err(Refusal::NotMember {
            users: users.replace(',', ", "),
            side: Side::Newer,
        });
    }
    let remove = |user: &str| {
        let reason =
            (!leave(room, profile, user)).then(|| format!("user: {user} doesn't exist in group: {id}"));
        member_result("remove_member", id, user, reason)
    };
    Ok(users.split(',').map(remove).collect())
}

/// "Adds a regular chat room member as the chat room admin" (seed, "Adding a chat room admin"): not somebody from
/// outside, and not an admin. Promoting the owner is answered as a success, as recorded; that it changes nothing is an
/// assumption. [?]
pub(super) fn promote(
    state: &mut State,
    profile: Profile,
    id: &str,
    user: &str,
) -> Result<Promoted, Refusal> {
    if profile.unknown_user == Side::Seed {
        refuse_unknown(state, id, user)?;
    }
    let room = state.room_mut(id)?;
    let promoted = Promoted {
        result: Outcome::success(),
        newadmin: user.to_owned(),
    };
    if room.is_owner(user) {
        return Ok(promoted);
    }
    if !room.members().contains(user) {
        return Err(Refusal::CannotPromote {
            user: user.to_owned(),
            room: id.to_owned(),
            side: profile.promote_outsider,
        });
    }
    let admin = room.admins().contains(user);
    if admin && profile.promote_admin == Side::Seed {
        return Err(Refusal::AlreadyAdmin {
            user: user.to_owned(),
            room: id.to_owned(),
        });
    }
    if !admin && room.admins().len() >= MAX_ADMINS {
        return Err(Refusal::TooManyAdmins);
    }
    room.promote(user);
    Ok(promoted)
}

/// Not paged, and without the owner. [P]
pub(super) fn list_admins(state: &State, profile: Profile, id: &str) -> Result<Vec<String>, Refusal> {
    let admins = state.room(id)?.admins().iter();
    Ok(admins.map(|name| profile.spell(name)).collect())
}

/// Demoting the owner is answered as a success too [P]; that it changes nothing is an assumption. [?]
pub(super) fn demote(state: &mut State, profile: Profile, id: &str, user: &str) -> Result<Demoted, Refusal> {
    if profile.unknown_among_many == Side::Newer {
        refuse_unknown(state, id, user)?;
    }
    let room = state.room_mut(id)?;
    if !room.demote(user) && !room.is_owner(user) {
        return Err(Refusal::NotAdmin {
            user: user.to_owned(),
            room: id.to_owned(),
        });
    }
    Ok(Demoted {
        result: Outcome::success(),
        oldadmin: user.to_owned(),
    })
}

/// One unknown room, and the whole call is refused with its name. [?]
pub(super) fn room_detail(state: &State, profile: Profile, ids: &str) -> Result<Vec<DetailRow>, Refusal> {
    if ids.split(',').count() > MAX_DETAIL_ROOMS {
        return Err(Refusal::TooManyRooms);
    }
    let detail = |id: &str| {
        let room = state.room(id)?;
        let known = RoomDetail {
            id: id.to_owned(),
            name: Some(room.name.clone().unwrap_or_default()),
            owner: Some(profile.spell(room.owner())),
            maxusers: Some(room.maxusers),
            affiliations_count: Some(count(room.members().len())),
            affiliations: Some(room.rows(profile).collect()),
        };
        Ok(DetailRow::new(known, room))
    };
    ids.split(',').map(detail).collect()
}

/// Refuses the first of these users whom neither the room nor the app knows.
fn refuse_unknown(state: &State, id: &str, users: &str) -> Result<(), Refusal> {
    let members = state.room(id)?.members();
    let unknown = |user: &&str| !members.contains(user) && !state.knows(user);
    match users.split(',').find(unknown) {
        Some(user) => Err(Refusal::NoSuchUser {
            user: user.to_owned(),
            side: Side::Newer,
        }),
        None => Ok(()),
    }
}

/// The admin role goes with its holder, or stays until they are demoted.
fn leave(room: &mut Room, profile: Profile, user: &str) -> bool {
    match profile.removed_admin {
        Side::Seed => room.leave(user),
        Side::Newer => room.leave_with_role(user),
    }
}

/// Nobody on the block list can be added (`[P]`); in a batch, the first of them is named. [?]
fn refuse_blocked<'a>(
    room: &Room,
    id: &str,
    users: impl IntoIterator<Item = &'a str>,
) -> Result<(), Refusal> {
    match users.into_iter().find(|user| room.block_list().contains(user)) {
        Some(user) => Err(Refusal::Blocked {
            user: user.to_owned(),
            room: id.to_owned(),
        }),
        None => Ok(()),
    }
}

fn make_place(room: &Room, newcomers: usize) -> Result<(), Refusal> {
    // Nobody new is no reason to refuse, however crowded the room is already.
    if newcomers > 0 && !room.has_place_for(newcomers) {
        return Err(Refusal::RoomFull);
    }
    Ok(())
}

fn member_result(action: &str, id: &str, user: &str, reason: Option<String>) -> MemberResult {
    MemberResult {
        result: Outcome::Bool(reason.is_none()),
        action: action.to_owned(),
        reason,
        user: user.to_owned(),
        id: id.to_owned(),
    }
}

fn count(people: usize) -> u64 {
    u64::try_from(people).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        AddOne(String),
        AddMany(Vec<String>),
        RemoveOne(String),
        RemoveMany(Vec<String>),
        Promote(String),
        Demote(String),
    }

    impl Step {
        fn run(&self, state: &mut State, profile: Profile) -> Result<(), Refusal> {
            match self {
                Self::AddOne(user) => add_one(state, profile, "7", user).map(drop),
                Self::AddMany(users) => add_many(state, profile, "7", users).map(drop),
                Self::RemoveOne(user) => remove_one(state, profile, "7", user).map(drop),
                Self::RemoveMany(users) => remove_many(state, profile, "7", &users.join(",")).map(drop),
                Self::Promote(user) => promote(state, profile, "7", user).map(drop),
                Self::Demote(user) => demote(state, profile, "7", user).map(drop),
            }
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        // `f` and `F` are unknown; `a` is the owner.
        let user = || "[a-fA-F]";
        let users = || prop::collection::vec("[a-fA-F]", 1..5);
        prop_oneof![
            user().prop_map(Step::AddOne),
            users().prop_map(Step::AddMany),
            user().prop_map(Step::RemoveOne),
            users().prop_map(Step::RemoveMany),
            user().prop_map(Step::Promote),
            user().prop_map(Step::Demote),
        ]
    }

    proptest! {
        #[test]
        fn no_call_breaks_the_rules(steps in prop::collection::vec(step(), 1..40), newer: bool) {
            let profile = Profile::all(if newer { Side::Newer } else { Side::Seed });
            let mut state = State::parse("{users: [a, b, c, d, e], rooms: {7: {owner: a, maxusers: 4}}}").unwrap();
            for step in steps {
                let before = state.clone();
                if let Err(refusal) = step.run(&mut state, profile) {
                    prop_assert_eq!(&state, &before, "{:?} changed something: {:?}", step, refusal);
                }
                let room = state.room("7").unwrap();
                prop_assert_eq!(room.owner(), "a");
                prop_assert!(room.members().len() <= 4);
                prop_assert!(room.members().iter().all(|user| state.knows(user)));
                prop_assert!(room.admins().iter().all(|admin| !room.is_owner(admin)));
                prop_assert!(newer || room.admins().iter().all(|admin| room.members().contains(admin)));
            }
        }
    }
}
