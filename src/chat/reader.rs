use super::batch_limits::BatchLimits;
use super::call::Call;
use super::caller::{Answer, Caller};
use super::credentials::TokenExpiry;
use super::detail_support::{DetailUse, NextDetail};
use super::error::CallError;
use super::rate_limit::CallBudget;
use super::wire::{MAX_PAGE_SIZE, MAX_ROOMS_PAGE, MemberRow, Method, RoomDetail, RoomRow, Rows};
use crate::model::RoomId;
use std::sync::Arc;

/// The calls that change nothing.
#[derive(Debug, Clone)]
pub struct Reader(pub(super) Arc<Caller>);

impl Reader {
    /// Rows asked for on a page (seed, "Query parameters"). A server may serve fewer.
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

    /// Most names in one call of this method by now; no bound for a method that takes one.
    #[must_use]
    pub fn most_names(&self, method: Method) -> usize {
        self.0.batch_limits.most(method)
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

    /// End of the token's life, if there is one already and its end is known.
    #[must_use]
    pub fn token_expiry(&self) -> Option<TokenExpiry> {
        self.0.config.token.expiry()
    }

    /// A page of the member list, from 1: owner and members. Admins are among the members.
    pub async fn list_members(&self, room: &RoomId, page: u32) -> Result<Answer<Rows<MemberRow>>, CallError> {
        self.0
            .call(&Call::list_members(room, page, Self::PAGE_SIZE))
            .await
    }

    /// All admins, as the service spells them.
    pub async fn list_admins(&self, room: &RoomId) -> Result<Answer<Rows<String>>, CallError> {
        self.0.call(&Call::list_admins(room)).await
    }

    /// Everyone on the room's allow list, as the service spells them; owner and admins are on it by themselves.
    pub async fn list_allowed(&self, room: &RoomId) -> Result<Answer<Rows<String>>, CallError> {
        self.0.call(&Call::list_allowed(room)).await
    }

    /// Detail of up to [`wire::MAX_DETAIL_ROOMS`](super::wire::MAX_DETAIL_ROOMS) rooms.
    pub async fn room_detail(&self, rooms: &[&RoomId]) -> Result<Vec<RoomDetail>, CallError> {
        let Rows { rows: details, .. } = self.0.call(&Call::room_detail(rooms)).await?.data;
        self.0.detail_support.answered(rooms.len());
        Ok(details)
    }

    /// Use to make of room detail, as far as this server knows it.
    #[must_use]
    pub fn detail_use(&self) -> DetailUse {
        self.0.detail_support.now()
    }

    /// Notes that room detail is answered for one room at a time only.
    pub fn only_single_details(&self) {
        self.0.detail_support.only_single();
    }

    /// Notes whether the detail of one room alone shows everyone, and so saves another call.
    pub fn single_detail_shows(&self, everyone: bool) {
        self.0.detail_support.shows(everyone);
    }

    /// Next step after room detail failed for several rooms of a service that is there.
    #[must_use]
    pub fn after_details_failed(&self) -> NextDetail {
        self.0.detail_support.failed_for_many()
    }

    /// Notes that room detail failed for this room alone. `is_there`: the service answers other calls.
    pub fn detail_failed(&self, room: &RoomId, error: &CallError, is_there: bool) {
        self.0.detail_support.failed(room, error, is_there);
    }

    /// Notes that a room was read, with its detail or without.
    pub fn room_was_read(&self, room: &RoomId) {
        self.0.detail_support.room_was_read(room);
    }

    /// A page of the app's rooms: the first one, or the one that a cursor leads to.
    pub async fn list_rooms(&self, cursor: Option<&str>) -> Result<Answer<Rows<RoomRow>>, CallError> {
        self.0.call(&Call::list_rooms(MAX_ROOMS_PAGE, cursor)).await
    }
}
