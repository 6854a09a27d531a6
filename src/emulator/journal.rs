//! Calls and how they ended: the last ones in order, and counts of all.

use crate::chat::wire::Method;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalEntry {
    /// Milliseconds since the emulator's start.
    pub at_ms: u64,
    /// The method's name, for a path and an HTTP method that are those of one.
    pub call: Option<&'static str>,
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The answer's status; none where there was no answer.
    pub status: Option<u16>,
    /// True if the service did what a call asked for that may change something, whatever the answer says.
    pub effect: bool,
    /// The fault that struck the call, as it is written.
    pub fault: Option<String>,
}

/// The last calls, in the order in which they were dealt with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// Most calls that are kept.
    pub size: usize,
    /// Number of older calls that are no longer kept.
    pub dropped: u64,
    /// The calls, oldest first.
    pub calls: VecDeque<JournalEntry>,
    #[serde(skip)]
    bytes: usize,
}

impl Journal {
    /// Most calls that are kept.
    pub const SIZE: usize = 100_000;
    /// Most bytes of paths that are kept: a path can name a hundred people, and memory is to stay flat.
    const PATH_BYTES: usize = 32 << 20;

    fn push(&mut self, entry: JournalEntry) {
        self.bytes += entry.path.len();
        self.calls.push_back(entry);
        while self.calls.len() > Self::SIZE || self.bytes > Self::PATH_BYTES {
            let Some(oldest) = self.calls.pop_front() else {
                break;
            };
            self.bytes -= oldest.path.len();
            self.dropped += 1;
        }
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls.
    pub calls: u64,
    /// The most calls in any 1,000 ms.
    pub busiest_second: usize,
    /// Answers by status; `none` where there was no answer.
    pub statuses: BTreeMap<String, u64>,
    /// Requests for a token, whatever came of them.
    pub token_requests: u64,
    /// The methods that were called.
    pub methods: BTreeMap<&'static str, MethodCounters>,
}

/// Counts of one method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MethodCounters {
    /// Calls.
    pub calls: u64,
    /// The most calls in any 1,000 ms.
    pub busiest_second: usize,
}

/// The calls of the last second.
#[derive(Debug, Default)]
struct LastSecond(VecDeque<Instant>);

impl LastSecond {
    fn count(&mut self, now: Instant) -> usize {
        const SECOND: Duration = Duration::from_secs(1);
        while self
            .0
            .front()
            .is_some_and(|then| now.duration_since(*then) >= SECOND)
        {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len()
    }
}

/// Journal and counters, as they are written.
#[derive(Debug)]
pub(super) struct Recorder {
    start: Instant,
    journal: Journal,
    counters: Counters,
    last_second: LastSecond,
    last_seconds: BTreeMap<Method, LastSecond>,
}

impl Recorder {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            journal: Journal {
                size: Journal::SIZE,
                ..Journal::default()
            },
            counters: Counters::default(),
            last_second: LastSecond::default(),
            last_seconds: BTreeMap::new(),
        }
    }

    /// Writes a call down, `method` being whose call it is. `now` must never go back.
    pub(super) fn record(&mut self, method: Option<Method>, mut entry: JournalEntry, now: Instant) {
        let since_start = now.saturating_duration_since(self.start);
        entry.at_ms = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        let counters = &mut self.counters;
        counters.calls += 1;
        counters.busiest_second = counters.busiest_second.max(self.last_second.count(now));
        let status = entry
            .status
            .map_or_else(|| "none".to_owned(), |status| status.to_string());
        *counters.statuses.entry(status).or_default() += 1;
        if entry.method == "POST" && entry.path.ends_with("/token") {
            counters.token_requests += 1;
        }
        if let Some(method) = method {
            let of_method = counters.methods.entry(method.as_str()).or_default();
            of_method.calls += 1;
            let last_second = self.last_seconds.entry(method).or_default().count(now);
            of_method.busiest_second = of_method.busiest_second.max(last_second);
        }
        self.journal.push(entry);
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Forgets the calls, not the counts.
    pub(super) fn clear_journal(&mut self) {
        self.journal = Journal {
            size: Journal::SIZE,
            ..Journal::default()
        };
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> JournalEntry {
        JournalEntry {
            at_ms: 0,
            call: None,
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: Some(200),
            effect: false,
            fault: None,
        }
    }

    #[test]
    fn the_busiest_second_slides() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start);
        for at_ms in [0, 900, 1000, 1100, 1899, 1900, 5000] {
            let now = start + Duration::from_millis(at_ms);
            recorder.record(Some(Method::AddOne), entry("/"), now);
        }
        recorder.record(None, entry("/"), start + Duration::from_secs(5));
        // 900, 1000, 1100 and 1899.
        let counters = recorder.counters();
        assert_eq!((counters.calls, counters.busiest_second), (8, 4));
        let add_one = &counters.methods["add_one"];
        assert_eq!((add_one.calls, add_one.busiest_second), (7, 4));
        assert_eq!(recorder.journal().calls[4].at_ms, 1899);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut recorder = Recorder::new(Instant::now());
        for n in 0..=Journal::SIZE {
            recorder.record(None, entry(&n.to_string()), Instant::now());
        }
        let journal = recorder.journal();
        assert_eq!((journal.calls.len(), journal.dropped), (Journal::SIZE, 1));
        assert_eq!(journal.calls[0].path, "1");

        recorder.clear_journal();
        let long = "x".repeat(Journal::PATH_BYTES / 2);
        for _ in 0..3 {
            recorder.record(None, entry(&long), Instant::now());
        }
        assert_eq!(
            (recorder.journal().calls.len(), recorder.journal().dropped),
            (2, 1)
        );
    }
}
