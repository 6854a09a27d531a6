//! The second look: rooms whose calls are made are looked at once more, many by one call.

use super::report::RoomReport;
use super::run::{Expected, RoomRun};
use super::verdict::Seen;
use super::{Hands, Job, room, turns};
use crate::chat::wire::MAX_DETAIL_ROOMS;
use crate::live;
use crate::model::RoomId;
use futures_util::future::join;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long a room waits for others that can be looked at by the same call, as long as others are in work.
const LINGER: Duration = Duration::from_secs(1);
/// How many such looks are under way at a time: each holds the members of its rooms.
const LOOKS: usize = 2;

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

/// Looks at the lists that have to show what was done, and at no other.
async fn look(hands: &Hands<'_>, mut runs: Vec<RoomRun<'_>>) -> Vec<RoomReport> {
    let seen: RefCell<Vec<Seen>> = RefCell::new(runs.iter().map(|_| Seen::default()).collect());
    let rooms = |is_asked: fn(&Expected) -> bool| -> Vec<(usize, &RoomId)> {
        let all = runs.iter().enumerate().filter(|(_, run)| is_asked(&run.expected));
        all.map(|(at, run)| (at, &run.job.plan.id)).collect()
    };
    let (of_members, of_admins) = (
        rooms(Expected::is_about_members),
        rooms(Expected::is_about_admins),
    );
    let members = async {
        let rooms: Vec<&RoomId> = of_members.iter().map(|(_, room)| *room).collect();
        let each = |at: usize, list| {
            if let Some((at, _)) = of_members.get(at)
                && let Some(seen) = seen.borrow_mut().get_mut(*at)
            {
                seen.members = Some(list);
            }
        };
        // What keeps every other look from succeeding has kept these.
        if let Err(error) = live::members(&hands.reader, &rooms, &each).await {
            for (at, _) in &of_members {
                if let Some(seen) = seen.borrow_mut().get_mut(*at) {
                    seen.members.get_or_insert_with(|| Err(error.clone()));
                }
            }
        }
    };
    let admins = stream::iter(&of_admins).for_each_concurrent(None, async |(at, room)| {
        let list = live::read_admins(&hands.reader, room).await;
        if let Some(seen) = seen.borrow_mut().get_mut(*at) {
            seen.admins = Some(list);
        }
    });
    join(members, admins).await;
    for (run, seen) in runs.iter_mut().zip(seen.into_inner()) {
        run.confirm(&seen);
    }
    runs.into_iter().map(RoomRun::finish).collect()
}
