//! Way of a request between the network and the service's rules: delay, faults, and the journal.

use super::caller::Caller;
use super::condition::CallFacts;
use super::dispatch::Success;
use super::fault::{Decided, Fault, FaultBody, FaultEffect, Phase};
use super::fault_answer::{answered, oversized, page, reset, truncated};
use super::journal::JournalEntry;
use super::looks::Looks;
use super::profile::Side;
use super::refusal::Refusal;
use super::room::Room;
use super::routes::Call;
use super::tokens::bearer;
use super::webhook::{Author, Scope};
use super::{Emulator, MAX_BODY_BYTES, State, dispatch, lock, routes};
use crate::chat::wire::Method;
use crate::model::{RoomId, UserId};
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header, request::Parts};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// End of a call.
enum CallEnd {
    Answer(Response),
    Reset,
    Never,
}

/// Takes a request. It has its effect and is written down at one go; the pauses are before and after, half of the latency
/// each: the way there and the way back.
pub(super) async fn handle(emulator: &Emulator, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return dispatch::respond(Err(Refusal::BodyTooLarge), emulator.stamp(Instant::now()));
    };
    let call = routes::find(&head.method, head.uri.path());
    let call = call.ok().map(|(_, call)| call);
    let (decided, delay) = {
        let environment = &mut *lock(&emulator.0.environment);
        let facts = CallFacts::new(call.as_ref(), &head, &body);
        (environment.faults.decide(&facts), environment.delay.draw())
    };
    let fault = decided.fault.as_ref();
    pause(emulator, delay / 2).await;
    let taken = Instant::now();
    if let Some((time, Phase::Before)) = slow(fault) {
        pause(emulator, time).await;
    }
    let ending = process(emulator, call.as_ref(), (&head, &body), taken, &decided);
    if let Some((time, Phase::After)) = slow(fault) {
        pause(emulator, time).await;
    }
    pause(emulator, delay - delay / 2).await;
    match (ending, fault.map(|fault| &fault.what)) {
        (CallEnd::Answer(answer), Some(FaultEffect::Truncated)) => truncated(answer).await,
        (CallEnd::Answer(answer), Some(FaultEffect::Oversized)) => oversized(answer).await,
        (CallEnd::Answer(answer), _) => answer,
        (CallEnd::Reset, _) => reset(),
        (CallEnd::Never, _) => {
            closed(emulator).await;
            reset()
        }
    }
}

/// Effect and end of the call, written down.
fn process(
    emulator: &Emulator,
    call: Option<&Call>,
    (head, body): (&Parts, &[u8]),
    taken: Instant,
    decided: &Decided,
) -> CallEnd {
    let method = call.and_then(Call::method);
    let fault = decided.fault.as_ref();
    let strike = |phase: Phase| {
        let fault = fault.filter(|fault| fault.phase == phase)?;
        apply_fault(emulator, &fault.what, call, taken)
    };
    let (ending, effect) = match strike(Phase::Before) {
        Some(ending) => (ending, false),
        None => {
            let answer = deliver(
                emulator,
                call,
                (head, body),
                taken,
                fault.map(|fault| &fault.what),
                &decided.looks,
            );
            let effect = answer.status().is_success() && writes(head);
            (strike(Phase::After).unwrap_or(CallEnd::Answer(answer)), effect)
        }
    };
    let status = match &ending {
        CallEnd::Answer(answer) => Some(answer.status().as_u16()),
        CallEnd::Reset | CallEnd::Never => None,
    };
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let entry = JournalEntry {
        at_ms: 0,
        call: method.map(Method::as_str),
        method: head.method.to_string(),
        path: path.to_owned(),
        status,
        effect,
        fault: (!decided.struck.is_empty()).then(|| decided.struck.join(" ")),
    };
    // The clock is read under the lock, so that it never goes back for the recorder.
    let recorder = &mut lock(&emulator.0.environment).recorder;
    recorder.record(method, entry, Instant::now());
    ending
}

/// Effect of a fault in the call's place; `None` if the call goes on.
fn apply_fault(
    emulator: &Emulator,
    what: &FaultEffect,
    call: Option<&Call>,
    taken: Instant,
) -> Option<CallEnd> {
    match what {
        FaultEffect::Reset => Some(CallEnd::Reset),
        FaultEffect::Timeout => Some(CallEnd::Never),
        FaultEffect::Answer(status, said) => {
            Some(CallEnd::Answer(answered(*status, said, emulator.stamp(taken))))
        }
        FaultEffect::Html(status) => Some(CallEnd::Answer(page(*status))),
        FaultEffect::Join(people) => {
            come_and_go(emulator, call, people, Room::join);
            None
        }
        FaultEffect::Leave(people) => {
            come_and_go(emulator, call, people, Room::leave);
            None
        }
        FaultEffect::Slow(_)
        | FaultEffect::Truncated
        | FaultEffect::Oversized
        | FaultEffect::Stale(_)
        | FaultEffect::Look(_)
        | FaultEffect::Expired(_)
        | FaultEffect::Budget(_)
        | FaultEffect::Lost
        | FaultEffect::Repeated(_)
        | FaultEffect::Late(_) => None,
    }
}

/// Hands the call to the service, through whatever stands between the two.
fn deliver(
    emulator: &Emulator,
    call: Option<&Call>,
    (head, body): (&Parts, &[u8]),
    taken: Instant,
    what: Option<&FaultEffect>,
    looks: &Looks,
) -> Response {
    let mut state = emulator.current_state();
    if let Some(token) = bearer(&head.headers) {
        let faults = &mut lock(&emulator.0.environment).faults;
        if let Some(FaultEffect::Expired(calls)) = what {
            faults.expire(token, *calls);
        }
        if faults.has_expired(token) {
            return answered(
                StatusCode::UNAUTHORIZED,
                &FaultBody::Documented,
                emulator.stamp(taken),
            );
        }
    }
    let past = match what {
        Some(FaultEffect::Stale(changes)) if !writes(head) => {
            lock(&emulator.0.environment).past(*changes).cloned()
        }
        _ => None,
    };
    let used = match what {
        Some(FaultEffect::Budget(calls)) => *calls,
        _ => 0,
    };
    let perform = |state: &mut State| call_service(emulator, state, (head, body), (taken, used), looks);
    let result = match past {
        Some(mut past) => perform(&mut past),
        None if writes(head) => {
            let time = emulator.request_time(Instant::now());
            let caller = lock(&emulator.0.tokens).caller(&state, &head.headers, time);
            let author = match &caller {
                Ok(Caller::User(user)) => Author::User(user),
                Ok(Caller::App) | Err(_) => Author::App,
            };
            let room = call.and_then(first_room);
            let scope = match (&room, call) {
                (Some(room), _) => Scope::Room(room),
                (None, Some(Call::DeleteUser { .. } | Call::DeleteUsers)) => Scope::Everywhere,
                (None, _) => Scope::Created,
            };
            emulator.change(&mut state, Some((scope, author)), perform)
        }
        None => perform(&mut state),
    };
    match result {
        Ok(answer) if looks.edits() => dispatch::edited(&answer, looks),
        result => dispatch::respond(result, emulator.stamp(taken)),
    }
}

/// Lets people come into the call's room or leave it, each by themselves.
fn come_and_go(
    emulator: &Emulator,
    call: Option<&Call>,
    people: &[UserId],
    go: impl Fn(&mut Room, &str) -> bool,
) {
    let Some(id) = call.and_then(first_room) else {
        return;
    };
    let people: Vec<String> = people.iter().map(|user| user.as_str().to_owned()).collect();
    emulator.by_themselves(&id, &people, |state, user| {
        state.rooms.get_mut(&id).is_some_and(|room| go(room, user))
    });
}

/// Waits, but not for longer than the service is there.
async fn pause(emulator: &Emulator, time: Duration) {
    if !time.is_zero() {
        // Over is over, in either way.
        let _ = timeout(time, closed(emulator)).await;
    }
}

async fn closed(emulator: &Emulator) {
    // The sender lives as long as the emulator.
    let _ = emulator.0.closing.subscribe().wait_for(|closing| *closing).await;
}

/// True if a request may change something.
fn writes(head: &Parts) -> bool {
    head.method != http::Method::GET
}

fn slow(fault: Option<&Fault>) -> Option<(Duration, Phase)> {
    match fault {
        Some(Fault {
            what: FaultEffect::Slow(time),
            phase,
            ..
        }) => Some((*time, *phase)),
        _ => None,
    }
}

/// The room that a call is about, the first one where there are several.
fn first_room(call: &Call) -> Option<RoomId> {
    RoomId::parse(call.rooms()?.split(',').next()?).ok()
}

/// One call from beginning to end, without a pause: a caller who hangs up cannot leave half a call behind. It was `taken`
/// then, others have `used` so many calls of its budget, and its answer looks so.
fn call_service(
    emulator: &Emulator,
    state: &mut State,
    (head, body): (&Parts, &[u8]),
    (taken, used): (Instant, u32),
    looks: &Looks,
) -> Result<Success, Refusal> {
    let (app, call) = routes::find(&head.method, head.uri.path())?;
    app.check(state)?;
    let profile = emulator.0.profile;
    if profile.media_type == Side::Seed && !body.is_empty() && !is_json(&head.headers) {
        return Err(Refusal::MediaType);
    }
    let mut tokens = lock(&emulator.0.tokens);
    // The clock is tokio's, so that a paused one drives limits and tokens; it is read under the lock, so that it
    // never goes back for the limiter.
    let now = Instant::now();
    let time = emulator.request_time(now);
    let caller = match call {
        Call::Token => return dispatch::grant(&mut tokens, state, profile, (head, body), time),
        _ => tokens.caller(state, &head.headers, time),
    };
    let caller = caller.map_err(|refusal| match refusal {
        // The calls about users are another service's.
        Refusal::BlankToken if !call.is_about_rooms() => Refusal::Unauthorized,
        refusal => refusal,
    })?;
    if let Some(budget) = call.budget()
        && !lock(&emulator.0.limiter).admit(budget, used, now)
    {
        return Err(Refusal::OverRate(profile.over_rate));
    }
    let stamp = emulator.stamp(taken);
    let done = caller
        .check(state, &call, body)
        .and_then(|()| dispatch::perform(state, profile, &call, (head, body), looks, stamp));
    done.map_err(|refusal| match refusal {
        Refusal::NoSuchRoom(room) if !writes(head) => Refusal::NoRoomToRead(room),
        refusal => refusal,
    })
}

/// True unless the header says that the body is something else.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        let kind = value.to_str().unwrap_or_default().split(';').next();
        kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    })
}
