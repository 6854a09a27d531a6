//! Time for which a room has not been as wanted since an edit or an event, to be measured.

use crate::status::Lags;
use tokio::time::Instant;

/// Edits and events that a room has not come up to.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Lag {
    /// The first edit of its entry since it was as wanted.
    edited: Option<Instant>,
    events: Option<EventsOpen>,
    /// Start of the last look that saw it.
    looked: Option<Instant>,
}

/// Events that no look has shown to be over.
#[derive(Debug)]
struct EventsOpen {
    first: Instant,
    last: Instant,
    /// True if something was written since a look that began after the first of them.
    wrote: bool,
}

impl Lag {
    /// Records an edit of the room's entry at this time.
    pub(in crate::daemon) fn edited(&mut self, at: Instant) {
        self.edited.get_or_insert(at);
    }

    /// Records an event that is a reason to look.
    pub(super) fn event(&mut self, now: Instant) {
        let open = self.events.get_or_insert(EventsOpen {
            first: now,
            last: now,
            wrote: false,
        });
        open.last = now;
    }

    /// Records a look that began then.
    pub(super) fn looked(&mut self, begun: Instant) {
        self.looked = Some(begun);
    }

    /// Records that the last look led to calls.
    pub(super) fn wrote(&mut self) {
        let looked = self.looked;
        if let Some(open) = &mut self.events {
            open.wrote |= looked >= Some(open.first);
        }
    }

    /// Records that the room is as wanted. An event that nothing had to be written for was no disturbance.
    pub(super) fn in_order(&mut self, now: Instant) -> Lags {
        let since_edit = self.edited.take().map(|at| now.duration_since(at));
        let over = self.events.take_if(|open| self.looked >= Some(open.first));
        let since_event = over.as_ref().filter(|open| open.wrote);
        let since_event = since_event.map(|open| now.duration_since(open.first));
        // The look says nothing of those that came after it had begun.
        if let Some(open) = over.filter(|open| self.looked < Some(open.last)) {
            self.event(open.last);
        }
        Lags {
            since_edit,
            since_event,
        }
    }

    /// Forgets everything: the room is only observed, so it never comes up to anything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn seconds(lags: Lags) -> [Option<u64>; 2] {
        let Lags {
            since_edit,
            since_event,
        } = lags;
        [since_edit, since_event].map(|lag| lag.map(|lag| lag.as_secs()))
    }

    #[test]
    fn an_edit_lasts_from_the_first_one_until_the_room_is_as_wanted() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lag = Lag::default();
        assert_eq!(seconds(lag.in_order(at(1))), [None, None]);
        lag.edited(at(2));
        lag.edited(at(5));
        assert_eq!(seconds(lag.in_order(at(9))), [Some(7), None]);
        assert_eq!(seconds(lag.in_order(at(10))), [None, None], "it counts once");
        lag.edited(at(11));
        lag.forget();
        assert_eq!(seconds(lag.in_order(at(12))), [None, None]);
    }

    #[test]
    fn an_event_counts_if_something_had_to_be_written_and_from_the_first_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lag = Lag::default();
        // Somebody joined, as wanted.
        lag.event(at(1));
        lag.looked(at(2));
        assert_eq!(seconds(lag.in_order(at(3))), [None, None]);
        lag.event(at(4));
        lag.event(at(5));
        lag.looked(at(6));
        lag.wrote();
        assert_eq!(seconds(lag.in_order(at(8))), [None, Some(4)]);
        lag.looked(at(9));
        lag.wrote();
        assert_eq!(seconds(lag.in_order(at(9))), [None, None], "without an event");
    }

    #[test]
    fn a_look_says_nothing_of_an_event_that_came_after_it_had_begun() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lag = Lag::default();
        lag.looked(at(1));
        lag.event(at(2));
        lag.wrote();
        assert_eq!(seconds(lag.in_order(at(3))), [None, None]);
        lag.looked(at(4));
        lag.event(at(5));
        assert_eq!(seconds(lag.in_order(at(6))), [None, None]);
        lag.looked(at(7));
        lag.wrote();
        assert_eq!(
            seconds(lag.in_order(at(8))),
            [None, Some(3)],
            "the second one is open"
        );
        // An answer was lost, and the next look shows that it is done.
        lag.event(at(10));
        lag.looked(at(11));
        lag.wrote();
        lag.looked(at(13));
        assert_eq!(seconds(lag.in_order(at(14))), [None, Some(4)]);
    }
}
