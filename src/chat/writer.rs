use super::call::Call;
use super::error::{CallError, CallErrorKind};
use super::wire::{AddedMany, Demoted, Envelope, MemberResult, Method, Outcome, Promoted};
use super::{BatchLimits, Client};
use crate::model::{RoomId, UserId};
use crate::secrets;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;

/// The calls that change something. Only `apply` makes one.
#[derive(Debug, Clone)]
pub struct Writer {
    client: Client,
    interrupted: [watch::Receiver<bool>; 2],
}

impl Writer {
    /// Takes the right to write on a client. Once one `interrupted` is true no call goes out any more, not even one that waits
    /// for its turn or is to be sent again.
    #[must_use]
    pub fn new(client: &Client, interrupted: [watch::Receiver<bool>; 2]) -> Self {
        Self {
            client: client.clone(),
            interrupted,
        }
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<Envelope<T>, CallError> {
        self.client.call(call.unless(self.interrupted.clone())).await
    }

    /// How many names go into one call.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.client.batch_limits()
    }

    /// How many calls of a method may count in a second by now.
    #[must_use]
    pub fn calls_per_second(&self, method: Method) -> usize {
        self.client.calls_per_second(method)
    }

    /// The most names that the service was asked for in one call of this method without saying that they are too many.
    #[must_use]
    pub fn largest_accepted(&self, method: Method) -> usize {
        self.client.largest_accepted(method)
    }

    /// True if a call of this method would have to wait for its turn now.
    #[must_use]
    pub fn would_wait(&self, method: Method) -> bool {
        self.client.would_wait(method)
    }

    /// Adds one user.
    pub async fn add_one(&self, room: &RoomId, user: &UserId) -> Result<(), CallError> {
        let done: MemberResult = self.call(Call::add_one(room, user)).await?.data;
        Self::succeeded((Method::AddOne, room, user), &done.result, done.reason)
    }

    /// Adds users, none twice, and gives whom the service says it added; some servers leave out who was there already.
    pub async fn add_many(&self, room: &RoomId, users: &[UserId]) -> Result<Vec<String>, CallError> {
        let done: AddedMany = self.call(Call::add_many(room, users)).await?.data;
        Ok(done.newmembers)
    }

    /// Removes one user, unless the call can go only after this instant.
    pub async fn remove_one(
        &self,
        room: &RoomId,
        user: &UserId,
        not_after: Instant,
    ) -> Result<(), CallError> {
        let call = Call::remove_one(room, user).not_after(not_after);
        let done: MemberResult = self.call(call).await?.data;
        Self::succeeded((Method::RemoveOne, room, user), &done.result, done.reason)
    }

    /// Removes users, none twice, and gives whom the service says it did not remove, and why: that the call succeeded says
    /// nothing of any of them. Nothing is sent after `not_after`.
    pub async fn remove_many(
        &self,
        room: &RoomId,
        users: &[UserId],
        not_after: Instant,
    ) -> Result<Vec<(UserId, CallErrorKind)>, CallError> {
        /// With one name in the path this is `remove_one`, whose answer is one result and not a list.
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Results {
            Many(Vec<MemberResult>),
            One(MemberResult),
        }
        let mut call = Call::remove_many(room, users).not_after(not_after);
        if users.len() == 1 {
            call.method = Method::RemoveOne;
        }
        let rows = match self.call(call).await?.data {
            Results::Many(rows) => rows,
            Results::One(row) => vec![row],
        };
        let refused = |row: MemberResult| {
            let is_of_row = |user: &&UserId| user.as_str().eq_ignore_ascii_case(&row.user);
            let user = users
                .iter()
                .find(is_of_row)
                .filter(|_| !row.result.is_success())?;
            let reason = row.reason.as_deref().unwrap_or("no reason given");
            let kind = CallErrorKind::of_row(secrets::redact(reason).into_owned(), user);
            Some((user.clone(), kind))
        };
        Ok(rows.into_iter().filter_map(refused).collect())
    }

    /// Makes a member an admin.
    pub async fn promote(&self, room: &RoomId, user: &UserId) -> Result<(), CallError> {
        let done: Promoted = self.call(Call::promote(room, user)).await?.data;
        Self::succeeded((Method::Promote, room, user), &done.result, None)
    }

    /// Makes an admin a plain member, unless the call can go only after this instant.
    pub async fn demote(&self, room: &RoomId, user: &UserId, not_after: Instant) -> Result<(), CallError> {
        let call = Call::demote(room, user).not_after(not_after);
        let done: Demoted = self.call(call).await?.data;
        Self::succeeded((Method::Demote, room, user), &done.result, None)
    }

    /// Status 200 is not success: the result says.
    fn succeeded(
        (method, room, user): (Method, &RoomId, &UserId),
        result: &Outcome,
        reason: Option<String>,
    ) -> Result<(), CallError> {
        if result.is_success() {
            return Ok(());
        }
        let text = reason.unwrap_or_else(|| format!("result is {result:?}"));
        Err(CallError {
            method,
            room: Some(room.clone()),
            kind: CallErrorKind::of_result(secrets::redact(&text).into_owned(), user),
        })
    }
}
