//! The second look: rooms whose calls are made are looked at once more, many by one call.

use super::report::RoomReport;
use super::run::RoomRun;
use super::tell::{Told, tell};
use super::verdict::Seen;
use super::{Hands, Job, room, turns};
use crate::chat::wire::{MAX_DETAIL_ROOMS, Method};
use crate::chat::{CallError, Reader};
use crate::live::{self, MemberList, Owner};
use crate::model::RoomId;
use futures_util::future::join_all;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
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

/// Most last looks at admins in flight: a quarter of a second's calls, so that removal checks, for which rooms wait, come soon.
pub(super) fn at_a_time(reader: &Reader) -> usize {
    const PART: usize = 4;
    let budget = reader.budget();
    let admins = budget.iter().find(|budget| budget.method == Method::ListAdmins);
    admins.map_or(1, |budget| (budget.full / PART).max(1))
}

/// Looks at the lists that have to show what was done, and at no other. Each room ends as soon as its own were seen.
async fn look(hands: &Hands<'_>, runs: Vec<RoomRun<'_>>) -> Vec<RoomReport> {
    let (mut of_members, mut of_owners) = (Vec::new(), Vec::new());
    let rooms: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let (id, expected) = (&run.job.plan.id, &run.expected);
            let members = expected.is_about_members().then(|| asked(id, &mut of_members));
            // A list of members names the owner, too.
            let owner = (members.is_none() && !expected.demote.is_empty()).then(|| asked(id, &mut of_owners));
            end(hands, run, members, owner)
        })
        .collect();
    let reader = &hands.reader;
    let members = tell(of_members, async |rooms, each| {
        live::read_members(reader, rooms, each).await
    });
    let owners = tell(of_owners, async |rooms, each| {
        live::read_owners(reader, rooms, each).await
    });
    let (reports, (), ()) = tokio::join!(join_all(rooms), members, owners);
    reports
}

/// Has something asked for of a room.
fn asked<T>(room: &RoomId, asked: &mut Vec<(RoomId, Told<T>)>) -> oneshot::Receiver<Result<T, CallError>> {
    let (told, what) = oneshot::channel();
    asked.push((room.clone(), told));
    what
}

/// Ends the work in a room, once what has to be seen was.
async fn end(
    hands: &Hands<'_>,
    mut run: RoomRun<'_>,
    members: Option<oneshot::Receiver<Result<MemberList, CallError>>>,
    owner: Option<oneshot::Receiver<Result<Owner, CallError>>>,
) -> RoomReport {
    let admins = async {
        if run.expected.is_about_admins() {
            // The semaphore is never closed.
            let _turn = hands.last_looks.acquire().await.ok();
            Some(live::read_admins(&hands.reader, &run.job.plan.id).await)
        } else {
            None
        }
    };
    let (members, owner, admins) = tokio::join!(told(members), told(owner), admins);
    run.confirm(&Seen {
        members,
        owner,
        admins,
    });
    RoomRun::written(hands, &run.stop).await;
    run.finish()
}

/// Waits for an answer, if one was asked for.
async fn told<T>(what: Option<oneshot::Receiver<T>>) -> Option<T> {
    match what {
        Some(what) => what.await.ok(),
        None => None,
    }
}
