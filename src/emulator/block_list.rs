//! The block list: who was put out of the room and cannot come in until they are taken off it. [P]

use super::State;
use super::answer::{ListRow, RoomField};
use super::profile::{Profile, Side};
use super::refusal::Refusal;

/// Most names in one call that adds to the list, or takes off it. [P]
const MAX_BATCH: usize = 60;
/// Most names in one call of newer servers that adds to the list. [P]
const NEWER_BATCH: usize = 100;

pub(super) fn block_list(state: &State, profile: Profile, id: &str) -> Result<Vec<String>, Refusal> {
    let list = state.room(id)?.block_list().iter();
    Ok(list.map(|name| profile.spell(name)).collect())
}

/// Puts one out. Only a member can be put on the list. [P]
pub(super) fn block_one(
    state: &mut State,
    profile: Profile,
    id: &str,
    user: &str,
) -> Result<ListRow, Refusal> {
    let room = state.room_mut(id)?;
    if room.is_owner(user) {
        return Err(Refusal::OnOwner);
    }
    if !room.members().contains(user) {
        return Err(not_member(user));
    }
    room.block(user);
    Ok(row("add_blocks", profile, id, user, None))
}

/// Puts out those who are there; who is not there is a row `result: false` (`[P]`). With the owner among them, nobody is
/// put out. [?]
pub(super) fn block_many(
    state: &mut State,
    profile: Profile,
    id: &str,
    users: &[String],
) -> Result<Vec<ListRow>, Refusal> {
    let room = state.room_mut(id)?;
    let most = profile.block_batch.pick(MAX_BATCH, NEWER_BATCH);
    if users.len() > most {
        return Err(Refusal::TooManyToList {
            subject: "userNames is",
            most,
        });
    }
    if users.iter().any(|user| room.is_owner(user)) {
        return Err(Refusal::OnOwner);
    }
    let block = |user: &String| {
        let there = room.members().contains(user) && room.block(user);
        let reason = (!there).then(|| format!("user: {user} doesn't exist in chatroom: {id}"));
        row("add_blocks", profile, id, user, reason)
    };
    Ok(users.iter().map(block).collect())
}

/// Lets one come in again. Who is not on the list is refused with the words for a stranger to the room. [P]
pub(super) fn unblock_one(
    state: &mut State,
    profile: Profile,
    id: &str,
    user: &str,
) -> Result<ListRow, Refusal> {
    if !state.room_mut(id)?.unblock(user) {
        return Err(not_member(user));
    }
    Ok(row("remove_blocks", profile, id, user, None))
}

/// Lets those come in again who are on the list; who is not is a row `result: false`. [?]
pub(super) fn unblock_many(
    state: &mut State,
    profile: Profile,
    id: &str,
    users: &str,
) -> Result<Vec<ListRow>, Refusal> {
    let room = state.room_mut(id)?;
    if users.split(',').count() > MAX_BATCH {
        return Err(Refusal::TooManyToList {
            subject: "removeBlacklist: list size",
            most: MAX_BATCH,
        });
    }
    let unblock = |user: &str| {
        let reason =
            (!room.unblock(user)).then(|| format!("user: {user} is not in blacklist of chatroom: {id}"));
        row("remove_blocks", profile, id, user, reason)
    };
    Ok(users.split(',').map(unblock).collect())
}

fn not_member(user: &str) -> Refusal {
    Refusal::NotMember {
        users: user.to_owned(),
        side: Side::Newer,
    }
}

/// `id` is recorded, `chatroomid` stands in the newer documents. [P]
fn row(action: &'static str, profile: Profile, id: &str, user: &str, reason: Option<String>) -> ListRow {
    let id = id.to_owned();
    let room = match profile.rows_and_fields {
        Side::Seed => RoomField::Id(id),
        Side::Newer => RoomField::ChatroomId(id),
    };
    ListRow::new(action, room, user, reason)
}
