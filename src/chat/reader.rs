use super::batch_limits::BatchLimits;
use super::call::Call;
use super::caller::{Answer, Caller};
use super::error::CallError;
use super::rate_limit::CallBudget;
use super::wire::{MAX_PAGE_SIZE, MAX_ROOMS_PAGE, MemberRow, Method, RoomDetail, RoomRow};
use crate::model::RoomId;
use std::sync::Arc;

/// The calls that change nothing.
#[derive(Debug, Clone)]
pub struct Reader(pub(super) Arc<Caller>);

impl Reader {
    /// Rows of a full page: a shorter one is a list's last (seed, "Query parameters").
    pub const PAGE_SIZE: usize = MAX_PAGE_SIZE;

    /// Use of each method's call budget now.
    #[must_use]
    pub fn budget(&self) -> Vec<CallBudget> {
        self.0.rate_limiter.budget()
    }

    /// Lets no further call of this client go; those in flight end.
    pub fn close(&self) {
        self.0.close();
    }

    /// Most names in one write call: as configured, or fewer if the service said so.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.0.batch_limits.now()
    }

    /// Puts no more names into one write call than these.
    pub fn lower_batch_limits(&self, most: BatchLimits) {
        self.0.batch_limits.lower(most);
    }

    /// True if members are taken from room detail where it shows all of them.
    #[must_use]
    pub fn bulk_reads(&self) -> bool {
        self.0.config.bulk_reads
    }

    /// True if a call of this method would have to wait for its turn now.
    #[must_use]
    pub fn would_wait(&self, method: Method) -> bool {
        self.0.rate_limiter.would_wait(method)
    }

    /// A page of the member list, from 1: owner and members. Admins are among the members.
    pub async fn list_members(&self, room: &RoomId, page: u32) -> Result<Answer<Vec<MemberRow>>, CallError> {
        self.0
            .call(&Call::list_members(room, page, Self::PAGE_SIZE))
            .await
    }

    /// All admins, as the service spells them.
    pub async fn list_admins(&self, room: &RoomId) -> Result<Answer<Vec<String>>, CallError> {
        self.0.call(&Call::list_admins(room)).await
    }

    /// Detail of up to [`wire::MAX_DETAIL_ROOMS`](super::wire::MAX_DETAIL_ROOMS) rooms.
    pub async fn room_detail(&self, rooms: &[&RoomId]) -> Result<Vec<RoomDetail>, CallError> {
        Ok(self.0.call(&Call::room_detail(rooms)).await?.data)
    }

    /// A page of the app's rooms: the first one, or the one that a cursor leads to.
    pub async fn list_rooms(&self, cursor: Option<&str>) -> Result<Answer<Vec<RoomRow>>, CallError> {
        self.0.call(&Call::list_rooms(MAX_ROOMS_PAGE, cursor)).await
    }
}
