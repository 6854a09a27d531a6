//! Text of what happens to a call.

use super::{BadFault, look};
use crate::emulator::fault::{FaultBody, FaultEffect};
use crate::model::{UserId, parse_duration};
use http::StatusCode;
use std::fmt;
use std::time::Duration;

impl FaultEffect {
    /// True if it can be before as well as after the effect.
    pub(super) fn has_phase(&self) -> bool {
        match self {
            Self::Reset | Self::Timeout | Self::Slow(_) | Self::Answer(..) | Self::Html(_) => true,
            Self::Join(_) | Self::Leave(_) => true,
            Self::Truncated | Self::Oversized | Self::Stale(_) | Self::Look(_) => false,
            Self::Expired(_) | Self::Budget(_) => false,
            Self::Lost | Self::Repeated(_) | Self::Late(_) => false,
        }
    }

    /// True if it happens to events.
    pub(super) fn is_of_events(&self) -> bool {
        matches!(self, Self::Lost | Self::Repeated(_) | Self::Late(_))
    }
}

pub(super) fn parse(text: &str) -> Result<FaultEffect, BadFault> {
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
    let time = || {
        let time = value.and_then(|value| parse_duration(value).ok());
        time.ok_or(bad("a duration is needed, such as 500ms"))
    };
    let people =
        || -> Option<Vec<UserId>> { value?.split('+').map(|user| UserId::parse(user).ok()).collect() };
    match word {
        "reset" => plain(FaultEffect::Reset),
        "timeout" => plain(FaultEffect::Timeout),
        "truncated" => plain(FaultEffect::Truncated),
        "oversized" => plain(FaultEffect::Oversized),
        "slow" => time().map(FaultEffect::Slow),
        "lost" => plain(FaultEffect::Lost),
        "repeated" if value.is_none() => Ok(FaultEffect::Repeated(Duration::ZERO)),
        "repeated" => time().map(FaultEffect::Repeated),
        "late" => time().map(FaultEffect::Late),
        "html" => status(value.unwrap_or("502"))
            .map(FaultEffect::Html)
            .ok_or(bad("a status from 200 to 599 is needed")),
        "stale" => number()
            .and_then(|n| usize::try_from(n).ok())
            .map(FaultEffect::Stale)
            .ok_or(bad("a number of changes is needed, from 1")),
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
        _ if let Some(look) = look::parse(word, value) => look.map(FaultEffect::Look).map_err(bad),
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
            Self::Look(look) => write!(f, "{look}"),
            Self::Join(people) => write!(f, "join={}", joined(people)),
            Self::Leave(people) => write!(f, "leave={}", joined(people)),
            Self::Expired(None) => f.write_str("expired"),
            Self::Expired(Some(calls)) => write!(f, "expired={calls}"),
            Self::Budget(calls) => write!(f, "budget={calls}"),
            Self::Lost => f.write_str("lost"),
            Self::Repeated(Duration::ZERO) => f.write_str("repeated"),
            Self::Repeated(after) => write!(f, "repeated={}", Milliseconds(*after)),
            Self::Late(time) => write!(f, "late={}", Milliseconds(*time)),
        }
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}
