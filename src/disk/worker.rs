//! Blocking work on a disk, done off the loop. Only those who await its outcome wait for the disk.
//!
//! It runs on tokio's threads for blocking work: their virtual time stands still meanwhile, and a runtime ends after them.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

/// Work on a disk with the state it needs.
pub(crate) trait DiskJob: Send + 'static {
    /// Everything that was asked for since the last run began.
    type Request: Default + Send;
    /// Outcome of a run.
    type Outcome: Clone + PartialEq + Send + Sync + 'static;

    /// Does what was asked for. It may block.
    fn run(&mut self, request: Self::Request) -> Self::Outcome;
}

/// Runs a job, once at a time, and once for everything that is asked for meanwhile.
pub(crate) struct DiskWorker<J: DiskJob>(Arc<Inner<J>>);

struct Inner<J: DiskJob> {
    queue: Mutex<Queue<J::Request>>,
    job: Mutex<J>,
    last: watch::Sender<Run<J::Outcome>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Queue<R> {
    request: R,
    /// Number of requests so far.
    asked: u64,
    is_running: bool,
}

/// Last run.
#[derive(Debug)]
struct Run<O> {
    /// Number of requests that it and the runs before have covered.
    covered: u64,
    outcome: O,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<J: DiskJob> Clone for DiskWorker<J> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<J: DiskJob> fmt::Debug for DiskWorker<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskWorker")
    }
}

impl<J: DiskJob> DiskWorker<J> {
    /// `outcome` stands until the first run has ended. `changed` is notified of each outcome that differs from the one before.
    pub(crate) fn new(job: J, outcome: J::Outcome, changed: Arc<Notify>) -> Self {
        let queue = Queue {
            request: J::Request::default(),
            asked: 0,
            is_running: false,
        };
        Self(Arc::new(Inner {
            queue: Mutex::new(queue),
            job: Mutex::new(job),
            last: watch::Sender::new(Run { covered: 0, outcome }),
            changed,
        }))
    }

    /// Asks for a run with this added to its request. Never blocks, except outside a runtime, where the run is made here.
    pub(crate) fn ask(&self, add: impl FnOnce(&mut J::Request)) {
        let mut queue = lock(&self.0.queue);
        add(&mut queue.request);
        queue.asked += 1;
        if mem::replace(&mut queue.is_running, true) {
            return;
        }
        drop(queue);
        match Handle::try_current() {
            Ok(runtime) => {
                let inner = Arc::clone(&self.0);
                drop(runtime.spawn_blocking(move || inner.run()));
            }
            Err(_) => self.0.run(),
        }
    }

    /// Outcome of the last run that has ended.
    pub(crate) fn last(&self) -> J::Outcome {
        self.0.last.borrow().outcome.clone()
    }

    /// Waits until everything asked for so far is done, and returns the outcome.
    pub(crate) async fn done(&self) -> J::Outcome {
        let asked = lock(&self.0.queue).asked;
        let mut last = self.0.last.subscribe();
        // The sender lives as long as `self`.
        let _ = last.wait_for(|last| last.covered >= asked).await;
        self.last()
    }
}

impl<J: DiskJob> Inner<J> {
    fn run(&self) {
        let mut job = lock(&self.job);
        loop {
            let mut queue = lock(&self.queue);
            let covered = queue.asked;
            if covered == self.last.borrow().covered {
                queue.is_running = false;
                return;
            }
            let request = mem::take(&mut queue.request);
            drop(queue);
            let outcome = job.run(request);
            let mut differs = false;
            self.last.send_modify(|last| {
                differs = last.outcome != outcome;
                *last = Run { covered, outcome };
            });
            if differs {
                self.changed.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Takes a permit for each run, and returns the sum of everything asked for.
    struct Sum {
        permits: Receiver<()>,
        runs: Vec<u32>,
    }

    impl DiskJob for Sum {
        type Request = u32;
        type Outcome = Vec<u32>;

        fn run(&mut self, request: u32) -> Vec<u32> {
            self.permits.recv().unwrap();
            self.runs.push(request);
            self.runs.clone()
        }
    }

    fn worker() -> (DiskWorker<Sum>, Sender<()>, Arc<Notify>) {
        let (permit, permits) = channel();
        let changed = Arc::new(Notify::new());
        let runs = Vec::new();
        let sum = Sum { permits, runs };
        (
            DiskWorker::new(sum, Vec::new(), Arc::clone(&changed)),
            permit,
            changed,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn requests_made_during_a_run_share_the_next_one_and_only_who_awaits_it_waits() {
        let (worker, permit, changed) = worker();
        worker.ask(|sum| *sum += 1);
        // The run may take this one with it, as nothing says when it begins.
        while !lock(&worker.0.queue).request.eq(&0) {
            std::thread::yield_now();
        }
        for _ in 0..10 {
            worker.ask(|sum| *sum += 10);
        }
        assert!(worker.last().is_empty());
        permit.send(()).unwrap();
        permit.send(()).unwrap();
        assert_eq!(worker.done().await, [1, 100]);
        changed.notified().await;
    }

    #[test]
    fn outside_a_runtime_a_run_is_made_at_once() {
        let (worker, permit, _) = worker();
        permit.send(()).unwrap();
        worker.ask(|sum| *sum += 7);
        assert_eq!(worker.last(), [7]);
    }
}
