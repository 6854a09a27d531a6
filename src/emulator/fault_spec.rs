//! Text of a fault: `CALLS[WHEN]:WHAT[:before|:after]`.

use super::fault::{CallFilter, Fault, FaultBody, FaultEffect, Phase, Trigger};
use crate::chat::wire::Method;
use crate::model::{UserId, parse_duration};
use http::StatusCode;
use std::fmt;
use std::time::Duration;

/// Syntax of faults, for people.
pub const FAULT_HELP: &str = "\
Something that goes wrong with some calls, written CALLS[WHEN]:WHAT[:before|:after]; can be given often:\n  \
add_many@3:reset:after    any%0.05,seed=7:502    list_members@2:join=zoe+yan\n\
CALLS is any, reads, writes, or one of add_one, add_many, list_members, remove_one, remove_many, promote, \
list_admins, demote, room_detail, list_rooms\n\
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
rows=N          room detail lists at most N people a room and counts all; 0: no list\n  \
join=U+U...     these people come into the room, and the call goes on\n  \
leave=U+U...    these people leave it, and the call goes on\n  \
expired[=K]     the call's token has expired, for good or for K calls\n  \
budget=N        another program takes N calls a second of the method's budget\n\
Whether before (the default) or after the call has taken effect can be said of reset, timeout, slow, STATUS, html, \
join and leave";

/// Reason why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// There is no colon.
    #[error("a fault is written CALLS[WHEN]:WHAT, such as add_many@3:reset")]
    Shape,
    /// No such choice of calls.
    #[error("{0:?} is no choice of calls: take any, reads, writes or a method such as add_many")]
    Calls(String),
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
    /// It is neither before nor after the effect.
    #[error("{0} has its own place, leave `:before` and `:after` out")]
    Phase(String),
}

impl Fault {
    /// Reads `CALLS[WHEN]:WHAT[:before|:after]`, as in `add_many@3:reset:after`.
    pub fn parse(text: &str) -> Result<Self, BadFault> {
        let (calls, what) = text.split_once(':').ok_or(BadFault::Shape)?;
        let when_at = calls.find(['@', '/', '%']).unwrap_or(calls.len());
        let (calls, when) = calls.split_at(when_at);
        let (what, phase) = match (what.strip_suffix(":before"), what.strip_suffix(":after")) {
            (Some(what), _) => (what, Some(Phase::Before)),
            (_, Some(what)) => (what, Some(Phase::After)),
            (None, None) => (what, None),
        };
        let fault = Self {
            calls: parse_calls(calls)?,
            when: parse_when(when).ok_or_else(|| BadFault::When(when.to_owned()))?,
            what: parse_what(what)?,
            phase: phase.unwrap_or(Phase::Before),
        };
        if phase.is_some() && !fault.what.has_phase() {
            return Err(BadFault::Phase(what.to_owned()));
        }
        Ok(fault)
    }
}

impl FaultEffect {
    /// True if it can be before as well as after the effect.
    fn has_phase(&self) -> bool {
        match self {
            Self::Reset | Self::Timeout | Self::Slow(_) | Self::Answer(..) | Self::Html(_) => true,
            Self::Join(_) | Self::Leave(_) => true,
            Self::Truncated | Self::Oversized | Self::Stale(_) | Self::Rows(_) => false,
            Self::Expired(_) | Self::Budget(_) => false,
        }
    }
}

fn parse_calls(text: &str) -> Result<CallFilter, BadFault> {
    match text {
        "any" => Ok(CallFilter::Any),
        "reads" => Ok(CallFilter::Reads),
        "writes" => Ok(CallFilter::Writes),
        name => Method::ALL
            .into_iter()
            .find(|method| method.as_str() == name)
            .map(CallFilter::Of)
            .ok_or_else(|| BadFault::Calls(name.to_owned())),
    }
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

fn parse_what(text: &str) -> Result<FaultEffect, BadFault> {
    let (word, value) = match text.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (text, None),
    };
    let bad = |need: &'static str| BadFault::Value {
        what: word.to_owned(),
        value: value.unwrap_or_default().to_owned(),
        need,
    };
    let number = || value.and_then(|value| value.parse().ok()).filter(|n| *n > 0);
    let plain = |what: FaultEffect| value.is_none().then_some(what).ok_or(bad("it takes no value"));
    let people =
        || -> Option<Vec<UserId>> { value?.split('+').map(|user| UserId::parse(user).ok()).collect() };
    match word {
        "reset" => plain(FaultEffect::Reset),
        "timeout" => plain(FaultEffect::Timeout),
        "truncated" => plain(FaultEffect::Truncated),
        "oversized" => plain(FaultEffect::Oversized),
        "slow" => value
            .and_then(|value| parse_duration(value).ok())
            .map(FaultEffect::Slow)
            .ok_or(bad("a length of time is needed, such as 500ms")),
        "html" => status(value.unwrap_or("502"))
            .map(FaultEffect::Html)
            .ok_or(bad("a status from 200 to 599 is needed")),
        "stale" => number()
            .and_then(|n| usize::try_from(n).ok())
            .map(FaultEffect::Stale)
            .ok_or(bad("a number of changes is needed, from 1")),
        "rows" => value
            .and_then(|value| value.parse().ok())
            .map(FaultEffect::Rows)
            .ok_or(bad("a number of people is needed, from 0")),
        "join" => people()
            .map(FaultEffect::Join)
            .ok_or(bad("usernames are needed, as in zoe+yan")),
        "leave" => people()
            .map(FaultEffect::Leave)
            .ok_or(bad("usernames are needed, as in zoe+yan")),
        "expired" if value.is_none() => Ok(FaultEffect::Expired(None)),
        "expired" => number()
            .map(|calls| FaultEffect::Expired(Some(calls)))
            .ok_or(bad("a number of calls is needed, from 1")),
        "budget" => number()
            .and_then(|n| u32::try_from(n).ok())
            .map(FaultEffect::Budget)
            .ok_or(bad("a number of calls is needed, from 1")),
        _ => {
            let status = status(word).filter(|status| status.as_u16() >= 400);
            let status = status.ok_or_else(|| BadFault::What(word.to_owned()))?;
            let said = match value {
                None => FaultBody::Documented,
                Some(body) if body.starts_with('{') => FaultBody::Body(body.to_owned()),
                Some(kind) if is_kind(kind) => FaultBody::Error(kind.to_owned()),
                Some(_) => {
                    return Err(bad(
                        "an error's kind such as forbidden_op is needed, or a JSON object",
                    ));
                }
            };
            Ok(FaultEffect::Answer(status, said))
        }
    }
}

fn status(text: &str) -> Option<StatusCode> {
    let status = text.parse().ok().filter(|status| (200..600).contains(status))?;
    StatusCode::from_u16(status).ok()
}

fn is_kind(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// As it is read, with what was left out filled in.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            when,
            what,
            phase,
        } = self;
        match calls {
            CallFilter::Any => f.write_str("any")?,
            CallFilter::Reads => f.write_str("reads")?,
            CallFilter::Writes => f.write_str("writes")?,
            CallFilter::Of(method) => write!(f, "{method}")?,
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

impl fmt::Display for FaultEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |people: &[UserId]| people.iter().map(UserId::as_str).collect::<Vec<_>>().join("+");
        match self {
            Self::Reset => f.write_str("reset"),
            Self::Timeout => f.write_str("timeout"),
            Self::Slow(time) => write!(f, "slow={}", Milliseconds(*time)),
            Self::Answer(status, FaultBody::Documented) => write!(f, "{}", status.as_u16()),
            Self::Answer(status, FaultBody::Error(text) | FaultBody::Body(text)) => {
                write!(f, "{}={text}", status.as_u16())
            }
            Self::Html(status) => write!(f, "html={}", status.as_u16()),
            Self::Truncated => f.write_str("truncated"),
            Self::Oversized => f.write_str("oversized"),
            Self::Stale(changes) => write!(f, "stale={changes}"),
            Self::Rows(most) => write!(f, "rows={most}"),
            Self::Join(people) => write!(f, "join={}", joined(people)),
            Self::Leave(people) => write!(f, "leave={}", joined(people)),
            Self::Expired(None) => f.write_str("expired"),
            Self::Expired(Some(calls)) => write!(f, "expired={calls}"),
            Self::Budget(calls) => write!(f, "budget={calls}"),
        }
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for (text, whole) in [
            ("add_many@3:reset:after", "add_many@3:reset:after"),
            ("any%0.05,seed=7:502", "any%0.05,seed=7:502:before"),
            ("any%1:timeout", "any%1:timeout:before"),
            ("reads/7:slow=2s", "reads/7:slow=2000ms:before"),
            (
                "writes@2-9:429=resource_limited",
                "writes@2-9:429=resource_limited:before",
            ),
            (
                r#"promote:403={"error":"a:b"}:after"#,
                r#"promote:403={"error":"a:b"}:after"#,
            ),
            ("any:html", "any:html=502:before"),
            (
                "list_members@2:join=zoe+Yan",
                "list_members@2:join=zoe+yan:before",
            ),
            ("list_members@2:leave=zoe:after", "list_members@2:leave=zoe:after"),
            ("reads:stale=3", "reads:stale=3"),
            ("room_detail/2:rows=0", "room_detail/2:rows=0"),
            ("any@5:expired", "any@5:expired"),
            ("any@5:expired=3", "any@5:expired=3"),
            ("list_admins:budget=90", "list_admins:budget=90"),
            ("any@1:truncated", "any@1:truncated"),
            ("any@1:oversized", "any@1:oversized"),
        ] {
            let fault = Fault::parse(text).unwrap();
            assert_eq!(fault.to_string(), whole);
            assert_eq!(Fault::parse(whole), Ok(fault));
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let problems = [
            "",
            "reset",
            "add@1:reset",
            "any@0:reset",
            "any@3-2:reset",
            "any/0:reset",
            "any%1.5:reset",
            "any%0.5,sed=1:reset",
            "any@x:reset",
            "any:",
            "any:explode",
            "any:302",
            "any:600",
            "any:reset=1",
            "any:slow",
            "any:slow=5",
            "any:html=99",
            "any:stale=0",
            "any:rows=few",
            "any:join=",
            "any:join=a+..",
            "any:expired=x",
            "any:budget=-1",
            "any:502=Bad Kind",
            "any:truncated:after",
            "any:reset:later",
        ]
        .map(|text| Fault::parse(text).unwrap_err().to_string());
        insta::assert_snapshot!(problems.join("\n"), @r#"
        a fault is written CALLS[WHEN]:WHAT, such as add_many@3:reset
        a fault is written CALLS[WHEN]:WHAT, such as add_many@3:reset
        "add" is no choice of calls: take any, reads, writes or a method such as add_many
        "@0" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "@3-2" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "/0" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "%1.5" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "%0.5,sed=1" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "@x" does not say which calls: take @N, @N-M, /N with numbers from 1, or %P[,seed=S] with P from 0 to 1
        "" is nothing that can happen to a call; `--help` lists what can
        "explode" is nothing that can happen to a call; `--help` lists what can
        "302" is nothing that can happen to a call; `--help` lists what can
        "600" is nothing that can happen to a call; `--help` lists what can
        reset=1: it takes no value
        slow=: a length of time is needed, such as 500ms
        slow=5: a length of time is needed, such as 500ms
        html=99: a status from 200 to 599 is needed
        stale=0: a number of changes is needed, from 1
        rows=few: a number of people is needed, from 0
        join=: usernames are needed, as in zoe+yan
        join=a+..: usernames are needed, as in zoe+yan
        expired=x: a number of calls is needed, from 1
        budget=-1: a number of calls is needed, from 1
        502=Bad Kind: an error's kind such as forbidden_op is needed, or a JSON object
        truncated has its own place, leave `:before` and `:after` out
        "reset:later" is nothing that can happen to a call; `--help` lists what can
        "#);
    }
}
