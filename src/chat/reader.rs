use super::call::Call;
use super::wire::{Envelope, MAX_PAGE_SIZE, MAX_ROOMS_PAGE, MemberRow, Method, RoomDetail, RoomRow};
use super::{BatchLimits, CallBudget, CallError, Client};
use crate::model::RoomId;
use tokio::time::Instant;

/// The calls that change nothing.
#[derive(Debug, Clone)]
pub struct Reader(Client);

/// The rows of a list, or of a page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    /// In no order.
    pub rows: Vec<T>,
    /// How many rows the answer says it has.
    pub count: Option<u64>,
}

/// A page of the app's rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPage {
    /// In no order.
    pub rows: Vec<RoomRow>,
    /// Where the next page begins; `None`: this is the last one.
    pub cursor: Option<String>,
}

impl<T> From<Envelope<Vec<T>>> for List<T> {
    fn from(envelope: Envelope<Vec<T>>) -> Self {
        Self {
            rows: envelope.data,
            count: envelope.count,
        }
    }
}

impl Reader {
    /// A page that is shorter than this is a list's last one (seed, "Query parameters").
    pub const PAGE_SIZE: usize = MAX_PAGE_SIZE;

    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    /// How much of each method's call budget is in use now.
    #[must_use]
    pub fn budget(&self) -> Vec<CallBudget> {
        self.0.budget()
    }

    /// Lets no further call go over this client; those in flight end.
    pub fn close(&self) {
        self.0.close();
    }

    /// How many names would go into one write call.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        self.0.batch_limits()
    }

    /// Puts no more names into one write call than these.
    pub fn lower_batch_limits(&self, most: BatchLimits) {
        self.0.lower_batch_limits(most);
    }

    /// Whether members are taken from room detail, where it shows all of them.
    #[must_use]
    pub fn bulk_reads(&self) -> bool {
        self.0.bulk_reads()
    }

    /// A page of the member list, from 1: owner and members. Admins are among the members.
    pub async fn list_members(&self, room: &RoomId, page: u32) -> Result<List<MemberRow>, CallError> {
        let call = Call::list_members(room, page, Self::PAGE_SIZE);
        Ok(self.0.call::<Vec<MemberRow>>(call).await?.into())
    }

    /// All admins, as the service spells them, and when the call was sent that told so.
    pub async fn list_admins(&self, room: &RoomId) -> Result<(List<String>, Instant), CallError> {
        let call = Call::list_admins(room);
        let (envelope, sent_at) = self.0.call_at::<Vec<String>>(call).await?;
        Ok((envelope.into(), sent_at))
    }

    /// True if a call of this method would have to wait for its turn now.
    #[must_use]
    pub fn would_wait(&self, method: Method) -> bool {
        self.0.would_wait(method)
    }

    /// Detail of up to [`wire::MAX_DETAIL_ROOMS`](super::wire::MAX_DETAIL_ROOMS) rooms.
    pub async fn room_detail(&self, rooms: &[&RoomId]) -> Result<Vec<RoomDetail>, CallError> {
        Ok(self.0.call(Call::room_detail(rooms)).await?.data)
    }

    /// A page of the app's rooms: the first one, or the one that a cursor leads to.
    pub async fn list_rooms(&self, cursor: Option<&str>) -> Result<RoomPage, CallError> {
        let call = Call::list_rooms(MAX_ROOMS_PAGE, cursor);
        let Envelope { data, cursor, .. } = self.0.call::<Vec<RoomRow>>(call).await?;
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        Ok(RoomPage { rows: data, cursor })
    }
}
