//! Works on the rooms of a run, and has those whose calls are made verified, many by one call.

use super::context::RunContext;
use super::options::Job;
use super::report::RoomReport;
use super::room_run::RoomRun;
use super::verify::verify;
use super::{room, schedule};
use crate::chat::wire::MAX_DETAIL_ROOMS;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longest wait of a room for others that can be looked at by the same call, as long as others are in work.
const LINGER: Duration = Duration::from_secs(1);
/// Number of such looks under way at a time: each holds the members of its rooms, and one may wait long for a single room.
const LOOKS: usize = 8;

/// Works on rooms, and confirms what was done in each.
pub(super) async fn rooms<'a>(context: &'a RunContext<'a>, jobs: Vec<Job<'a>>) -> Vec<RoomReport> {
    let mut left = jobs.len();
    let queues = schedule::queues(jobs, context.options.at_once).into_iter();
    let queues = queues.map(|queue| {
        let rooms = stream::iter(queue.jobs).map(|job| room::write(context, job));
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
            looks.push(verify(context, first));
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
