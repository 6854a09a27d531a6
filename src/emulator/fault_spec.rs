//! Text of a fault: `CALLS[,ONLY...][WHEN]:WHAT[:before|:after]`.

mod effect;
mod look;
#[cfg(test)]
mod tests;

use super::condition::Condition;
use super::fault::{CallFilter, Fault, Phase, Trigger};
use crate::chat::wire::Method;
use std::fmt;

/// Syntax of faults, for people.
pub const FAULT_HELP: &str = "\
Something that goes wrong with some calls, written CALLS[,ONLY...][WHEN]:WHAT[:before|:after]; can be given often:\n  \
add_many@3:reset:after    any%0.05,seed=7:502    list_members@2:join=zoe+yan\n  \
writes,poison=eve:500     any,max_path=2048:414  room_detail,several:404\n  \
events%0.1,seed=7:lost    events/5:late=2s\n\
CALLS is any, reads, writes, or one of add_one, add_many, list_members, remove_one, remove_many, promote, \
list_admins, demote, room_detail, list_rooms, list_allowed, allow_many, disallow_many; or events: what is posted to the webhook\n\
ONLY counts fewer of them:\n  \
poison=U+U...   those that name one of these people\n  \
max_path=N      those whose path, with the query, has more than N bytes\n  \
max_body=N      those whose body has more than N bytes\n  \
several         those about several rooms\n  \
room=ID         those about this room, alone or among others\n  \
no_length       those that tell no Content-Length\n\
WHEN is left out for each of them, or\n  \
@N              the Nth; @N-M the Nth to the Mth\n  \
/N              every Nth\n  \
%P[,seed=S]     each with probability P\n\
WHAT is\n  \
reset           the connection breaks without an answer\n  \
timeout         there is never an answer\n  \
slow=TIME       the call goes on after this time, such as 500ms\n  \
STATUS          an answer of 400 to 599 with the body that is documented for it\n  \
STATUS=KIND     the same with an error of this kind, as in 429=resource_limited\n  \
STATUS={...}    the same with this body\n  \
html[=STATUS]   a proxy answers in HTML, with 502 or this status\n  \
truncated       the answer's body ends in its middle\n  \
oversized       the answer's body has 32 MiB\n  \
stale=N         a read is answered from what was there N changes ago\n  \
join=U+U...     these people come into the room, and the call goes on\n  \
leave=U+U...    these people leave it, and the call goes on\n  \
expired[=K]     the call's token has expired, for good or for K calls\n  \
budget=N        another program takes N calls a second of the method's budget\n\
or a look of the answer; those that strike one call hold together\n  \
rows=N          room detail lists at most N people a room and counts all; 0: no list\n  \
page=N[+told]   a page has at most N rows; +told: its params.pagesize says so\n  \
owner=N         the owner's row is the Nth, or the last\n  \
shuffled[=SEED] each answer has its rows in another order\n  \
unsorted[=SEED] all answers have their rows in one order, which is none\n  \
past_end=STATUS a page past the end is refused, with 400 or 404\n  \
object          room detail of one room is an object and not a list of one\n  \
fields=F+F...   rows have no other fields\n  \
without=F+F...  neither the envelope nor its rows have these fields\n\
or, of events, narrowed by poison and room alone,\n  \
lost            it is not posted\n  \
repeated[=TIME] it is posted twice, the second time after this time\n  \
late=TIME       it is posted after this time, behind those that come meanwhile\n\
Whether before (the default) or after the call has taken effect can be said of reset, timeout, slow, STATUS, html, \
join and leave";

/// Reason why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// There is no colon.
    #[error("a fault is written CALLS[,ONLY][WHEN]:WHAT, such as add_many@3:reset")]
    Shape,
    /// No such choice of calls.
    #[error("{0:?} is no choice of calls: take any, reads, writes, events or a method such as add_many")]
    Calls(String),
    /// No such condition.
    #[error("{text:?} is no condition of a call: {need}")]
    Condition {
        /// The text that is none.
        text: String,
        /// The text that is needed instead.
        need: &'static str,
    },
    /// No such choice among them.
    #[error(
        "{0:?} does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1"
    )]
    When(String),
    /// No such thing can happen.
    #[error("{0:?} is nothing that can happen to a call; `--help` lists what can")]
    What(String),
    /// It takes no value, needs one, or cannot take this one.
    #[error("{what}={value}: {need}")]
    Value {
        /// The expected part.
        what: String,
        /// The text that stands behind it.
        value: String,
        /// The text that is needed there.
        need: &'static str,
    },
    /// An event's fault on calls, or the other way round.
    #[error(
        "{0:?} mixes calls and events: events, and events alone, can be lost, repeated[=TIME] or late=TIME, \
         and only poison and room narrow them"
    )]
    Events(String),
    /// It is neither before nor after the effect.
    #[error("{0} has its own place, leave `:before` and `:after` out")]
    Phase(String),
}

impl Fault {
    /// Reads `CALLS[,ONLY...][WHEN]:WHAT[:before|:after]`, as in `add_many@3:reset:after`.
    pub fn parse(text: &str) -> Result<Self, BadFault> {
        let (calls, what) = text.split_once(':').ok_or(BadFault::Shape)?;
        let when_at = calls.find(['@', '/', '%']).unwrap_or(calls.len());
        let (calls, when) = calls.split_at(when_at);
        let (calls, only) = calls
            .split_once(',')
            .map_or((calls, None), |(calls, only)| (calls, Some(only)));
        let conditions = only.into_iter().flat_map(|only| only.split(','));
        let (what, phase) = match (what.strip_suffix(":before"), what.strip_suffix(":after")) {
            (Some(what), _) => (what, Some(Phase::Before)),
            (_, Some(what)) => (what, Some(Phase::After)),
            (None, None) => (what, None),
        };
        let fault = Self {
            calls: parse_calls(calls)?,
            only: conditions.map(parse_condition).collect::<Result<_, _>>()?,
            when: parse_when(when).ok_or_else(|| BadFault::When(when.to_owned()))?,
            what: effect::parse(what)?,
            phase: phase.unwrap_or(Phase::Before),
        };
        if phase.is_some() && !fault.what.has_phase() {
            return Err(BadFault::Phase(what.to_owned()));
        }
        let of_events = fault.calls == CallFilter::Events;
        let narrowed = fault.only.iter().all(Condition::is_of_events);
        if of_events != fault.what.is_of_events() || (of_events && !narrowed) {
            return Err(BadFault::Events(text.to_owned()));
        }
        Ok(fault)
    }
}

fn parse_calls(text: &str) -> Result<CallFilter, BadFault> {
    match text {
        "any" => Ok(CallFilter::Any),
        "reads" => Ok(CallFilter::Reads),
        "writes" => Ok(CallFilter::Writes),
        "events" => Ok(CallFilter::Events),
        name => Method::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
            .map(CallFilter::Of)
            .ok_or_else(|| BadFault::Calls(name.to_owned())),
    }
}

fn parse_condition(text: &str) -> Result<Condition, BadFault> {
    Condition::parse(text).map_err(|need| BadFault::Condition {
        text: text.to_owned(),
        need,
    })
}

fn parse_when(text: &str) -> Option<Trigger> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    if text.is_empty() {
        Some(Trigger::Always)
    } else if let Some(numbers) = text.strip_prefix('@') {
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some(Trigger::At(first, last))
    } else if let Some(n) = text.strip_prefix('/') {
        n.parse().ok().map(Trigger::Every)
    } else {
        let chance = text.strip_prefix('%')?;
        let (probability, seed) = match chance.split_once(",seed=") {
            Some((probability, seed)) => (probability, Some(seed.parse().ok()?)),
            None => (chance, None),
        };
        let probability = probability.parse().ok().filter(|p| (0.0..=1.0).contains(p))?;
        Some(Trigger::AtRandom(probability, seed))
    }
}

/// As it is read, with what was left out filled in.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            only,
            when,
            what,
            phase,
        } = self;
        match calls {
            CallFilter::Any => f.write_str("any")?,
            CallFilter::Reads => f.write_str("reads")?,
            CallFilter::Writes => f.write_str("writes")?,
            CallFilter::Events => f.write_str("events")?,
            CallFilter::Of(method) => write!(f, "{method}")?,
        }
        for condition in only {
            write!(f, ",{condition}")?;
        }
        match when {
            Trigger::Always => {}
            Trigger::At(first, last) if first == last => write!(f, "@{first}")?,
            Trigger::At(first, last) => write!(f, "@{first}-{last}")?,
            Trigger::Every(n) => write!(f, "/{n}")?,
            Trigger::AtRandom(probability, None) => write!(f, "%{probability}")?,
            Trigger::AtRandom(probability, Some(seed)) => write!(f, "%{probability},seed={seed}")?,
        }
        write!(f, ":{what}")?;
        match phase {
            _ if !what.has_phase() => Ok(()),
            Phase::Before => f.write_str(":before"),
            Phase::After => f.write_str(":after"),
        }
    }
}
