//! One write call, and what its answer says of each of its users.

use super::in_flight::method;
use super::report::Reason;
use crate::chat::wire::Method;
use crate::chat::{CallError, CallErrorKind, Reader, UserRow, Writer};
use crate::live;
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId};
use crate::plan::Step;
use tokio::time::Instant;

/// Result of a call.
pub(super) enum CallOutcome {
    /// The call succeeded.
    Done(Answered),
    /// Certainly not done. The call was about one user.
    Refused(CallError),
    /// The call failed.
    Failed(CallError),
    /// The call was refused. The second error kept the list from being read that shows if it is so already.
    Unseen(CallError, CallError),
    /// The call was refused, and that list contradicts itself.
    Inconsistent(CallError, Reason),
}

/// Users of a call, by its answer. A look has to tell of those in no list, and of those for whom nothing was to change.
#[derive(Default)]
pub(super) struct Answered {
    /// People who are as wanted.
    pub(super) confirmed: MemberSet,
    /// People who are not, with the reason.
    pub(super) refused: Vec<(UserId, Reason)>,
    /// People for whom there was nothing to change, as the service says.
    pub(super) unchanged: Vec<UserId>,
}

impl Answered {
    fn confirmed(user: &UserId) -> Self {
        Self {
            confirmed: [user.clone()].into_iter().collect(),
            ..Self::default()
        }
    }

    fn unchanged(user: &UserId) -> Self {
        Self {
            unchanged: vec![user.clone()],
            ..Self::default()
        }
    }
}

impl CallOutcome {
    /// Reason why the call did not succeed. `None`: it did.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Done(_) => None,
            Self::Refused(error) | Self::Failed(error) => Some(Reason::from(error)),
            Self::Unseen(error, _) => Some(Reason::from(error)),
            Self::Inconsistent(error, _) => Some(Reason::from(error)),
        }
    }

    /// True if the look or check that the call stands on became too old before it could go.
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
            [user] if may_go_alone(writer) => writer
                .add_one(room, user)
                .await
                .map(|()| Answered::confirmed(user)),
            users => writer.add_many(room, users).await.map(|new| added(users, &new)),
        },
        Step::Remove(_) => {
            let rows = writer.remove_many(room, step.users(), not_after).await;
            rows.map(of_rows)
        }
        Step::Allow(_) => writer.allow_many(room, step.users()).await.map(of_rows),
        Step::Disallow(_) => writer.disallow_many(room, step.users()).await.map(of_rows),
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

/// True if the call for one user, which has a budget of its own, can go sooner.
fn may_go_alone(writer: &Writer) -> bool {
    writer.would_wait(method(Op::Add)) && !writer.would_wait(Method::AddOne)
}

/// Reads who is in. Some servers name those who were in before, others do not.
fn added(users: &[UserId], new: &[String]) -> Answered {
    let is_named = |user: &&UserId| new.iter().any(|name| user.as_str().eq_ignore_ascii_case(name));
    Answered {
        confirmed: users.iter().filter(is_named).cloned().collect(),
        ..Answered::default()
    }
}

/// Reads for whom it is done, for whom not and why, and for whom there was nothing to change.
fn of_rows(rows: Vec<UserRow>) -> Answered {
    let (mut confirmed, mut unchanged) = (Vec::new(), Vec::new());
    let mut refused: Vec<(UserId, Reason)> = Vec::new();
    for (user, result) in rows {
        match result {
            Ok(()) => confirmed.push(user),
            Err(CallErrorKind::AlreadySo(_)) => unchanged.push(user),
            Err(kind) => {
                let words = kind
                    .message()
                    .map_or_else(|| kind.to_string(), |message| message.text.clone());
                refused.push((user, Reason::new(kind.code(), words)));
            }
        }
    }
    let is_refused = |user: &UserId| refused.iter().any(|(other, _)| other == user);
    let confirmed = confirmed.into_iter().filter(|user| !is_refused(user)).collect();
    Answered {
        confirmed,
        refused,
        unchanged,
    }
}

/// Meaning of the answer to a promotion or demotion for this user.
async fn role(client: RoomClient<'_>, op: Op, user: &UserId, answer: Result<(), CallError>) -> CallOutcome {
    let error = match answer {
        Ok(()) => return CallOutcome::Done(Answered::confirmed(user)),
        Err(error) => error,
    };
    match &error.kind {
        // Perhaps it is so already: the list tells.
        CallErrorKind::AlreadySo(_) | CallErrorKind::Refused { .. } => {
            match live::read_admins(client.reader, client.room).await {
                Err(unseen) => CallOutcome::Unseen(error, unseen),
                Ok(admins) => match admins.inconsistency {
                    Some(inconsistency) => {
                        let why = Reason::new(ReasonCode::NoClearAnswer, inconsistency.to_string());
                        CallOutcome::Inconsistent(error, why)
                    }
                    None => match (op, admins.names.contains(user)) {
                        (Op::Promote, true) => CallOutcome::Done(Answered::confirmed(user)),
                        // Nor does the list name the owner, whom nobody has demoted.
                        (Op::Demote, false) => CallOutcome::Done(Answered::unchanged(user)),
                        _ => CallOutcome::Refused(error),
                    },
                },
            }
        }
        CallErrorKind::NoSuchUser(_) | CallErrorKind::UserInTooManyRooms(_) => CallOutcome::Refused(error),
        _ => CallOutcome::Failed(error),
    }
}
