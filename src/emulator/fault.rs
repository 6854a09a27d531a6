//! Decision about the fault of each call, without a clock or the network.

#[cfg(test)]
mod tests;

use super::condition::{CallFacts, Condition};
use super::looks::{Look, Looks};
use crate::chat::wire::Method;
use crate::model::{RoomId, UserId};
use http::StatusCode;
use std::num::NonZeroU64;
use std::time::Duration;

/// Something that goes wrong with some of the calls. Written as [`Fault::parse`] tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Calls that are counted.
    pub calls: CallFilter,
    /// Conditions that hold of those, all of them.
    pub only: Vec<Condition>,
    /// Those of them that it strikes.
    pub when: Trigger,
    /// Effect of the fault on them.
    pub what: FaultEffect,
    /// True if the call has taken effect by then.
    pub phase: Phase,
}

/// A choice of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFilter {
    /// Every call, those of unknown paths too.
    Any,
    /// Those that change nothing.
    Reads,
    /// Those that may change something.
    Writes,
    /// Those of one method.
    Of(Method),
    /// No call: the events that are posted to the webhook.
    Events,
}

/// A choice among the calls that are counted, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// Each of them.
    Always,
    /// The first of these numbers to the last.
    At(u64, u64),
    /// Each whose number this divides.
    Every(NonZeroU64),
    /// Each with this probability, drawn from this seed; without one, from the emulator's.
    AtRandom(f64, Option<u64>),
}

/// Place of a fault: before the call's effect, and instead of it, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The call has no effect, unless it goes on.
    Before,
    /// The call has had its effect.
    After,
}

/// Effect of a fault on a call, or on an event.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultEffect {
    /// The connection breaks without an answer.
    Reset,
    /// There is never an answer.
    Timeout,
    /// It goes on after this time.
    Slow(Duration),
    /// It is answered with this status, and with what the service would say, if nothing else is given.
    Answer(StatusCode, FaultBody),
    /// A proxy in between answers with a page of its own.
    Html(StatusCode),
    /// The answer's body ends in its middle.
    Truncated,
    /// The answer's body is larger than anybody would read.
    Oversized,
    /// A read is answered from what the service knew so many changes ago.
    Stale(usize),
    /// The answer looks like this.
    Look(Look),
    /// These people come into the room, and the call goes on.
    Join(Vec<UserId>),
    /// These people leave the room, and the call goes on.
    Leave(Vec<UserId>),
    /// The call's token expires, for so many calls or for ever.
    Expired(Option<u64>),
    /// Another program takes so many calls of the method's budget in every second.
    Budget(u32),
    /// The event is not posted.
    Lost,
    /// The event is posted twice, the second time after this time.
    Repeated(Duration),
    /// The event is posted after this time, behind those that come meanwhile.
    Late(Duration),
}

/// The body of an answer that a fault gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultBody {
    /// Documented answer of the status.
    Documented,
    /// An error of this kind.
    Error(String),
    /// This text.
    Body(String),
}

impl CallFilter {
    fn include(self, method: Option<Method>) -> bool {
        match self {
            Self::Any => true,
            Self::Reads => method.is_some_and(|method| !method.writes()),
            Self::Writes => method.is_some_and(Method::writes),
            Self::Of(one) => method == Some(one),
            Self::Events => false,
        }
    }
}

impl Trigger {
    fn strikes(self, number: u64, rng: &mut fastrand::Rng) -> bool {
        match self {
            Self::Always => true,
            Self::At(first, last) => (first..=last).contains(&number),
            Self::Every(n) => number % n == 0,
            Self::AtRandom(probability, _) => rng.f64() < probability,
        }
    }
}

/// Fate of a call.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) fault: Option<Fault>,
    pub(super) looks: Looks,
    /// The faults that struck it.
    pub(super) struck: Vec<String>,
}

/// The faults in place, and what each has seen.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    added: u64,
    active: Vec<ActiveFault>,
    /// Tokens that have expired, and for how many more calls.
    expired: Vec<(String, Option<u64>)>,
}

/// A fault in place.
#[derive(Debug)]
pub(super) struct ActiveFault {
    pub(super) id: u64,
    pub(super) fault: Fault,
    /// Number of calls it has counted.
    pub(super) counted: u64,
    /// Number of calls it struck.
    pub(super) struck: u64,
    rng: fastrand::Rng,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            added: 0,
            active: Vec::new(),
            expired: Vec::new(),
        }
    }

    /// Puts a fault in place; one at random without a seed is given one, so that its text is enough to play it again.
    pub(super) fn add(&mut self, mut fault: Fault) -> &ActiveFault {
        self.added += 1;
        let mut seed = self.seed.wrapping_add(self.added);
        if let Trigger::AtRandom(_, own) = &mut fault.when {
            seed = *own.get_or_insert(seed);
        }
        if let FaultEffect::Look(Look::Shuffled(own) | Look::Unsorted(own)) = &mut fault.what {
            seed = *own.get_or_insert(seed);
        }
        let active = ActiveFault {
            id: self.added,
            fault,
            counted: 0,
            struck: 0,
            rng: fastrand::Rng::with_seed(seed),
        };
        self.active.push_mut(active)
    }

    pub(super) fn active(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Takes a fault away; `false` if there is none of this id.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    /// Takes all faults away, and what they did to tokens.
    pub(super) fn clear(&mut self) {
        self.active.clear();
        self.expired.clear();
    }

    /// Fate of the next call. Every fault counts it; the first that strikes is the one, but for looks: those hold together.
    pub(super) fn decide(&mut self, call: &CallFacts<'_>) -> Decided {
        let mut decided = Decided::default();
        for active in &mut self.active {
            let Fault {
                calls,
                only,
                when,
                what,
                ..
            } = &active.fault;
            if !calls.include(call.method) || !only.iter().all(|condition| condition.holds(call)) {
                continue;
            }
            active.counted += 1;
            if !when.strikes(active.counted, &mut active.rng) {
                continue;
            }
            match what {
                FaultEffect::Look(look) => decided.looks.push(look.clone(), active.rng.u64(..)),
                _ if decided.fault.is_some() => continue,
                _ => decided.fault = Some(active.fault.clone()),
            }
            active.struck += 1;
            decided.struck.push(active.fault.to_string());
        }
        decided
    }

    /// Fate of the next event, of these people in this room. Every fault counts it; the first that strikes is the one.
    pub(super) fn decide_event(&mut self, room: &RoomId, people: &[String]) -> Option<FaultEffect> {
        let mut decided = None;
        for active in &mut self.active {
            let Fault {
                calls, only, when, ..
            } = &active.fault;
            let holds = |condition: &Condition| condition.holds_of_event(room, people);
            if *calls != CallFilter::Events || !only.iter().all(holds) {
                continue;
            }
            active.counted += 1;
            if when.strikes(active.counted, &mut active.rng) && decided.is_none() {
                active.struck += 1;
                decided = Some(active.fault.what.clone());
            }
        }
        decided
    }

    /// Number of past states that the faults in place ask for.
    pub(super) fn memory(&self) -> usize {
        let depths = self.active.iter().map(|active| match active.fault.what {
            FaultEffect::Stale(changes) => changes,
            _ => 0,
        });
        depths.max().unwrap_or(0)
    }

    /// Lets a token expire.
    pub(super) fn expire(&mut self, token: &str, calls: Option<u64>) {
        self.expired.retain(|(expired, _)| expired != token);
        self.expired.push((token.to_owned(), calls));
    }

    /// True if a call with this token meets one that has expired; counts the call.
    pub(super) fn has_expired(&mut self, token: &str) -> bool {
        let Some((_, left)) = self.expired.iter_mut().find(|(expired, _)| expired == token) else {
            return false;
        };
        if let Some(left) = left {
            *left = left.saturating_sub(1);
        }
        self.expired.retain(|(_, left)| *left != Some(0));
        true
    }
}

/// The kind of error that is documented for a status (`[P]`), and its text; for other statuses, an assumption. [?]
pub(super) fn documented(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => ("illegal_argument", "the request makes no sense"),
        401 => (
            "auth_bad_access_token",
            "Unable to authenticate due to expired access token",
        ),
        403 => ("forbidden_op", "this is not allowed"),
        404 => ("resource_not_found", "there is no such thing"),
        405 => ("method_not_allowed", "this path does not know this method"),
        411 => ("length_required", "a Content-Length is required"),
        413 => ("request_entity_too_large", "the body is too large"),
        414 => ("uri_too_long", "the path is too long"),
        429 => ("reach_limit", "This request has reached api limit"),
        other if other < 500 => ("bad_request", "the request cannot be taken"),
        _ => ("internal_server_error", "the service cannot answer"),
    }
}

/// Text of an error of this kind, as far as one is documented (`[P]`).
pub(super) fn text_of(kind: &str) -> String {
    match kind {
        "service_resource_not_found" => "Service resource not found".to_owned(),
        "reach_limit" => "This request has reached api limit".to_owned(),
        "json_parse" => "Unexpected character.".to_owned(),
        "web_application" => "Unsupported Media Type.".to_owned(),
        other => other.replace('_', " "),
    }
}
