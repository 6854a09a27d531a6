use super::call::Call;
use super::caller::{Answer, Caller};
use super::client::Client;
use super::error::{CallError, CallErrorKind};
use super::wire::{AddedMany, MemberResult, Method, Outcome, Rows};
use crate::model::{Op, RoomId, UserId};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Somebody whom the answer to a call for many names, and what it says of them.
pub type UserRow = (UserId, Result<(), CallErrorKind>);

/// The calls that change something. Only `apply` makes one.
#[derive(Debug, Clone)]
pub struct Writer {
    caller: Arc<Caller>,
    interrupted: [watch::Receiver<bool>; 2],
}

impl Writer {
    /// Takes the right to write with a client. Once one `interrupted` is true no call goes out any more, not even one that waits
    /// for its turn or is to be sent again.
    #[must_use]
    pub fn new(client: &Client, interrupted: [watch::Receiver<bool>; 2]) -> Self {
        Self {
            caller: Arc::clone(&client.0),
            interrupted,
        }
    }

    /// Most names in one call of this method by now; no bound for a method that takes one.
    #[must_use]
    pub fn most_names(&self, method: Method) -> usize {
        self.caller.batch_limits.most(method)
    }

    /// Calls of a method that may count in a second by now.
    #[must_use]
    pub fn calls_per_second(&self, method: Method) -> usize {
        self.caller.rate_limiter.limit(method)
    }

    /// Most names that one call of this method had without the service saying that they are too many.
    #[must_use]
    pub fn largest_accepted(&self, method: Method) -> usize {
        self.caller.batch_limits.largest_accepted(method)
    }

    /// Most names of this length that fit into one call of this method, as far as the service has taught it.
    #[must_use]
    pub fn fitting(&self, method: Method, longest: usize) -> usize {
        self.caller.batch_limits.fitting(method, longest)
    }

    /// Notes that a call with these names was refused as too long.
    pub fn too_long(&self, method: Method, users: &[UserId]) {
        self.caller.batch_limits.too_long(method, users);
    }

    /// Notes that a call with these names went through where a longer one had failed since then.
    pub fn suspect_length(&self, method: Method, users: &[UserId], failed_since: Instant) {
        self.caller.batch_limits.suspect(method, users, failed_since);
    }

    /// True if a call of this method would have to wait for its turn now.
    #[must_use]
    pub fn would_wait(&self, method: Method) -> bool {
        self.caller.rate_limiter.would_wait(method)
    }

    /// Adds one user.
    pub async fn add_one(&self, room: &RoomId, user: &UserId) -> Result<(), CallError> {
        self.change_one(Call::add_one(room, user)).await
    }

    /// Adds users, none twice, and gives those whom the service says it added; some servers leave out members.
    pub async fn add_many(&self, room: &RoomId, users: &[UserId]) -> Result<Vec<String>, CallError> {
        let call = self.interruptible(Call::add_many(room, users));
        let done: Answer<AddedMany> = self.caller.call(&call).await?;
        Ok(done.data.newmembers)
    }

    /// Removes one user, unless the call can go only after this instant.
    pub async fn remove_one(
        &self,
        room: &RoomId,
        user: &UserId,
        not_after: Instant,
    ) -> Result<(), CallError> {
        self.change_one(Call::remove_one(room, user).not_after(not_after))
            .await
    }

    /// Removes users, none twice, and gives what the service says of each whom it names: the call's success says nothing of
    /// any of them. Nothing is sent after `not_after`.
    pub async fn remove_many(
        &self,
        room: &RoomId,
        users: &[UserId],
        not_after: Instant,
    ) -> Result<Vec<UserRow>, CallError> {
        // With one name in the path this is `remove_one`, whose answer is one result and not a list.
        self.change_many(Call::remove_many(room, users).not_after(not_after))
            .await
    }

    /// Puts members on the room's allow list, none twice, and gives what the service says of each whom it names.
    pub async fn allow_many(&self, room: &RoomId, users: &[UserId]) -> Result<Vec<UserRow>, CallError> {
        self.change_many(Call::allow_many(room, users)).await
    }

    /// Takes users off the room's allow list, none twice, and gives what the service says of each whom it names.
    pub async fn disallow_many(&self, room: &RoomId, users: &[UserId]) -> Result<Vec<UserRow>, CallError> {
        self.change_many(Call::disallow_many(room, users)).await
    }

    /// Makes a call whose answer has a row for each of its users.
    async fn change_many(&self, call: Call) -> Result<Vec<UserRow>, CallError> {
        let call = self.interruptible(call);
        let Rows { rows, .. }: Rows<MemberResult> = self.caller.call(&call).await?.data;
        let users = &call.users;
        let result = |row: MemberResult| {
            let is_of_row =
                |user: &&UserId| users.len() == 1 || user.as_str().eq_ignore_ascii_case(&row.user);
            let user = users
                .iter()
                .find(is_of_row)
                .filter(|_| row.result != Outcome::Unsaid)?;
            let reason = row.reason.as_deref().unwrap_or("no reason given");
            let refused =
                (!row.result.is_success()).then(|| CallErrorKind::of_row(reason, user, call.method));
            Some((user.clone(), refused.map_or(Ok(()), Err)))
        };
        let results: Vec<UserRow> = rows.into_iter().filter_map(result).collect();
        if results.is_empty() {
            let text = format!(
                "the answer says of nobody whether they were {}",
                done(call.method)
            );
            return Err(call.error(CallErrorKind::NoClearAnswer(text)));
        }
        Ok(results)
    }

    /// Makes a member an admin.
    pub async fn promote(&self, room: &RoomId, user: &UserId) -> Result<(), CallError> {
        self.change_one(Call::promote(room, user)).await
    }

    /// Makes an admin a plain member, unless the call can go only after this instant.
    pub async fn demote(&self, room: &RoomId, user: &UserId, not_after: Instant) -> Result<(), CallError> {
        self.change_one(Call::demote(room, user).not_after(not_after))
            .await
    }

    /// Makes a call about one user. Status 200 is not success: the result is. All that the answers of these calls have in
    /// common with that of members is that result.
    async fn change_one(&self, call: Call) -> Result<(), CallError> {
        let call = self.interruptible(call);
        let Rows { rows, .. }: Rows<MemberResult> = self.caller.call(&call).await?.data;
        let done = match rows.into_iter().next() {
            None
            | Some(MemberResult {
                result: Outcome::Unsaid,
                ..
            }) => {
                let text = "the answer does not say whether it was done";
                return Err(call.error(CallErrorKind::NoClearAnswer(text.into())));
            }
            Some(done) => done,
        };
        if done.result.is_success() {
            return Ok(());
        }
        let text = done
            .reason
            .unwrap_or_else(|| format!("result is {:?}", done.result));
        Err(call.error(CallErrorKind::of_result(&text, &call.users)))
    }

    fn interruptible(&self, mut call: Call) -> Call {
        call.interrupted = Some(self.interrupted.clone());
        call
    }
}

/// Word for what a call for many does to each of its users.
fn done(method: Method) -> &'static str {
    match method {
        Method::AllowMany => Op::Allow.done(),
        Method::DisallowMany => Op::Disallow.done(),
        _ => Op::Remove.done(),
    }
}
