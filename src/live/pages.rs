//! The member list, page after page.

use super::Inconsistency;
use super::people::People;
use crate::chat::wire::{MemberRow, Rows};
use crate::chat::{Answer, CallError, Reader};
use crate::model::RoomId;
use futures_util::stream::{self, StreamExt as _};
use std::cell::Cell;
use std::future::ready;
use std::pin::pin;

/// Most pages of a room on their way at a time.
const AT_ONCE: usize = 8;

/// Reads the pages of a list to its end, several at a time where room detail has `said` how many people there are. With the
/// people, how the pages contradict each other, if they do.
pub(super) async fn read(
    reader: &Reader,
    room: &RoomId,
    said: Option<u64>,
) -> Result<(People, Option<Inconsistency>), CallError> {
    let mut list = List {
        said,
        ..List::default()
    };
    let read = |number| reader.list_members(room, number);
    loop {
        let next = list.number + 1;
        let ended = Cell::new(false);
        let goes_on = |_: &u32| ready(!ended.get());
        let pages = stream::iter(next..=list.foretold().max(next));
        let mut pages = pin!(pages.take_while(goes_on).map(read).buffered(AT_ONCE));
        let mut end = None;
        while let Some(page) = pages.next().await {
            // What is on its way has been asked of the service: it counts against the call rate until it is answered.
            if end.is_none() {
                end = list.take(page).transpose();
                ended.set(end.is_some());
            }
        }
        if let Some(end) = end {
            return end.map(|inconsistency| (list.people, inconsistency));
        }
    }
}

/// A member list, as far as it is read.
///
/// A server may serve smaller pages than it is asked for, and need not say so: what the first page holds is the size. The end is
/// known by the number of people that room detail tells, by a page that is shorter than the first, or by one that is empty or
/// refused.
#[derive(Default)]
struct List {
    people: People,
    /// People by room detail, the owner counted.
    said: Option<u64>,
    /// Pages so far.
    number: u32,
    /// Rows of the first page.
    size: Option<usize>,
}

impl List {
    /// Number of the last page, if the number of people is right.
    fn foretold(&self) -> u32 {
        let size = self.size.unwrap_or(Reader::PAGE_SIZE).max(1) as u64;
        let pages = self.said.unwrap_or_default().div_ceil(size);
        u32::try_from(pages).unwrap_or(u32::MAX - 1)
    }

    /// Takes the next page in. At the end of the list, gives the contradiction between the pages, if there is one.
    fn take(
        &mut self,
        page: Result<Answer<Rows<MemberRow>>, CallError>,
    ) -> Result<Option<Option<Inconsistency>>, CallError> {
        self.number += 1;
        let number = self.number;
        let page = match page {
            // Past the end there need not be an empty page.
            Err(error) if number > 1 && error.kind.is_past_the_end() => None,
            page => Some(page?),
        };
        let (rows, count, unreadable) = page.map_or((Vec::new(), None, 0), |page| {
            (page.data.rows, page.count, page.data.unreadable)
        });
        let shown = rows.len() + unreadable;
        let before = self.people.listed();
        self.people.take(rows);
        if self.people.owner.is_some() {
            self.people.owner_page.get_or_insert(number);
        }
        let is_empty = shown == 0;
        let contradiction = if unreadable > 0 {
            Some(Inconsistency::UnreadableRows {
                page: number,
                rows: unreadable,
            })
        } else if let Some(count) = count.filter(|count| *count != shown as u64) {
            Some(Inconsistency::Count {
                page: number,
                rows: shown,
                count,
            })
        } else if is_empty && self.missing() > if number == 1 { 1 } else { self.slack() } {
            // The owner may have left the room and still be counted.
            Some(Inconsistency::EmptyPage(number))
        } else if !is_empty && number > 1 && self.people.listed() == before {
            Some(Inconsistency::PageRepeats(number))
        } else {
            None
        };
        if contradiction.is_some() {
            return Ok(Some(contradiction));
        }
        let size = *self.size.get_or_insert(shown);
        // One who is missing may be an owner who has left and is still counted, or somebody on the next page.
        let is_all = self
            .said
            .is_some_and(|said| self.people.listed() <= said + self.slack())
            && self.missing() == 0;
        if !is_empty && shown >= size && !is_all {
            return Ok(None);
        }
        let listed = self.people.listed();
        let far = self.said.filter(|said| said.abs_diff(listed) > self.slack());
        Ok(Some(far.map(|detail| Inconsistency::Size { listed, detail })))
    }

    /// People who are said to be there and were not listed.
    fn missing(&self) -> u64 {
        self.said.unwrap_or_default().saturating_sub(self.people.listed())
    }

    /// Distance that the list may have from room detail's count: people come and go between the two calls.
    fn slack(&self) -> u64 {
        2 + self.said.unwrap_or_default() / 20
    }
}
