//! The caller, and what their role lets them do.

use super::State;
use super::refusal::Refusal;
use super::room::Rank;
use super::routes::Call;

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// The app itself, which may do everything.
    App,
    /// One of its users.
    User(String),
}

impl Caller {
    /// Refuses what a user's role does not allow: an owner is over admins and regular members, an admin over regular
    /// members, a member over no one (seed, "Description of chat room member roles"). Everybody may read. [?]
    pub(super) fn check(&self, state: &State, call: &Call, body: &[u8]) -> Result<(), Refusal> {
        let Self::User(caller) = self else { return Ok(()) };
        let least = |room: &str, least| Ok(state.room(room)?.rank(caller) >= least);
        let over = |room: &str| {
            let room = state.room(room)?;
            let rank = room.rank(caller);
            let mut people = call.people(body).into_iter();
            Ok(rank >= Rank::Admin && people.all(|user| room.rank(&user) < rank))
        };
        let may = match call {
            Call::Token
            | Call::ListRooms
            | Call::ListMembers { .. }
            | Call::ListAdmins { .. }
            | Call::RoomDetail { .. } => true,
            Call::AddOne { room, .. }
            | Call::AddMany { room }
            | Call::AllowList { room }
            | Call::AllowOne { room, .. }
            | Call::AllowMany { room }
            | Call::BlockList { room }
            | Call::UnblockOne { room, .. }
            | Call::UnblockMany { room, .. } => least(room, Rank::Admin)?,
            Call::RemoveOne { room, .. }
            | Call::RemoveMany { room, .. }
            | Call::Disallow { room, .. }
            | Call::BlockOne { room, .. }
            | Call::BlockMany { room } => over(room)?,
            Call::Promote { room } | Call::Demote { room, .. } | Call::DeleteRoom { room } => {
                least(room, Rank::Owner)?
            }
            // "The creator of the chat room" is named in the call, so that a user's token would say less than the
            // body does. [?]
            Call::CreateRoom | Call::CreateUsers | Call::DeleteUsers | Call::DeleteUser { .. } => false,
        };
        if may { Ok(()) } else { Err(Refusal::NoPermission) }
    }
}
