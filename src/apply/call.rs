//! One write call, and what its answer says of each of its users.

use super::in_flight::method;
use super::report::Reason;
use crate::chat::wire::Method;
use crate::chat::{CallError, CallErrorKind, Reader, Writer};
use crate::live;
use crate::model::{Op, ReasonCode, RoomId, UserId};
use crate::plan::Step;
use tokio::time::Instant;

/// Result of a call.
pub(super) enum CallOutcome {
    /// Done, but for these users.
    Done(Vec<(UserId, Reason)>),
    /// Not done, and that is certain: it was about one user, who is not as wanted.
    Refused(CallError),
    /// The call failed.
    Failed(CallError),
    /// The call was refused, and whether it is so already could not be seen, for the second reason.
    Unseen(CallError, CallError),
    /// The same: the admin list contradicts itself.
    Inconsistent(CallError, Reason),
}

impl CallOutcome {
    /// Reason why the call did not succeed; `None`: it did.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Done(_) => None,
            Self::Refused(error) | Self::Failed(error) => Some(Reason::from(error)),
            Self::Unseen(error, _) => Some(Reason::from(error)),
            Self::Inconsistent(error, _) => Some(Reason::from(error)),
        }
    }

    /// True if the look or check behind the call became too old before the call could go.
    pub(super) fn is_too_late(&self) -> bool {
        matches!(self, Self::Failed(error) if matches!(error.kind, CallErrorKind::StaleRead))
    }

    /// True if the call went out.
    pub(super) fn was_sent(&self) -> bool {
        match self {
            Self::Failed(error) => !error.kind.was_not_sent(),
            Self::Done(_) | Self::Refused(_) | Self::Unseen(..) | Self::Inconsistent(..) => true,
        }
    }
}

/// A room's way to the service.
#[derive(Clone, Copy)]
pub(super) struct RoomClient<'a> {
    pub(super) writer: &'a Writer,
    pub(super) reader: &'a Reader,
    pub(super) room: &'a RoomId,
}

/// Makes a step's call. A removal or demotion does not go out after `not_after`.
pub(super) async fn call(client: RoomClient<'_>, step: &Step, not_after: Instant) -> CallOutcome {
    let RoomClient { writer, room, .. } = client;
    let answer = match step {
        Step::Add(users) => match users.as_slice() {
            [user] if may_go_alone(writer) => writer.add_one(room, user).await.map(|()| Vec::new()),
            // Who is listed as new depends on the server; the second look tells who is in.
            users => writer.add_many(room, users).await.map(|_| Vec::new()),
        },
        Step::Remove(_) => {
            let rows = writer.remove_many(room, step.users(), not_after).await;
            rows.map(refused)
        }
        Step::Promote(user) => {
            let answer = writer.promote(room, user).await;
            return role(client, Op::Promote, user, answer).await;
        }
        Step::Demote(demotion) => {
            let user = demotion.user();
            let answer = writer.demote(room, user, not_after).await;
            return role(client, Op::Demote, user, answer).await;
        }
    };
    answer.map_or_else(CallOutcome::Failed, CallOutcome::Done)
}

/// True if one user is added sooner by the call for one, whose budget is its own.
fn may_go_alone(writer: &Writer) -> bool {
    writer.would_wait(method(Op::Add)) && !writer.would_wait(Method::AddOne)
}

/// People who are not removed, with the reason. Whoever is not there is as wanted.
fn refused(rows: Vec<(UserId, CallErrorKind)>) -> Vec<(UserId, Reason)> {
    let is_there = |(_, kind): &(UserId, CallErrorKind)| !matches!(kind, CallErrorKind::AlreadySo(_));
    let reason = |(user, kind): (UserId, CallErrorKind)| {
        let words = kind
            .message()
            .map_or_else(|| kind.to_string(), |message| message.text.clone());
        (user, Reason::new(kind.code(), words))
    };
    rows.into_iter().filter(is_there).map(reason).collect()
}

/// Meaning of the answer to a promotion or demotion for this user.
async fn role(client: RoomClient<'_>, op: Op, user: &UserId, answer: Result<(), CallError>) -> CallOutcome {
    let error = match answer {
        Ok(()) => return CallOutcome::Done(Vec::new()),
        Err(error) => error,
    };
    match &error.kind {
        // Refused, but perhaps because it is so already: the list tells.
        CallErrorKind::AlreadySo(_) | CallErrorKind::Refused { .. } => {
            match live::read_admins(client.reader, client.room).await {
                Err(unseen) => CallOutcome::Unseen(error, unseen),
                Ok(admins) => match admins.inconsistency {
                    Some(inconsistency) => {
                        let why = Reason::new(ReasonCode::NoClearAnswer, inconsistency.to_string());
                        CallOutcome::Inconsistent(error, why)
                    }
                    None if admins.names.contains(user) == (op == Op::Promote) => {
                        CallOutcome::Done(Vec::new())
                    }
                    None => CallOutcome::Refused(error),
                },
            }
        }
        CallErrorKind::NoSuchUser(_) | CallErrorKind::UserInTooManyRooms(_) => CallOutcome::Refused(error),
        _ => CallOutcome::Failed(error),
    }
}
