//! What plans and reports mean for a room: where it stands, who is set aside, when it is tried again.

use super::engine::Engine;
use super::log_dedup::Subject;
use super::room::Turn;
use crate::apply::{Failure, Outcome, Reason, RoomReport};
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId, printable};
use crate::plan::{Note, RoomPlan, Status, users_of};
use crate::web::State;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// So many people of a room who are refused in the same words: then it is the room that refuses.
const ALIKE: usize = 5;

impl Engine {
    /// Takes down what a look led to.
    pub(super) fn planned(&mut self, turn: &Turn, plan: &RoomPlan) {
        let now = self.clock.now();
        let at = Instant::now();
        let Some(room) = self.rooms.get_mut(&turn.desired.id) else {
            return;
        };
        if room.generation != turn.generation {
            return;
        }
        let state = match plan.status {
            Status::InSync => State::InSync,
            Status::Changed => State::Changing,
            Status::Blocked => State::Blocked,
            Status::Failed => State::Failed,
            Status::Observed => State::Observed,
        };
        let incomplete = plan
            .notes
            .iter()
            .find(|note| note.code == ReasonCode::IncompleteRead);
        // What was seen and is refused by the files' own rules stays so until files or rooms change.
        let unseen = plan.live.is_none().then_some(plan.error.as_ref()).flatten();
        let error = plan.error.clone().or_else(|| incomplete.cloned());
        let state = if incomplete.is_some() {
            State::Failed
        } else {
            state
        };
        room.stands(state, error, now);
        room.plan = Some(plan.clone());
        let failed = unseen.or(incomplete).is_some();
        if failed {
            room.try_again(at, &mut self.random);
        } else if plan.steps.is_empty() {
            room.failures = 0;
        }
        self.tell_state(&turn.desired.id);
    }

    /// Says once in what way a room is not in order, and once that it is again.
    fn tell_state(&mut self, id: &RoomId) {
        let Some(room) = self.rooms.get(id) else { return };
        let name = room.desired.name.as_deref().map(printable);
        let name = name.as_deref();
        // What is counted differs from look to look, and is no news.
        let (kind, text) = match (room.state, &room.error, &room.plan) {
            (State::Failed, Some(error), _) => (
                error.code.to_string(),
                format!("failed[{}]: {}", error.code, error.message),
            ),
            (State::Blocked, _, Some(plan)) => {
                let guards: Vec<String> = plan
                    .blocked
                    .iter()
                    .map(|block| {
                        format!(
                            "{} allows {} of {}, {} are wanted",
                            block.guard, block.limit, block.of, block.wanted
                        )
                    })
                    .collect();
                let kinds: Vec<&str> = plan.blocked.iter().map(|block| block.guard.as_str()).collect();
                (kinds.join(", "), format!("blocked: {}", guards.join("; ")))
            }
            (State::InSync | State::Observed, _, _) => {
                if let Some(times) = self.log_dedup.forget_room(id) {
                    tracing::info!(room = %id, name, times, "in order again");
                }
                return;
            }
            _ => return,
        };
        if self.log_dedup.is_news(Subject::Room(id.clone()), &kind) {
            tracing::warn!(room = %id, name, "{text}");
        }
    }

    /// Takes down what came of a room's plan. `why` is what ended its run early.
    pub(super) fn applied(
        &mut self,
        turn: &Turn,
        plan: &RoomPlan,
        report: &RoomReport,
        why: Option<&Reason>,
    ) {
        let (now, at) = (self.clock.now(), Instant::now());
        let id = &turn.desired.id;
        let aside = self.set_aside(plan, report);
        self.leaving.remove(id);
        let Some(room) = self.rooms.get_mut(id) else {
            return;
        };
        room.applying = None;
        if room.generation != turn.generation {
            return;
        }
        let mut left = still_open(plan, report);
        // Who came in in the place of somebody else is not without one.
        left.notes.retain(|note| {
            note.code != ReasonCode::RoomFull
                || report
                    .failed
                    .iter()
                    .any(|failure| Some(&failure.user) == note.user.as_ref() && Some(failure.op) == note.held)
        });
        for failure in report
            .failed
            .iter()
            .filter(|failure| aside.contains(&failure.user))
        {
            left.add = left.add.filter(|user| user.as_str() != failure.user);
            left.promote = left.promote.filter(|user| user.as_str() != failure.user);
            let mut note = Note::new(ReasonCode::SetAside, failure.reason.message.clone());
            note.user = Some(failure.user.clone());
            left.notes.push(note);
        }
        let waiting = [ReasonCode::SetAside, ReasonCode::ComingAndGoing];
        let of_room = report.failed.iter().find(|failure| {
            let reason = &failure.reason;
            !waiting.contains(&reason.code)
                && !matches!(reason.code, ReasonCode::Guard(_))
                && !aside.contains(failure.user.as_str())
        });
        let of_all = report.error.as_ref().filter(|_| report.status != Outcome::Stale);
        let ended =
            why.is_some_and(|why| why.code == ReasonCode::Interrupted || why.code == ReasonCode::AuditLog);
        let incomplete = plan
            .notes
            .iter()
            .any(|note| note.code == ReasonCode::IncompleteRead);
        match (of_room, report.status) {
            _ if let Some(Reason { code, message, .. }) = of_all => {
                room.stands(State::Failed, Some(Note::new(*code, message.clone())), now);
                room.try_again(at, &mut self.random);
            }
            // It stands as failed, and is tried again, whatever was added.
            (None, _) if incomplete => {}
            (Some(_), _) if ended => room.stands(State::Changing, None, now),
            (Some(failure), _) => {
                let reason = &failure.reason;
                let mut error = Note::new(reason.code, reason.message.clone());
                error.user = Some(failure.user.clone());
                room.stands(State::Failed, Some(error), now);
                // Where everything ends the same way, all rooms wait for the next look at all of them.
                if why.is_none() {
                    room.try_again(at, &mut self.random);
                }
            }
            (None, Outcome::Blocked) => room.stands(State::Blocked, None, now),
            (None, _) if plan.status == Status::Blocked => room.stands(State::Blocked, None, now),
            (None, _) if !plan.pending.is_empty() => room.stands(State::Changing, None, now),
            (None, _) => room.stands(State::InSync, None, now),
        }
        if of_room.is_none() && of_all.is_none() && !incomplete {
            room.failures = 0;
        }
        room.plan = Some(left);
        let tried: usize = plan.steps.iter().map(|step| step.users().len()).sum();
        if report.failed.len() < tried {
            // Something was done: the next plan is another one, be it of the same people.
            self.log_dedup.forget(&Subject::Plan(id.clone()));
        }
        self.tell_state(id);
    }

    /// Sets those aside whom the service refused for themselves, and gives who they are.
    fn set_aside(&mut self, plan: &RoomPlan, report: &RoomReport) -> BTreeSet<String> {
        let id = &plan.id;
        let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
        for failure in &report.failed {
            *alike.entry(&failure.reason.message).or_default() += 1;
        }
        // A refusal is about the person where it names them, or where others came in.
        let is_personal = |failure: &Failure| {
            let Failure { user, op, reason } = failure;
            let failed = report.failed.iter().filter(|other| other.op == *op).count();
            let few = alike.get(reason.message.as_str()) < Some(&ALIKE);
            let is_named = reason.named.iter().any(|named| named.as_str() == user);
            is_named || (few && plan.sent(*op) > failed)
        };
        let refused = report.failed.iter().filter_map(|failure| {
            let comes_in = matches!(failure.op, Op::Add | Op::Promote);
            let everywhere = match failure.reason.code {
                ReasonCode::NoSuchUser => true,
                ReasonCode::UserInTooManyRooms => false,
                ReasonCode::Refused if is_personal(failure) => false,
                _ => return None,
            };
            let user = UserId::parse(&failure.user).ok()?;
            comes_in.then_some((user, everywhere, &failure.reason))
        });
        let refused: BTreeMap<UserId, (bool, &Reason)> = refused
            .map(|(user, everywhere, reason)| (user, (everywhere, reason)))
            .collect();
        if refused.is_empty() {
            return BTreeSet::new();
        }
        let now = self.clock.steady();
        let users: BTreeSet<UserId> = refused.keys().cloned().collect();
        let named = self
            .set
            .as_ref()
            .map(|set| set.provenance.naming(&users))
            .unwrap_or_default();
        for (user, (everywhere, reason)) in &refused {
            let why = (reason.code.as_str(), reason.message.as_str());
            let first = self
                .ledger
                .aside
                .put(user, (id, *everywhere), why, named.get(user).cloned(), now);
            if first {
                tracing::warn!(room = %id, %user, code = reason.code.as_str(), "set aside: {}", reason.message);
            }
        }
        self.save_ledger();
        users.iter().map(ToString::to_string).collect()
    }
}

/// What of a plan is not done, to be shown.
fn still_open(plan: &RoomPlan, report: &RoomReport) -> RoomPlan {
    let failed = |op: Op| -> MemberSet {
        let of_op = report.failed.iter().filter(|failure| failure.op == op);
        of_op
            .filter_map(|failure| UserId::parse(&failure.user).ok())
            .collect()
    };
    let open = |op: Op, wanted: &MemberSet| {
        let done = users_of(op, &plan.steps).minus(&failed(op));
        wanted.minus(&done)
    };
    let RoomPlan {
        add,
        remove,
        promote,
        demote,
        ..
    } = plan;
    RoomPlan {
        add: open(Op::Add, add),
        remove: open(Op::Remove, remove),
        promote: open(Op::Promote, promote),
        demote: open(Op::Demote, demote),
        steps: Vec::new(),
        ..plan.clone()
    }
}
