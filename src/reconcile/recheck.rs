//! Rooms in work, read and planned again.
//!
//! The service removes whom it is told to, the owner too, and knows no call with a condition. So roles are read right before, and
//! again in a long series.

use super::owner_reads::OwnerReads;
use super::pass::sizes;
use crate::apply::{Reason, Recheck, Replanned, Roles, UnknownRoles};
use crate::chat::wire::Method;
use crate::chat::{CallError, Reader};
use crate::desired::DesiredRoom;
use crate::live::{self, ReadRequest};
use crate::model::{ReasonCode, UserId};
use crate::plan::{self, Approved, Constraints, Invite, RoomPlan, Step};
use futures_util::future::{LocalBoxFuture, join};
use std::collections::VecDeque;
use tokio::time::Instant;

/// Rereads the rooms of one run from the service.
pub struct ServiceRecheck {
    reader: Reader,
    owners: OwnerReads,
}

impl ServiceRecheck {
    /// Rereads by this reader.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            owners: OwnerReads::new(),
        }
    }

    async fn read_roles(&self, plan: &RoomPlan) -> Result<Roles, UnknownRoles> {
        let begun = Instant::now();
        let live = plan.live.as_ref();
        let rows = usize::try_from(live.map_or(0, |live| live.members)).unwrap_or(usize::MAX);
        let page = live.and_then(|live| live.owner_page);
        let admins = live::read_admins_at(&self.reader, &plan.id);
        let owner = self.owners.owner(&self.reader, &plan.id, rows, page);
        let (admins, owner, sent_at) = if self.reader.would_wait(Method::ListAdmins) {
            // The owner only afterwards: what is read before a long wait has grown old after it.
            let (admins, sent_at) = admins.await?;
            (admins, owner.await?, sent_at)
        } else {
            let (admins, owner) = join(admins, owner).await;
            (admins?.0, owner?, begun)
        };
        match owner.inconsistency.or(admins.inconsistency) {
            Some(inconsistency) => Err(UnknownRoles::Inconsistent(inconsistency)),
            None => Ok(Roles {
                owner: owner.name,
                admins: admins.names,
                sent_at,
            }),
        }
    }

    async fn look_again(
        &self,
        desired: &DesiredRoom,
        rest: &[Step],
        reserves: &VecDeque<UserId>,
        approved: &Approved,
    ) -> Result<Replanned, CallError> {
        let begun = Instant::now();
        let observed = live::read_room(&self.reader, ReadRequest::from(desired)).await?;
        // Constraints would take out only what is not in `rest` anyway; who is in it was to be invited.
        let constraints = Constraints {
            invite: Invite::Everybody,
            approved: approved.clone(),
            ..Constraints::default()
        };
        let plan = match plan::diff(desired, &observed, &constraints) {
            Ok(diff) => Ok(diff
                .revalidate(rest, reserves, desired)
                .into_plan(sizes(&self.reader))),
            Err(failed) => Err(failed.error.as_ref().map_or_else(
                || Reason::new(ReasonCode::Moved, "the room has changed"),
                Reason::from,
            )),
        };
        Ok(Replanned {
            observed,
            begun,
            plan,
        })
    }
}

impl Recheck for ServiceRecheck {
    fn roles<'a>(&'a self, plan: &'a RoomPlan) -> LocalBoxFuture<'a, Result<Roles, UnknownRoles>> {
        Box::pin(self.read_roles(plan))
    }

    fn replan<'a>(
        &'a self,
        desired: &'a DesiredRoom,
        rest: &'a [Step],
        reserves: &'a VecDeque<UserId>,
        approved: &'a Approved,
    ) -> LocalBoxFuture<'a, Result<Replanned, CallError>> {
        Box::pin(self.look_again(desired, rest, reserves, approved))
    }
}
