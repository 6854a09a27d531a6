//! Many rooms, with few calls and few of them in memory at a time.
//!
//! Two askers get room detail, up to 100 rooms an answer, and hand its rooms over one by one to the work on single rooms. They
//! wait while enough is in work, so what is in memory does not grow with the fleet: two answers, and the rooms in work.

use super::detail::{self, Detail, Details};
use super::read::{read_members_from, read_owner_from, read_room_from};
use super::{MemberList, Observed, Owner, ReadRequest};
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::chat::{CallError, CallErrorKind, Reader};
use crate::model::RoomId;
use futures_util::stream::{self, StreamExt as _};
use std::cell::{Cell, RefCell};
use std::ops::Range;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, mpsc};

/// Most rooms in work at a time: what the service lets one method do in a second, and more than are answered in the
/// time that one call takes.
const ROOMS_IN_WORK: usize = 100;
/// Most members of all rooms in work together.
const MEMBERS_IN_WORK: u32 = 200_000;
/// As how many a room counts at most: so that one that takes its time does not keep the others waiting.
const MOST_COUNTED: u32 = MEMBERS_IN_WORK / 4;
/// Members that a room of unknown size counts for.
const UNKNOWN_SIZE: u64 = 1_000;
/// Rows that an answer should have at most. Twice as many of the longest names are about as large as an answer may be.
pub const ROWS_AN_ANSWER: usize = 100_000;
/// By how many rooms more the next call asks after an answer that was not too large. Little, because it costs an answer that is
/// thrown away to find out again how many are too many.
const GROWTH: usize = 2;

/// Looks at all rooms, many at a time, and hands each over as soon as it is known, with its place in `requests`.
///
/// The error is what makes every other look end the same way: then not all rooms are handed over.
pub async fn read_rooms(
    reader: &Reader,
    requests: &[ReadRequest<'_>],
    each: &dyn Fn(usize, Result<Observed, CallError>),
) -> Result<(), CallError> {
    let rooms: Vec<&RoomId> = requests.iter().map(|request| request.room).collect();
    let look = async |at: usize, room: &RoomId, detail| {
        let request = requests.get(at).copied().unwrap_or(ReadRequest::of_all(room));
        read_room_from(reader, request, detail).await
    };
    each_room(reader, &rooms, look, each).await
}

/// Reads the members of rooms, and nothing else, and hands them over like [`read_rooms`]: to tell who of those that were added is
/// there. Nobody's removal can be made from that.
pub async fn read_members(
    reader: &Reader,
    rooms: &[&RoomId],
    each: &dyn Fn(usize, Result<MemberList, CallError>),
) -> Result<(), CallError> {
    let read = async |_: usize, room: &RoomId, detail| read_members_from(reader, room, detail).await;
    each_room(reader, rooms, read, each).await
}

/// Reads who owns rooms, and nothing else, and hands them over like [`read_rooms`].
pub async fn read_owners(
    reader: &Reader,
    rooms: &[&RoomId],
    each: &dyn Fn(usize, Result<Owner, CallError>),
) -> Result<(), CallError> {
    let read = async |_: usize, room: &RoomId, detail| read_owner_from(reader, room, detail).await;
    each_room(reader, rooms, read, each).await
}

/// Asks for the detail of all rooms, does the work on each, and hands over what comes of it.
async fn each_room<T>(
    reader: &Reader,
    rooms: &[&RoomId],
    work: impl AsyncFn(usize, &RoomId, Detail) -> Result<T, CallError>,
    each: &dyn Fn(usize, Result<T, CallError>),
) -> Result<(), CallError> {
    let run = Run {
        reader,
        rooms,
        each,
        todo: Todo::new(rooms.len()),
        place: Semaphore::new(MEMBERS_IN_WORK as usize),
        progress: Progress::default(),
    };
    let run = &run;
    let (to_work, mut in_work) = mpsc::channel(1);
    let asking = async move {
        tokio::join!(run.ask(&to_work), run.ask(&to_work));
    };
    let working = stream::poll_fn(|cx| in_work.poll_recv(cx)).for_each_concurrent(
        ROOMS_IN_WORK,
        async |(at, detail, _held)| {
            if let Some(room) = rooms.get(at).filter(|_| !run.progress.stopped()) {
                run.hand_over(at, work(at, room, detail).await);
            }
        },
    );
    tokio::join!(asking, working);
    match run.progress.0.take().stopped {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// State shared by those who ask for details and those who work on rooms.
struct Run<'a, T> {
    reader: &'a Reader,
    rooms: &'a [&'a RoomId],
    each: &'a dyn Fn(usize, Result<T, CallError>),
    todo: Todo,
    /// For the members of the rooms in work.
    place: Semaphore,
    progress: Progress,
}

/// A room to work on, and the place it takes.
type ToWork<'a> = (usize, Detail, Result<SemaphorePermit<'a>, AcquireError>);

impl<'a, T> Run<'a, T> {
    fn hand_over(&self, at: usize, result: Result<T, CallError>) {
        match result {
            Err(error) if self.progress.is_fatal(&error) => self.progress.stop(error),
            result => (self.each)(at, result),
        }
    }

    /// Asks for details until there is none to ask for.
    async fn ask(&'a self, to_work: &mpsc::Sender<ToWork<'a>>) {
        while let Some(range) = self.todo.next().filter(|_| !self.progress.stopped()) {
            let asked = self.rooms.get(range.clone()).unwrap_or_default();
            let answer = detail::ask(self.reader, asked).await;
            self.progress.note(answer.as_ref().err());
            match answer {
                Ok(Details { rooms, rows }) => {
                    self.todo.answered(range.len(), rows);
                    for (at, detail) in range.zip(rooms) {
                        match detail {
                            Ok(detail) => {
                                let place = self.place.acquire_many(counted(&detail)).await;
                                // Who takes it is there until this ends.
                                let _ = to_work.send((at, detail, place)).await;
                            }
                            Err(error) => self.hand_over(at, Err(error)),
                        }
                    }
                }
                // One bad room can spoil the answer for all.
                Err(error) if range.len() > 1 && error.kind.smaller_call_may_succeed() => {
                    self.todo.halve(range, &error.kind);
                }
                Err(error) => {
                    for (at, room) in range.zip(asked) {
                        let room = Some((*room).clone());
                        self.hand_over(
                            at,
                            Err(CallError {
                                room,
                                ..error.clone()
                            }),
                        );
                    }
                }
            }
        }
    }
}

/// As how many members a room counts that goes in work.
fn counted(detail: &Detail) -> u32 {
    let members = detail.count.unwrap_or(UNKNOWN_SIZE).max(1);
    u32::try_from(members).map_or(MOST_COUNTED, |members| members.min(MOST_COUNTED))
}

/// The rooms whose detail is still to be asked for, and how many to ask for at a time.
struct Todo {
    /// The next ones last.
    ranges: RefCell<Vec<Range<usize>>>,
    at_once: Cell<usize>,
}

impl Todo {
    fn new(rooms: usize) -> Self {
        Self {
            ranges: RefCell::new(Vec::from_iter((rooms > 0).then_some(0..rooms))),
            at_once: Cell::new(MAX_DETAIL_ROOMS),
        }
    }

    fn next(&self) -> Option<Range<usize>> {
        let mut ranges = self.ranges.borrow_mut();
        let Range { start, end } = ranges.pop()?;
        let middle = end.min(start + self.at_once.get());
        if middle < end {
            ranges.push(middle..end);
        }
        Some(start..middle)
    }

    /// Notes how many rows so many rooms had: the next answers are to have no more than is good.
    fn answered(&self, rooms: usize, rows: usize) {
        let fit = ROWS_AN_ANSWER * rooms / rows.max(1);
        let now = self.at_once.get();
        let growth = if rooms >= now { GROWTH } else { 0 };
        self.at_once.set(fit.clamp(1, MAX_DETAIL_ROOMS.min(now + growth)));
    }

    /// Has these asked for in two halves.
    fn halve(&self, Range { start, end }: Range<usize>, kind: &CallErrorKind) {
        let middle = start.midpoint(end);
        self.ranges.borrow_mut().extend([middle..end, start..middle]);
        if matches!(kind, CallErrorKind::AnswerTooLarge(_)) {
            self.at_once.set(self.at_once.get().min(middle - start).max(1));
        }
    }
}

/// State of the service, as the reads of one run have shown it.
#[derive(Default)]
struct Progress(RefCell<ServiceState>);

#[derive(Default)]
struct ServiceState {
    /// True once an answer was clear.
    answered: bool,
    stopped: Option<CallError>,
}

impl Progress {
    /// Notes how a call ended.
    fn note(&self, error: Option<&CallError>) {
        let unclear = error.is_some_and(|error| {
            matches!(
                error.kind,
                CallErrorKind::NoClearAnswer(_) | CallErrorKind::ServiceUnreachable(_)
            )
        });
        self.0.borrow_mut().answered |= !unclear;
    }

    /// True if the other reads would end the same way. A service that has never given a clear answer is away.
    fn is_fatal(&self, error: &CallError) -> bool {
        let never_answered = !self.0.borrow().answered;
        error.kind.stops_the_run()
            || (never_answered && matches!(error.kind, CallErrorKind::NoClearAnswer(_)))
    }

    fn stop(&self, error: CallError) {
        self.0.borrow_mut().stopped.get_or_insert(error);
    }

    fn stopped(&self) -> bool {
        self.0.borrow().stopped.is_some()
    }
}
