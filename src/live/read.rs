use super::{Contradiction, LiveRoom, Observed};
use crate::chat::wire::{MAX_DETAIL_ROOMS, MemberRow, Method, RoomDetail};
use crate::chat::{CallError, Fault, List, Reader};
use crate::desired::DesiredRoom;
use crate::model::{MemberSet, Mode, RoomId, UserId};
use futures_util::stream::{self, StreamExt as _};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use tokio::time::Instant;

/// How often a room is read whose answers contradict each other.
const TRIES: usize = 3;
/// How many room details are on their way at a time, each with the rooms of the one before in work.
const CHUNKS: usize = 4;

/// What to look at, and what depends on the answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The room.
    pub room: &'a RoomId,
    /// Where members may be removed but admins are not managed, the wanted members: if somebody else is there who is not
    /// an admin, only a second, equal list of the admins proves that.
    pub spared_admins: Option<&'a MemberSet>,
}

impl<'a> Question<'a> {
    /// Who is there, for nobody's removal.
    #[must_use]
    pub fn of_all(room: &'a RoomId) -> Self {
        Self {
            room,
            spared_admins: None,
        }
    }
}

impl<'a> From<&'a DesiredRoom> for Question<'a> {
    fn from(desired: &'a DesiredRoom) -> Self {
        let DesiredRoom {
            id: room,
            members,
            admins,
            mode,
            ..
        } = desired;
        let may_remove = *mode != Mode::Additive && admins.is_none();
        Self {
            room,
            spared_admins: members.as_ref().filter(|_| may_remove),
        }
    }
}

/// Looks at all rooms, many at a time, and hands each over as soon as it is known, with its place in `questions`.
///
/// The error is what makes every other look end the same way: then not all rooms are handed over.
pub async fn fleet(
    reader: &Reader,
    questions: &[Question<'_>],
    each: &dyn Fn(usize, Result<Observed, CallError>),
) -> Result<(), CallError> {
    let progress = Progress::default();
    let progress = &progress;
    let hand_over = |at, observed: Result<Observed, CallError>| match observed {
        Err(error) if progress.is_fatal(&error) => progress.stop(error),
        observed => each(at, observed),
    };
    stream::iter(questions.chunks(MAX_DETAIL_ROOMS).enumerate())
        .for_each_concurrent(CHUNKS, async |(chunk, questions)| {
            if progress.stopped() {
                return;
            }
            let ids = questions.iter().map(|question| question.room.clone()).collect();
            let details = details(reader, ids).await;
            let clear = |detail: &Result<_, CallError>| {
                !matches!(
                    detail,
                    Err(CallError {
                        fault: Fault::Unclear(_) | Fault::Unsent(_),
                        ..
                    })
                )
            };
            progress.0.borrow_mut().answered |= details.iter().any(clear);
            stream::iter(questions.iter().zip(details).enumerate())
                .for_each_concurrent(None, async |(at, (question, detail))| {
                    let observed = match detail {
                        Ok(_) if progress.stopped() => return,
                        Ok(detail) => look_from(reader, *question, detail).await,
                        Err(error) => Err(error),
                    };
                    hand_over(chunk * MAX_DETAIL_ROOMS + at, observed);
                })
                .await;
        })
        .await;
    match progress.0.take().stopped {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// What the looks of one run have shown of the service itself.
#[derive(Default)]
struct Progress(RefCell<ServiceState>);

#[derive(Default)]
struct ServiceState {
    /// Whether any answer was clear.
    answered: bool,
    stopped: Option<CallError>,
}

impl Progress {
    /// Whether the other looks would end the same way. A service that has never given a clear answer is away.
    fn is_fatal(&self, error: &CallError) -> bool {
        let never_answered = !self.0.borrow().answered;
        error.fault.stops_the_run() || (never_answered && matches!(error.fault, Fault::Unclear(_)))
    }

    fn stop(&self, error: CallError) {
        self.0.borrow_mut().stopped.get_or_insert(error);
    }

    fn stopped(&self) -> bool {
        self.0.borrow().stopped.is_some()
    }
}

/// Looks at one room.
pub async fn look(reader: &Reader, question: Question<'_>) -> Result<Observed, CallError> {
    let detail = detail(reader, question.room).await?;
    look_from(reader, question, detail).await
}

async fn detail(reader: &Reader, room: &RoomId) -> Result<RoomDetail, CallError> {
    let rooms = reader.room_detail(std::slice::from_ref(room)).await?;
    rooms
        .into_iter()
        .find(|detail| detail.id == room.as_str())
        .ok_or_else(|| unknown_room(room))
}

fn unknown_room(room: &RoomId) -> CallError {
    let fault = Fault::NoRoom(format!("room detail does not show {room}"));
    CallError {
        method: Method::RoomDetail,
        room: Some(room.clone()),
        fault,
    }
}

/// Asks for the detail of many rooms, and gives an answer for each, in their order. One bad room can spoil the answer for
/// all, so a call that fails for what it asks is halved until the failure is that of a single room.
async fn details(reader: &Reader, ids: Vec<RoomId>) -> Vec<Result<RoomDetail, CallError>> {
    let mut found = Vec::with_capacity(ids.len());
    let mut todo = vec![ids];
    while let Some(mut ids) = todo.pop() {
        match reader.room_detail(&ids).await {
            Ok(details) => {
                let mut details: HashMap<String, RoomDetail> = details
                    .into_iter()
                    .map(|detail| (detail.id.clone(), detail))
                    .collect();
                found.extend(
                    ids.iter()
                        .map(|id| details.remove(id.as_str()).ok_or_else(|| unknown_room(id))),
                );
            }
            Err(error) if ids.len() > 1 && error.fault.is_about_what_was_asked() => {
                let half = ids.split_off(ids.len() / 2);
                todo.extend([half, ids]);
            }
            Err(error) => found.extend(ids.into_iter().map(|id| {
                Err(CallError {
                    room: Some(id),
                    ..error.clone()
                })
            })),
        }
    }
    found
}

async fn look_from(
    reader: &Reader,
    question: Question<'_>,
    mut detail: RoomDetail,
) -> Result<Observed, CallError> {
    for attempt in 1.. {
        let mut look = Look::new(question, &detail);
        let contradiction = look.read(reader).await?;
        let room = look.into_room();
        match contradiction {
            None => return Ok(Observed::Complete(room)),
            Some(contradiction) if attempt == TRIES => return Ok(Observed::Partial(room, contradiction)),
            Some(contradiction) => {
                tracing::debug!(room = %question.room, %contradiction, attempt, "reading the room again");
            }
        }
        detail = self::detail(reader, question.room).await?;
    }
    Err(unknown_room(question.room))
}

/// A look in the making.
struct Look<'a> {
    question: Question<'a>,
    detail: &'a RoomDetail,
    read_at: Instant,
    listed_owner: Option<String>,
    /// Somebody else whom a row names as the owner too.
    second_owner: Option<String>,
    members: Vec<UserId>,
    foreign: BTreeSet<String>,
    admins: AdminList,
}

impl<'a> Look<'a> {
    fn new(question: Question<'a>, detail: &'a RoomDetail) -> Self {
        Self {
            question,
            detail,
            read_at: Instant::now(),
            listed_owner: None,
            second_owner: None,
            members: Vec::new(),
            foreign: BTreeSet::new(),
            admins: AdminList::default(),
        }
    }

    /// Makes the calls and gives the first contradiction between their answers.
    async fn read(&mut self, reader: &Reader) -> Result<Option<Contradiction>, CallError> {
        let contradiction = self.read_members(reader).await?;
        self.admins = read_admins(reader, self.question.room).await?;
        if let Some(contradiction) = contradiction.or(self.admins.contradiction.clone()) {
            return Ok(Some(contradiction));
        }
        let detail_owner = self.detail.owner.as_deref().map(str::to_lowercase);
        match (&self.listed_owner, self.second_owner.clone().or(detail_owner)) {
            (None, None) => return Ok(Some(Contradiction::NoOwner)),
            (Some(listed), Some(detail)) if *listed != detail => {
                return Ok(Some(Contradiction::TwoOwners(listed.clone(), detail)));
            }
            _ => {}
        }
        if self.needs_second_list() && read_admins(reader, self.question.room).await? != self.admins {
            return Ok(Some(Contradiction::AdminsDiffer));
        }
        Ok(None)
    }

    fn needs_second_list(&self) -> bool {
        self.question.spared_admins.is_some_and(|wanted| {
            self.members
                .iter()
                .any(|user| !wanted.contains(user) && !self.admins.names.contains(user))
        })
    }

    /// Reads pages until one is shorter than asked for.
    async fn read_members(&mut self, reader: &Reader) -> Result<Option<Contradiction>, CallError> {
        let said = self.detail.affiliations_count;
        for number in 1.. {
            let page = reader.list_members(self.question.room, number).await?;
            let rows = page.rows.len();
            if let Some(count) = page.count.filter(|count| *count != rows as u64) {
                self.take(page.rows);
                return Ok(Some(Contradiction::Count {
                    page: number,
                    rows,
                    count,
                }));
            }
            let before = self.listed();
            self.take(page.rows);
            let missing = said.unwrap_or_default().saturating_sub(self.listed());
            // The owner may have left the room and still be counted.
            if rows == 0
                && missing
                    > if number == 1 {
                        1
                    } else {
                        slack(said.unwrap_or_default())
                    }
            {
                return Ok(Some(Contradiction::EmptyPage(number)));
            }
            if rows > 0 && number > 1 && self.listed() == before {
                return Ok(Some(Contradiction::PageRepeats(number)));
            }
            if rows < Reader::PAGE_SIZE {
                break;
            }
        }
        let listed = self.listed();
        let far = said.filter(|detail| detail.abs_diff(listed) > slack(*detail));
        Ok(far.map(|detail| Contradiction::Size { listed, detail }))
    }

    /// How many different people the pages showed so far.
    fn listed(&self) -> u64 {
        (self.members.len() + self.foreign.len() + usize::from(self.listed_owner.is_some())) as u64
    }

    /// Takes a page's rows in, each person once.
    fn take(&mut self, rows: Vec<MemberRow>) {
        for row in rows {
            match row {
                MemberRow::Owner(name) => {
                    let name = name.to_lowercase();
                    match &self.listed_owner {
                        Some(first) if *first != name => self.second_owner = Some(name),
                        _ => self.listed_owner = Some(name),
                    }
                }
                MemberRow::Member(name) => match UserId::parse(&name) {
                    Ok(user) => self.members.push(user),
                    Err(_) => {
                        self.foreign.insert(name.to_lowercase());
                    }
                },
            }
        }
        // Stable: a sort that finds the sorted part, so that page after page costs little.
        self.members.sort();
        self.members.dedup();
    }

    fn into_room(self) -> LiveRoom {
        let owner = self
            .listed_owner
            .or(self.detail.owner.as_deref().map(str::to_lowercase));
        let is_owner = |name: &str| owner.as_deref() == Some(name);
        let not_owner = |names: BTreeSet<String>| names.into_iter().filter(|name| !is_owner(name)).collect();
        LiveRoom {
            id: self.question.room.clone(),
            name: self.detail.name.clone(),
            admins: self.admins.names.filter(|user| !is_owner(user.as_str())),
            members: self
                .members
                .into_iter()
                .filter(|user| !is_owner(user.as_str()))
                .collect(),
            foreign: not_owner(self.foreign),
            foreign_admins: not_owner(self.admins.foreign),
            max_users: self.detail.maxusers,
            read_at: self.read_at,
            owner,
        }
    }
}

/// How far a list may be from room detail's count: people come and go between the two calls.
fn slack(count: u64) -> u64 {
    2 + count / 20
}

/// The admins of a room, the owner perhaps among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminList {
    /// Their names.
    pub names: MemberSet,
    /// Names that break our rules.
    pub foreign: BTreeSet<String>,
    /// How the list contradicts itself, if it does.
    pub contradiction: Option<Contradiction>,
}

/// Reads the admins.
pub async fn read_admins(reader: &Reader, room: &RoomId) -> Result<AdminList, CallError> {
    let List { rows, count } = reader.list_admins(room).await?;
    let contradiction =
        count
            .filter(|count| *count != rows.len() as u64)
            .map(|count| Contradiction::AdminCount {
                rows: rows.len(),
                count,
            });
    let mut foreign = BTreeSet::new();
    let mut names = Vec::new();
    for name in rows {
        match UserId::parse(&name) {
            Ok(user) => names.push(user),
            Err(_) => {
                foreign.insert(name.to_lowercase());
            }
        }
    }
    Ok(AdminList {
        names: names.into_iter().collect(),
        foreign,
        contradiction,
    })
}
