//! The check before somebody is removed or demoted: owner and admins of the room, read once more.
//!
//! The service removes whom it is told to, the owner too, and knows no call with a condition. So roles are read right before, and
//! again in a long series. Rooms that need it at about the same time share one call for their owners.

use super::Job;
use super::fan_out::{Waiter, fan_out};
use super::report::Reason;
use super::room_state::{PhaseEnd, RoomRun};
use crate::chat::wire::{MAX_DETAIL_ROOMS, Method};
use crate::chat::{CallError, CallErrorKind, Reader};
use crate::desired::DesiredRoom;
use crate::live::{self, AdminList, Inconsistency, LiveRoom, Owner, ROWS_AN_ANSWER};
use crate::model::{MemberSet, Op, ReasonCode, RoomId, UserId};
use crate::plan::{NEW_ADMIN, RoomPlan};
use futures_util::future::join;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep};

/// A removal or demotion is sent no later than this after the check that it stands on was sent.
const HOLDS: Duration = Duration::from_secs(5);
/// None is begun on an older check: what is left is for the line.
const GOOD_FOR: Duration = Duration::from_secs(4);
/// Most checks in a row that no call follows.
pub(super) const CHECKS: usize = 3;
/// Time for which a room waits for others, so that one call reads the owners of all.
const LINGER: Duration = Duration::from_millis(50);
/// Most such calls in flight. Meanwhile others gather.
const CALLS: usize = 2;

/// Reads owners and admins for the rooms of a run.
pub(super) struct RemovalCheck {
    reader: Reader,
    waiting: RefCell<VecDeque<Waiting>>,
    turns: Semaphore,
}

/// A room whose owner is asked for.
struct Waiting {
    room: RoomId,
    /// About so many rows its detail has.
    rows: usize,
    told: Waiter<Owner>,
}

/// Owner and admins of a room.
pub(super) struct Roles {
    owner: Option<String>,
    pub(super) admins: MemberSet,
    /// No later than this was the first of the calls sent that told so.
    sent_at: Instant,
}

/// Reason why roles are unknown.
pub(super) enum Unsure {
    /// They could not be read.
    Unread(CallError),
    /// The answers contradict each other.
    Inconsistent(Inconsistency),
}

impl RemovalCheck {
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            reader,
            waiting: RefCell::default(),
            turns: Semaphore::new(CALLS),
        }
    }

    /// Reads a room's owner and admins.
    pub(super) async fn roles(&self, plan: &RoomPlan) -> Result<Roles, Unsure> {
        let begun = Instant::now();
        let members = plan.live.as_ref().map_or(0, |live| live.members);
        let rows = usize::try_from(members).unwrap_or(usize::MAX);
        let admins = live::read_admins_at(&self.reader, &plan.id);
        let (admins, owner, sent_at) = if self.reader.would_wait(Method::ListAdmins) {
            // The owner only afterwards: what is read before a long wait has grown old after it.
            let (admins, sent_at) = admins.await?;
            (admins, self.owner(&plan.id, rows).await?, sent_at)
        } else {
            let (admins, owner) = join(admins, self.owner(&plan.id, rows)).await;
            (admins?.0, owner?, begun)
        };
        Roles::of(admins, owner, sent_at)
    }

    /// Reads who owns a room, together with those of others that are asked for at the same time.
    async fn owner(&self, room: &RoomId, rows: usize) -> Result<Owner, CallError> {
        let (told, mut owner) = oneshot::channel();
        self.waiting.borrow_mut().push_back(Waiting {
            room: room.clone(),
            rows,
            told,
        });
        sleep(LINGER).await;
        let closed = || CallError {
            method: Method::RoomDetail,
            room: Some(room.clone()),
            kind: CallErrorKind::Interrupted,
        };
        let turn = tokio::select! {
            biased;
            owner = &mut owner => return owner.unwrap_or_else(|_| Err(closed())),
            turn = self.turns.acquire() => turn,
        };
        let reading = async {
            fan_out(self.next(), async |rooms, each| {
                live::read_owners(&self.reader, rooms, each).await
            })
            .await;
            drop(turn);
        };
        let (owner, ()) = join(owner, reading).await;
        owner.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes as many of those that wait, the first first, as one call can be about.
    fn next(&self) -> Vec<(RoomId, Waiter<Owner>)> {
        let mut waiting = self.waiting.borrow_mut();
        let mut rows = 0;
        let mut fits = |next: &Waiting| {
            rows += next.rows;
            rows <= ROWS_AN_ANSWER || rows == next.rows
        };
        let most = waiting.len().min(MAX_DETAIL_ROOMS);
        let number = waiting.iter().take(most).take_while(|next| fits(next)).count();
        let next = waiting.drain(..number);
        next.map(|Waiting { room, rows: _, told }| (room, told)).collect()
    }
}

impl Roles {
    fn of(admins: AdminList, owner: Owner, sent_at: Instant) -> Result<Self, Unsure> {
        match owner.inconsistency.or(admins.inconsistency) {
            Some(inconsistency) => Err(Unsure::Inconsistent(inconsistency)),
            None => Ok(Self {
                owner: owner.name,
                admins: admins.names,
                sent_at,
            }),
        }
    }

    /// Roles as a look showed them that began at this moment.
    pub(super) fn seen(room: &LiveRoom, begun: Instant) -> Self {
        Self {
            owner: room.owner.clone(),
            admins: room.admins.clone(),
            sent_at: begun,
        }
    }

    /// True if a call may still begin on these roles.
    pub(super) fn are_fresh(&self) -> bool {
        self.sent_at.elapsed() < GOOD_FOR
    }

    /// The last moment at which a call may be sent on these.
    pub(super) fn hold_until(&self) -> Instant {
        self.sent_at + HOLDS
    }

    /// Reason to spare somebody, if there is one.
    pub(super) fn spare(&self, op: Op, user: &UserId, job: &Job<'_>) -> Option<Reason> {
        spare((self.owner.as_deref(), &self.admins), op, user, job)
    }
}

/// Reason to spare somebody in a room with this owner and these admins, if there is one.
pub(super) fn spare(
    (owner, admins): (Option<&str>, &MemberSet),
    op: Op,
    user: &UserId,
    job: &Job<'_>,
) -> Option<Reason> {
    let DesiredRoom {
        admins: wanted_admins,
        members,
        ..
    } = job.desired;
    let is_in = |users: &Option<MemberSet>| users.as_ref().is_some_and(|users| users.contains(user));
    let removal = op == Op::Remove;
    let because = |code, why: &str| Some(Reason::new(code, why));
    if owner == Some(user.as_str()) {
        because(
            ReasonCode::BecameOwner,
            "owns the room now; the owner is never removed or demoted",
        )
    } else if is_in(wanted_admins) || removal && is_in(members) {
        because(ReasonCode::Wanted, "the files want them as they are")
    } else if !removal || !admins.contains(user) || job.plan.demote.contains(user) {
        None
    } else if wanted_admins.is_none() {
        because(
            ReasonCode::BecameAdmin,
            "is an admin now; kept, because `admins` is not managed here",
        )
    } else {
        because(ReasonCode::Moved, NEW_ADMIN)
    }
}

impl RoomRun<'_> {
    /// True if somebody may be removed or demoted without another check.
    pub(super) fn is_checked(&self) -> bool {
        self.roles.as_ref().is_some_and(Roles::are_fresh)
    }

    /// The last moment at which somebody may be removed or demoted; without a check that is over.
    pub(super) fn checked_until(&self) -> Instant {
        self.roles.as_ref().map_or_else(Instant::now, Roles::hold_until)
    }

    /// Reads owner and admins once more. The error is why nothing may be done on what was read.
    pub(super) async fn check(&mut self) -> Result<(), PhaseEnd> {
        for _ in 0..CHECKS {
            let roles = match self.context.check.roles(self.job.plan).await {
                Ok(roles) => roles,
                Err(Unsure::Unread(error)) => return Err(self.end(&error)),
                Err(Unsure::Inconsistent(inconsistency)) => {
                    let why = Reason::new(ReasonCode::IncompleteRead, inconsistency.to_string());
                    return Err(PhaseEnd::Look(why));
                }
            };
            self.last_admin.see(&roles.admins);
            let is_in_time = Instant::now() < roles.hold_until();
            self.roles = Some(roles);
            if is_in_time {
                return Ok(());
            }
        }
        Err(PhaseEnd::Look(grown_old()))
    }

    /// True if the last check allows this. Otherwise the reason is reported.
    pub(super) fn may_touch(&mut self, op: Op, user: &UserId) -> bool {
        let spared = self
            .roles
            .as_ref()
            .and_then(|roles| roles.spare(op, user, &self.job));
        match spared {
            None => true,
            Some(reason) => {
                self.fail(op, user, reason);
                false
            }
        }
    }
}

/// Reason for a call whose look or check became too old.
pub(super) fn grown_old() -> Reason {
    let kind = CallErrorKind::StaleRead;
    Reason::new(kind.code(), kind.to_string())
}

impl From<CallError> for Unsure {
    fn from(error: CallError) -> Self {
        Self::Unread(error)
    }
}
