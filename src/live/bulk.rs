//! Many rooms, with few calls and few of them in memory at a time.
//!
//! Two askers get room detail, up to 100 rooms an answer, and hand its rooms over one by one to the work on single rooms. They
//! wait while enough is in work, so what is in memory does not grow with the fleet: two answers, and the rooms in work.

use super::admins::read_admins;
use super::detail::{self, Detail, Details};
use super::read::{read_members_from, read_owner_from, read_room_from};
use super::{MemberList, Observed, Owner, ReadRequest};
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::chat::{CallError, CallErrorKind, DetailUse, NextDetail, Reader};
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

/// Reads who owns rooms, and nothing else, and hands them over like [`read_rooms`]. `page` gives the page of a room's member list
/// on which its owner stood before.
pub async fn read_owners(
    reader: &Reader,
    rooms: &[&RoomId],
    page: &dyn Fn(usize) -> Option<u32>,
    each: &dyn Fn(usize, Result<Owner, CallError>),
) -> Result<(), CallError> {
    let read = async |at: usize, room: &RoomId, detail| read_owner_from(reader, room, detail, page(at)).await;
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
        progress: Progress::of_rooms(rooms.len()),
        probed: Cell::new(false),
    };
    let run = &run;
    let (to_work, mut in_work) = mpsc::channel(1);
    let asking = async move {
        tokio::join!(run.ask(&to_work), run.ask(&to_work));
    };
    let working = stream::poll_fn(|cx| in_work.poll_recv(cx)).for_each_concurrent(
        ROOMS_IN_WORK,
        async |(at, detail, _held)| {
            run.progress.turn().await;
            if let Some(room) = rooms.get(at).filter(|_| !run.progress.stopped()) {
                let work = async {
                    let detail = match detail {
                        Some(detail) => detail,
                        None => detail::ask_one(reader, room, run.progress.has_answer()).await?,
                    };
                    work(at, room, detail).await
                };
                run.hand_over(at, work.await);
            }
        },
    );
    tokio::join!(asking, working);
    match run.progress.state.take().stopped {
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
    /// True once another call than room detail was made to see whether the service is there.
    probed: Cell<bool>,
}

/// A room to work on, its detail unless that is still to be asked for, and the place it takes.
type ToWork<'a> = (usize, Option<Detail>, Result<SemaphorePermit<'a>, AcquireError>);

impl<'a, T> Run<'a, T> {
    fn hand_over(&self, at: usize, result: Result<T, CallError>) {
        self.progress.note(result.as_ref().err());
        match result {
            Err(error) if self.progress.is_fatal(&error) => self.progress.stop(error),
            result => (self.each)(at, result),
        }
    }

    /// Asks for details until there is none to ask for.
    async fn ask(&'a self, to_work: &mpsc::Sender<ToWork<'a>>) {
        while let Some(range) = self.todo.next().filter(|_| !self.progress.stopped()) {
            let asked = self.rooms.get(range.clone()).unwrap_or_default();
            if self.probed.get() && !self.progress.has_answer() {
                self.send_unknown(to_work, range).await;
                continue;
            }
            if self.reader.detail_use() != DetailUse::Many || asked.len() == 1 {
                // Whoever works on a room asks for its detail, if it is to be had.
                self.send(to_work, range, asked.iter().map(|_| None)).await;
                continue;
            }
            match detail::ask(self.reader, asked).await {
                Ok(Details { rooms, rows }) => {
                    self.progress.answered();
                    self.todo.answered(range.len(), rows);
                    self.send(to_work, range, rooms).await;
                }
                Err(error) => self.on_refused(to_work, range, asked, error).await,
            }
        }
    }

    /// Hands rooms over to work without their detail: their lists show whether the service is there, and end the run if it is not.
    async fn send_unknown(&'a self, to_work: &mpsc::Sender<ToWork<'a>>, range: Range<usize>) {
        let unknown = range.clone().map(|_| Some(Detail::default()));
        self.send(to_work, range, unknown).await;
    }

    /// Hands rooms over to work.
    async fn send(
        &'a self,
        to_work: &mpsc::Sender<ToWork<'a>>,
        range: Range<usize>,
        details: impl IntoIterator<Item = Option<Detail>>,
    ) {
        for (at, detail) in range.zip(details) {
            let place = self.place.acquire_many(counted(detail.as_ref())).await;
            // Who takes it is there until this ends.
            let _ = to_work.send((at, detail, place)).await;
        }
    }

    /// True if the service is there, as far as this run shows it, or one other call.
    async fn is_there(&self, asked: &[&RoomId]) -> bool {
        if let Some(room) = asked.first()
            && !self.progress.has_answer()
            && !self.probed.replace(true)
        {
            let answer = read_admins(self.reader, room).await;
            if answer.as_ref().err().is_none_or(|error| !error.kind.is_unclear()) {
                self.progress.answered();
            }
        }
        self.progress.has_answer()
    }

    /// Decides about rooms whose detail was refused to all of them together.
    async fn on_refused(
        &'a self,
        to_work: &mpsc::Sender<ToWork<'a>>,
        range: Range<usize>,
        asked: &[&RoomId],
        error: CallError,
    ) {
        let reader = self.reader;
        let is_of_rooms = matches!(error.kind, CallErrorKind::NoSuchRoom(_));
        match &error.kind {
            CallErrorKind::AnswerTooLarge(_) => self.todo.halve(range, &error.kind),
            kind if kind.is_unclear() && !kind.stops_the_run() && !self.is_there(asked).await => {
                self.send_unknown(to_work, range).await;
            }
            kind if kind.is_of_this_call() || is_of_rooms => match reader.after_details_failed() {
                _ if asked.len() == 2 => {
                    let mut details = Vec::with_capacity(asked.len());
                    for room in asked {
                        details.push(detail::ask_one(reader, room, true).await);
                    }
                    let is_known = |detail: &Result<Detail, _>| detail.as_ref().is_ok_and(Detail::is_known);
                    if details.iter().all(is_known) {
                        reader.only_single_details();
                    }
                    let details = details.into_iter().map(Result::ok);
                    self.send(to_work, range, details).await;
                }
                NextDetail::Halves => self.todo.halve(range, kind),
                NextDetail::Pair => self.todo.try_a_pair(range),
            },
            _ => {
                for (at, room) in range.zip(asked) {
                    let room = Some((*room).clone());
                    let error = error.clone();
                    self.hand_over(at, Err(CallError { room, ..error }));
                }
            }
        }
    }
}

/// As how many members a room counts that goes in work.
fn counted(detail: Option<&Detail>) -> u32 {
    let members = detail
        .and_then(|detail| detail.count)
        .unwrap_or(UNKNOWN_SIZE)
        .max(1);
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

    /// Has the first two asked for before the others.
    fn try_a_pair(&self, Range { start, end }: Range<usize>) {
        let pair = start + 2;
        self.ranges.borrow_mut().extend([pair..end, start..pair]);
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

/// After so many reads without a clear answer, and none with one, the service is away.
const AWAY: usize = 3;

/// State of the service, as the reads of one run have shown it.
struct Progress {
    /// Reads without a clear answer that show, without one that has one, that the service is away.
    away: usize,
    /// Turns of the rooms that ask before anything was answered; closed once something was, or nothing will be.
    first: Semaphore,
    state: RefCell<ServiceState>,
}

#[derive(Default)]
struct ServiceState {
    /// True once an answer was clear.
    answered: bool,
    /// Reads that got no clear answer.
    unclear: usize,
    stopped: Option<CallError>,
}

impl Progress {
    fn of_rooms(rooms: usize) -> Self {
        Self {
            away: AWAY.min(rooms),
            first: Semaphore::new(AWAY),
            state: RefCell::default(),
        }
    }

    fn has_answer(&self) -> bool {
        self.state.borrow().answered
    }

    /// A call was answered.
    fn answered(&self) {
        self.state.borrow_mut().answered = true;
        self.first.close();
    }

    /// Waits for a room's turn: as long as nothing was answered, few rooms ask.
    async fn turn(&self) {
        if let Ok(turn) = self.first.acquire().await {
            turn.forget();
        }
    }

    /// Notes how a read ended.
    fn note(&self, error: Option<&CallError>) {
        match error {
            Some(error) if error.kind.may_be_the_service() => self.state.borrow_mut().unclear += 1,
            _ => self.answered(),
        }
    }

    /// True if the other reads would end the same way. A service that gives no clear answer to the first of them is away.
    fn is_fatal(&self, error: &CallError) -> bool {
        let state = self.state.borrow();
        let is_away = !state.answered && state.unclear >= self.away;
        error.kind.stops_the_run() || (is_away && error.kind.may_be_the_service())
    }

    fn stop(&self, error: CallError) {
        self.state.borrow_mut().stopped.get_or_insert(error);
        self.first.close();
    }

    fn stopped(&self) -> bool {
        self.state.borrow().stopped.is_some()
    }
}
