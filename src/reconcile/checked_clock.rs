//! The time of day for a command that ends places by it: only while the service's clock agrees does it end any.

use crate::chat::wire::Method;
use crate::chat::{Observer, Reader};
use crate::clock::{Clock, ServiceTime};
use crate::desired::DesiredRoom;
use crate::model::UserId;
use crate::plan::{self, NotTried};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Our clock, compared with the times that the service's answers bear. Clones share what they bear.
#[derive(Debug, Clone)]
pub struct CheckedClock {
    clock: Clock,
    service_time: Arc<ServiceTime>,
}

impl CheckedClock {
    /// A clock that was not compared yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            service_time: Arc::default(),
        }
    }

    /// Observer for the client whose answers it is compared with.
    #[must_use]
    pub fn observer(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    /// Asks the service for one of these rooms if places end in one of them: nobody whose place has ended is to be added before
    /// the first answer.
    pub async fn compare(&self, reader: &Reader, rooms: &[DesiredRoom]) {
        if let Some(room) = rooms.iter().find(|room| room.ends.is_some()) {
            // What is wrong with the service, the look says.
            let _ = reader.room_detail(&[&room.id]).await;
        }
    }

    /// Our time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The same, if the service's clock agrees.
    #[must_use]
    pub fn certain(&self) -> Option<Timestamp> {
        self.service_time.agreed(self.clock.moment())
    }

    /// Reason, in words, for which it does not.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        self.service_time.doubt(self.clock.moment())
    }

    /// People of a room who are not added while it does not.
    #[must_use]
    pub fn in_doubt(&self, room: &DesiredRoom) -> BTreeMap<UserId, NotTried> {
        let now = self.clock.moment();
        if room.ends.is_none() || self.service_time.agreed(now).is_some() {
            return BTreeMap::new();
        }
        plan::in_doubt(room, self.service_time.likely(now))
    }

    /// Ends the places in these rooms whose end is over. Without certainty it ends none.
    pub fn end_places(&self, rooms: &mut [DesiredRoom]) {
        let Some(now) = self.certain() else { return };
        for room in rooms {
            if let Some(after) = room.at(now) {
                *room = after;
            }
        }
    }
}

impl Observer for CheckedClock {
    fn answered(&self, _: Method, _: Option<u16>, _: Duration) {}

    fn dated(&self, timestamp: u64, took: Duration) {
        self.service_time.answered(timestamp, took, self.clock.moment());
    }
}
