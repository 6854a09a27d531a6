//! Whose turn it is: in which order the rooms of a run are begun, and how many are in work.

use super::options::Job;
use crate::model::Op;
use crate::plan::Step;
use std::cmp::Reverse;

/// A room with more calls than this is a long one.
const LONG: usize = 8;

/// Rooms that are begun one after the other, so many in work at a time. The queues of a run go on side by side.
pub(super) struct Queue<'a> {
    pub(super) jobs: Vec<Job<'a>>,
    pub(super) at_once: usize,
}

/// Puts rooms into queues: one for each kind of call that is most of a room's work, so that no method's budget lies idle while
/// rooms of another kind are in work, and in it the long rooms apart from the others, so that these never wait for them.
///
/// The longest come first, or the last of them would be alone at the end; of the others those that come to that kind of call
/// the soonest, or its budget would lie idle at the beginning, and of these those that remove or demote, because that stands
/// on a fresh look.
pub(super) fn queues<'a>(jobs: impl IntoIterator<Item = Job<'a>>, at_once: usize) -> Vec<Queue<'a>> {
    let ops = Op::ALL;
    let mut queues: Vec<Queue<'a>> = Vec::new();
    queues.resize_with(2 * ops.len(), || Queue {
        jobs: Vec::new(),
        at_once: at_once.div_ceil(2).max(1),
    });
    for job in jobs {
        let steps = job.plan.steps();
        let calls = |op: &Op| steps.iter().filter(|step| step.op() == *op).count();
        let most = (0..ops.len()).max_by_key(|at| ops.get(*at).map(calls));
        let place = 2 * most.unwrap_or_default() + usize::from(steps.len() > LONG);
        if let Some(queue) = queues.get_mut(place) {
            queue.jobs.push(job);
        }
    }
    let takes_away = |step: &Step| step.op().takes_away();
    for (place, queue) in queues.iter_mut().enumerate() {
        if place % 2 == 0 {
            queue
                .jobs
                .sort_by_key(|job| !job.plan.steps().iter().any(takes_away));
        } else {
            queue.jobs.sort_by_key(|job| Reverse(job.plan.steps().len()));
        }
    }
    queues.retain(|queue| !queue.jobs.is_empty());
    queues
}
