//! The allow list: who stays in the room when they go offline. [P]

use super::State;
use super::profile::Profile;
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Most names in one call that adds to the list. [P]
const MAX_BATCH: usize = 60;

/// Body of the call that adds to the list. [P]
#[derive(Debug, Deserialize)]
pub(super) struct Allow {
    pub(super) usernames: Vec<String>,
}

/// A row for each name. [P]
#[derive(Debug, Serialize)]
pub(super) struct Allowed {
    result: bool,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    user: String,
    chatroomid: String,
}

/// Owner and admins are on the list by themselves. [P]
pub(super) fn allow_list(state: &State, profile: Profile, id: &str) -> Result<Vec<String>, Refusal> {
    let list = state.room(id)?.allow_list();
    Ok(list.iter().map(|name| profile.spell(name)).collect())
}

/// Somebody who is not in the room cannot be put on its list. [?]
pub(super) fn allow(state: &mut State, id: &str, users: &[String]) -> Result<Vec<Allowed>, Refusal> {
    let room = state.room_mut(id)?;
    if users.len() > MAX_BATCH {
        return Err(Refusal::TooManyToAllow(MAX_BATCH));
    }
    let allow = |user: &String| {
        let reason = (!room.allow(user)).then(|| format!("user: {user} doesn't exist in group: {id}"));
        row("add_user_whitelist", id, user, reason)
    };
    Ok(users.iter().map(allow).collect())
}

/// Somebody who is not on the list is a row `result: false`. [?]
pub(super) fn disallow(state: &mut State, id: &str, users: &str) -> Result<Vec<Allowed>, Refusal> {
    let room = state.room_mut(id)?;
    let disallow = |user: &str| {
        let reason =
            (!room.disallow(user)).then(|| format!("user: {user} is not in whitelist of group: {id}"));
        row("remove_user_whitelist", id, user, reason)
    };
    Ok(users.split(',').map(disallow).collect())
}

fn row(action: &'static str, id: &str, user: &str, reason: Option<String>) -> Allowed {
    Allowed {
        result: reason.is_none(),
        action,
        reason,
        user: user.to_owned(),
        chatroomid: id.to_owned(),
    }
}
