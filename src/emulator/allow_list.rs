//! The allow list: who stays in the room when they go offline. [P]

use super::State;
use super::answer::{ListRow, RoomField};
use super::profile::{Profile, Side};
use super::refusal::Refusal;

/// Most names in one call that adds to the list, or takes off it. [P]
const MAX_BATCH: usize = 60;
/// Most names in one call of newer servers that adds to the list. [P]
const NEWER_BATCH: usize = 100;

/// Owner and admins are on the list by themselves. [P]
pub(super) fn allow_list(state: &State, profile: Profile, id: &str) -> Result<Vec<String>, Refusal> {
    let list = state.room(id)?.allow_list();
    Ok(list.iter().map(|name| profile.spell(name)).collect())
}

/// Somebody who is not in the room cannot be put on its list. [P]
pub(super) fn allow_one(state: &mut State, id: &str, user: &str) -> Result<ListRow, Refusal> {
    if !state.room_mut(id)?.allow(user) {
        // 400 is documented for this call, and not 403. [P]
        return Err(Refusal::NotMember {
            users: user.to_owned(),
            side: Side::Seed,
        });
    }
    Ok(row("add_user_whitelist", id, user, None))
}

/// Somebody who is not in the room is a row `result: false`; its reason is unknown. [?]
pub(super) fn allow_many(
    state: &mut State,
    profile: Profile,
    id: &str,
    users: &[String],
) -> Result<Vec<ListRow>, Refusal> {
    let room = state.room_mut(id)?;
    let most = profile.allow_batch.pick(MAX_BATCH, NEWER_BATCH);
    if users.len() > most {
        return Err(Refusal::TooManyToList {
            subject: "usernames size is",
            most,
        });
    }
    let allow = |user: &String| {
        let reason = (!room.allow(user)).then(|| format!("user: {user} doesn't exist in group: {id}"));
        row("add_user_whitelist", id, user, reason)
    };
    Ok(users.iter().map(allow).collect())
}

/// Somebody who is not on the list is a row `result: false`. [?]
pub(super) fn disallow(state: &mut State, id: &str, users: &str) -> Result<Vec<ListRow>, Refusal> {
    let room = state.room_mut(id)?;
    if users.split(',').count() > MAX_BATCH {
        return Err(Refusal::TooManyToList {
            subject: "removeWhitelist: list size",
            most: MAX_BATCH,
        });
    }
    let disallow = |user: &str| {
        let reason =
            (!room.disallow(user)).then(|| format!("user: {user} is not in whitelist of group: {id}"));
        row("remove_user_whitelist", id, user, reason)
    };
    Ok(users.split(',').map(disallow).collect())
}

fn row(action: &'static str, id: &str, user: &str, reason: Option<String>) -> ListRow {
    ListRow::new(action, RoomField::ChatroomId(id.to_owned()), user, reason)
}
