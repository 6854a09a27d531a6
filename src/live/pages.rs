//! The member list, page after page.

use super::Inconsistency;
use super::people::People;
use crate::chat::wire::MemberRow;
use crate::chat::{Answer, CallError, Reader};
use crate::model::RoomId;
use futures_util::stream::{self, Stream, StreamExt as _};
use std::cell::Cell;
use std::future::ready;
use std::pin::pin;

/// Most pages of a room on their way at a time.
const AT_ONCE: usize = 8;

/// Reads pages until one is shorter than asked for, several at a time where room detail has `said` how many people there are.
/// With it, how they contradict each other, if they do.
pub(super) async fn read(
    reader: &Reader,
    room: &RoomId,
    said: Option<u64>,
) -> Result<(People, Option<Inconsistency>), CallError> {
    let ended = Cell::new(false);
    // As many as there are if the count is right, the short one at the end among them.
    let foretold = said.unwrap_or_default() / Reader::PAGE_SIZE as u64 + 1;
    let foretold = u32::try_from(foretold).unwrap_or(u32::MAX - 1);
    let read = |number| reader.list_members(room, number);
    let goes_on = |_: &u32| ready(!ended.get());
    let ahead = stream::iter(1..=foretold)
        .take_while(goes_on)
        .map(read)
        .buffered(AT_ONCE);
    let beyond = stream::iter(foretold + 1..).take_while(goes_on).then(read);
    let mut pages = pin!(ahead.chain(beyond));
    let mut people = People::default();
    let outcome = take(&mut people, &mut pages, said).await;
    ended.set(true);
    // What is on its way has been asked of the service: it counts against the call rate until it is answered.
    while pages.next().await.is_some() {}
    outcome.map(|inconsistency| (people, inconsistency))
}

/// Takes pages in, in their order, to the end of the list.
async fn take(
    people: &mut People,
    pages: &mut (impl Stream<Item = Result<Answer<Vec<MemberRow>>, CallError>> + Unpin),
    said: Option<u64>,
) -> Result<Option<Inconsistency>, CallError> {
    let mut number = 0;
    while let Some(page) = pages.next().await {
        let page = page?;
        number += 1;
        let rows = page.data.len();
        if let Some(count) = page.count.filter(|count| *count != rows as u64) {
            people.take(page.data);
            return Ok(Some(Inconsistency::Count {
                page: number,
                rows,
                count,
            }));
        }
        let before = people.listed();
        people.take(page.data);
        let missing = said.unwrap_or_default().saturating_sub(people.listed());
        // The owner may have left the room and still be counted.
        if rows == 0
            && missing
                > if number == 1 {
                    1
                } else {
                    slack(said.unwrap_or_default())
                }
        {
            return Ok(Some(Inconsistency::EmptyPage(number)));
        }
        if rows > 0 && number > 1 && people.listed() == before {
            return Ok(Some(Inconsistency::PageRepeats(number)));
        }
        if rows < Reader::PAGE_SIZE {
            break;
        }
    }
    let listed = people.listed();
    let far = said.filter(|detail| detail.abs_diff(listed) > slack(*detail));
    Ok(far.map(|detail| Inconsistency::Size { listed, detail }))
}

/// Distance that a list may have from room detail's count: people come and go between the two calls.
fn slack(count: u64) -> u64 {
    2 + count / 20
}
