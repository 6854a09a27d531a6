//! The second look: rooms whose calls are made are looked at once more, many by one call.

use super::report::RoomReport;
use super::run::RoomRun;
use super::verdict::Seen;
use super::{Hands, Job, room, turns};
use crate::chat::CallError;
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::live::{self, MemberList};
use crate::model::RoomId;
use futures_util::future::{join, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use std::cell::RefCell;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// How long a room waits for others that can be looked at by the same call, as long as others are in work.
const LINGER: Duration = Duration::from_secs(1);
/// How many such looks are under way at a time: each holds the members of its rooms, and one may wait long for a single room.
const LOOKS: usize = 8;

/// Works on rooms, and confirms what was done in each.
pub(super) async fn rooms<'a>(hands: &'a Hands<'a>, jobs: Vec<Job<'a>>) -> Vec<RoomReport> {
    let mut left = jobs.len();
    let queues = turns::queues(jobs, hands.conduct.at_once).into_iter();
    let queues = queues.map(|queue| {
        let rooms = stream::iter(queue.jobs).map(|job| room::write(hands, job));
        Box::pin(rooms.buffer_unordered(queue.at_once))
    });
    let mut written = stream::select_all(queues);
    let mut looks = FuturesUnordered::new();
    let mut reports = Vec::new();
    let mut waiting: Vec<RoomRun<'a>> = Vec::new();
    let mut since = Instant::now();
    loop {
        let due = left == 0 || waiting.len() >= MAX_DETAIL_ROOMS || since.elapsed() >= LINGER;
        if due && !waiting.is_empty() && looks.len() < LOOKS {
            let first = waiting.drain(..waiting.len().min(MAX_DETAIL_ROOMS)).collect();
            looks.push(look(hands, first));
        }
        tokio::select! {
            Some(run) = written.next() => {
                left -= 1;
                match run {
                    Some(run) if run.needs_a_look() => {
                        if waiting.is_empty() {
                            since = Instant::now();
                        }
                        waiting.push(run);
                    }
                    Some(run) => reports.push(run.finish()),
                    None => {}
                }
            }
            Some(looked) = looks.next() => reports.extend(looked),
            () = sleep_until(since + LINGER), if !waiting.is_empty() && looks.len() < LOOKS => {}
            else => return reports,
        }
    }
}

/// Looks at the lists that have to show what was done, and at no other. Each room ends as soon as its own were seen.
async fn look(hands: &Hands<'_>, runs: Vec<RoomRun<'_>>) -> Vec<RoomReport> {
    let mut asked = Vec::new();
    let rooms: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let members = run.expected.is_about_members().then(|| {
                let (told, members) = oneshot::channel();
                asked.push((run.job.plan.id.clone(), told));
                members
            });
            end(hands, run, members)
        })
        .collect();
    let (reports, ()) = join(join_all(rooms), tell_members(hands, asked)).await;
    reports
}

type Told = oneshot::Sender<Result<MemberList, CallError>>;

/// Reads the members of rooms, and tells each room as soon as its are known.
async fn tell_members(hands: &Hands<'_>, asked: Vec<(RoomId, Told)>) {
    let (rooms, told): (Vec<RoomId>, Vec<Told>) = asked.into_iter().unzip();
    let rooms: Vec<&RoomId> = rooms.iter().collect();
    let told: RefCell<Vec<Option<Told>>> = RefCell::new(told.into_iter().map(Some).collect());
    let each = |at: usize, list| {
        if let Some(told) = told.borrow_mut().get_mut(at).and_then(Option::take) {
            // A room waits for it until it comes.
            let _ = told.send(list);
        }
    };
    // What keeps every other look from succeeding has kept these.
    if let Err(error) = live::members(&hands.reader, &rooms, &each).await {
        for told in told.into_inner().into_iter().flatten() {
            let _ = told.send(Err(error.clone()));
        }
    }
}

/// Ends the work in a room, once what has to be seen was.
async fn end(
    hands: &Hands<'_>,
    mut run: RoomRun<'_>,
    members: Option<oneshot::Receiver<Result<MemberList, CallError>>>,
) -> RoomReport {
    let members = async {
        match members {
            Some(members) => members.await.ok(),
            None => None,
        }
    };
    let admins = async {
        if run.expected.is_about_admins() {
            Some(live::read_admins(&hands.reader, &run.job.plan.id).await)
        } else {
            None
        }
    };
    let (members, admins) = join(members, admins).await;
    run.confirm(&Seen { members, admins });
    run.finish()
}
