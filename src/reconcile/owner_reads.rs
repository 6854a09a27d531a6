//! Owners of rooms in work: rooms that need theirs at about the same time share one call.

use crate::chat::wire::{MAX_DETAIL_ROOMS, Method};
use crate::chat::{CallError, CallErrorKind, Reader};
use crate::live::{self, Owner, ROWS_AN_ANSWER, Waiter, fan_out};
use crate::model::RoomId;
use futures_util::future::join;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::sleep;

/// Time for which a room waits for others, so that one call reads the owners of all.
const LINGER: Duration = Duration::from_millis(50);
/// Most such calls in flight. Meanwhile others gather.
const CALLS: usize = 2;

/// Reads owners for the rooms of a run.
pub(super) struct OwnerReads {
    waiting: RefCell<VecDeque<Waiting>>,
    turns: Semaphore,
}

/// A room, and where to tell its owner.
type Asked = (RoomId, Waiter<Owner>);

/// A room whose owner is asked for.
struct Waiting {
    room: RoomId,
    /// About so many rows its detail has.
    rows: usize,
    /// Page of its member list on which the owner stood.
    page: Option<u32>,
    told: Waiter<Owner>,
}

impl OwnerReads {
    pub(super) fn new() -> Self {
        Self {
            waiting: RefCell::default(),
            turns: Semaphore::new(CALLS),
        }
    }

    /// Reads who owns a room, together with those of others that are asked for at the same time.
    pub(super) async fn owner(
        &self,
        reader: &Reader,
        room: &RoomId,
        rows: usize,
        page: Option<u32>,
    ) -> Result<Owner, CallError> {
        let (told, mut owner) = oneshot::channel();
        self.waiting.borrow_mut().push_back(Waiting {
            room: room.clone(),
            rows,
            page,
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
            let (waiting, pages) = self.next();
            let page = |at: usize| pages.get(at).copied().flatten();
            fan_out(waiting, async |rooms, each| {
                live::read_owners(reader, rooms, &page, each).await
            })
            .await;
            drop(turn);
        };
        let (owner, ()) = join(owner, reading).await;
        owner.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes as many of those that wait, the first first, as one call can be about. With them, the page of each.
    fn next(&self) -> (Vec<Asked>, Vec<Option<u32>>) {
        let mut waiting = self.waiting.borrow_mut();
        let mut rows = 0;
        let mut fits = |next: &Waiting| {
            rows += next.rows;
            rows <= ROWS_AN_ANSWER || rows == next.rows
        };
        let most = waiting.len().min(MAX_DETAIL_ROOMS);
        let number = waiting.iter().take(most).take_while(|next| fits(next)).count();
        let next = waiting.drain(..number);
        next.map(|next| ((next.room, next.told), next.page)).unzip()
    }
}
