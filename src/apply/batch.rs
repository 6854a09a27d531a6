//! Calls for many users, and what to make of one that fails for some of them.

use super::report::Reason;
use super::run::{End, RoomRun};
use crate::chat::{CallError, Fault, names_in};
use crate::model::UserId;
use crate::plan::Op;
use tokio::time::Instant;

/// After so many users in a row who are refused one by one with the same words that name nobody, it is the room that
/// refuses and not the users.
const ALIKE: usize = 5;

/// The batches that one step comes down to.
pub(super) struct Batches<'r, 'a> {
    run: &'r mut RoomRun<'a>,
    op: Op,
    todo: Vec<Vec<UserId>>,
    refusal: Option<(String, usize)>,
}

impl<'r, 'a> Batches<'r, 'a> {
    pub(super) fn new(run: &'r mut RoomRun<'a>, op: Op, users: Vec<UserId>) -> Self {
        Self {
            run,
            op,
            todo: vec![users],
            refusal: None,
        }
    }

    /// Makes the calls until every user is dealt with. The error carries the users who are not.
    pub(super) async fn send(mut self, not_after: Instant) -> Result<(), (End, Vec<UserId>)> {
        while let Some(mut users) = self.todo.pop() {
            if users.is_empty() {
                continue;
            }
            if let Some(reason) = self.run.hands.stop.reason() {
                self.todo.push(users);
                return Err((End::Room(reason.before_it_was_sent()), self.todo.concat()));
            }
            if let Err(error) = self.call(&users, not_after).await
                && let Err(end) = self.settle(&mut users, &error)
            {
                self.todo.push(users);
                return Err((end, self.todo.concat()));
            }
        }
        Ok(())
    }

    async fn call(&mut self, users: &[UserId], not_after: Instant) -> Result<(), CallError> {
        let (writer, room) = (&self.run.hands.writer, &self.run.job.plan.id);
        if self.op == Op::Add {
            // Who is listed as new depends on the server; the second look tells who is in.
            let answer = writer.add_many(room, users).await.map(|_| ());
            self.run.counted(answer)?;
            self.run.journal(self.op, users, Ok(()));
            return Ok(());
        }
        let answer = writer.remove_many(room, users, not_after).await;
        let mut refused = Vec::new();
        for row in self.run.counted(answer)? {
            let reason = row.reason.unwrap_or_else(|| "no reason given".into());
            let gone = row.result.is_success() || reason.contains("doesn't exist in group");
            let user = users
                .iter()
                .find(|user| user.as_str().eq_ignore_ascii_case(&row.user));
            if let (false, Some(user)) = (gone, user) {
                refused.push((user, Reason::new("refused", reason)));
            }
        }
        let done = users
            .iter()
            .filter(|user| refused.iter().all(|(other, _)| other != user));
        self.run.journal(self.op, done, Ok(()));
        for (user, reason) in refused {
            self.run.journal(self.op, [user], Err(&reason));
            self.run.fail(self.op, user, reason);
        }
        Ok(())
    }

    /// Decides about the users of a call that failed: some are dealt with, the others go into further calls. `users` keeps
    /// whom an end leaves undone.
    fn settle(&mut self, users: &mut Vec<UserId>, error: &CallError) -> Result<(), End> {
        let text = match &error.fault {
            Fault::TooManyNames(most) if *most < users.len() => return Err(End::TooMany),
            Fault::NoUser(text) | Fault::UserFull(text) | Fault::AlreadySo(text) => text,
            Fault::Rejected { text, .. } => text,
            Fault::TooManyNames(_) => "",
            _ => {
                if !error.fault.was_not_sent() {
                    self.run.journal(self.op, users.iter(), Err(&Reason::from(error)));
                }
                return Err(self.run.end(error));
            }
        };
        let named: Vec<UserId> = {
            let names = names_in(text);
            users
                .iter()
                .filter(|user| names.iter().any(|name| name == user.as_str()))
                .cloned()
                .collect()
        };
        if named.len() == 1 || matches!(error.fault, Fault::AlreadySo(_)) && !named.is_empty() {
            named.iter().for_each(|user| self.decide(user, error));
            users.retain(|user| !named.contains(user));
            self.todo.push(std::mem::take(users));
            return Ok(());
        }
        if let [user] = users.as_slice() {
            let user = user.clone();
            self.decide(&user, error);
            users.clear();
            let alike = !matches!(error.fault, Fault::AlreadySo(_)) && self.refused_alike(text);
            return if alike {
                Err(End::Op(Reason::from(error)))
            } else {
                Ok(())
            };
        }
        if named.is_empty() || named.len() == users.len() {
            let half = users.split_off(users.len() / 2);
            self.todo.push(half);
        } else {
            users.retain(|user| !named.contains(user));
            self.todo.extend(named.into_iter().map(|user| vec![user]));
        }
        self.todo.push(std::mem::take(users));
        Ok(())
    }

    fn decide(&mut self, user: &UserId, error: &CallError) {
        if !matches!(error.fault, Fault::AlreadySo(_)) {
            let reason = Reason::from(error);
            self.run.journal(self.op, [user], Err(&reason));
            self.run.fail(self.op, user, reason);
        }
    }

    /// Counts users refused in the same words, and says whether they are so many that it must be the room.
    fn refused_alike(&mut self, text: &str) -> bool {
        let alike = match &self.refusal {
            Some((last, count)) if last == text => count + 1,
            _ => 1,
        };
        self.refusal = Some((text.to_owned(), alike));
        alike >= ALIKE
    }
}
