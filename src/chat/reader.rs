use super::call::Call;
use super::wire::{Envelope, MAX_PAGE_SIZE, MemberRow, RoomDetail};
use super::{CallError, Connection};
use crate::model::RoomId;

/// The calls that change nothing.
#[derive(Debug, Clone)]
pub struct Reader(Connection);

/// One page of a member list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Owner and members, in no order.
    pub rows: Vec<MemberRow>,
    /// How many rows the page says it has.
    pub count: Option<u64>,
}

impl Reader {
    /// A page that is shorter than this is a list's last one (seed, "Query parameters").
    pub const PAGE_SIZE: usize = MAX_PAGE_SIZE;

    pub(super) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// A page of the member list, from 1. Admins are among the members.
    pub async fn list_members(&self, room: &RoomId, page: u32) -> Result<Page, CallError> {
        let call = Call::list_members(room, page, Self::PAGE_SIZE);
        let Envelope {
            data: rows, count, ..
        } = self.0.call(call).await?;
        Ok(Page { rows, count })
    }

    /// All admins, as the service spells them.
    pub async fn list_admins(&self, room: &RoomId) -> Result<Vec<String>, CallError> {
        Ok(self.0.call(Call::list_admins(room)).await?.data)
    }

    /// Detail of up to [`wire::MAX_DETAIL_ROOMS`](super::wire::MAX_DETAIL_ROOMS) rooms.
    pub async fn room_detail(&self, rooms: &[RoomId]) -> Result<Vec<RoomDetail>, CallError> {
        Ok(self.0.call(Call::room_detail(rooms)).await?.data)
    }
}
