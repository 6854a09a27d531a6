//! Speed and memory of the emulator, in this process, on one core, with the rate limit off.
//!
//! `cargo bench --bench emulator` prints each figure with its bound and fails where one is not kept.

use axum::Router;
use axum::body::{Body, to_bytes};
use criterion::{Criterion, Throughput};
use http::Request;
use roomsync::emulator::{Emulator, Journal, Options, Room, State};
use roomsync::model::RoomId;
use std::error::Error;
use std::io::{Write as _, stdout};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const ROOM: &str = "66213271109633";
const LARGE_ROOM: &str = "66213271109634";
const LARGE: usize = 100_000;

/// The least calls in a second.
const LEAST_RATE: f64 = 5_000.0;
/// The longest a page of a large room may take: what a person does not see as a pause.
const LONGEST_PAGE: Duration = Duration::from_millis(50);
const MANY_CALLS: usize = 1_000_000;
/// The most that memory may grow over many calls, in KiB: the calls of the last second are more when they come faster.
const MOST_GROWTH_KIB: u64 = 8 * 1024;

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let router = emulator()?.router();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("emulator");
    group.throughput(Throughput::Elements(CALLS.len() as u64));
    group.bench_function("calls", |bencher| {
        bencher.iter(|| runtime.block_on(each_call(&router)));
    });
    group.finish();
    criterion.final_summary();

    rate(&runtime, &router)?;
    pages(&runtime, &router)?;
    memory(&runtime)
}

/// A small room, a large one, and no rate limit.
fn emulator() -> Outcome<Emulator> {
    let mut state = State::default();
    let mut large = Room::new("u0");
    large.maxusers = LARGE as u64;
    for n in 1..LARGE {
        large.join(&format!("u{n}"));
    }
    state.rooms.insert(RoomId::parse(ROOM)?, Room::new("alice"));
    state.rooms.insert(RoomId::parse(LARGE_ROOM)?, large);
    let options = Options {
        calls_per_second: None,
        ..Options::default()
    };
    Ok(Emulator::new(state, options))
}

/// The calls that most of the traffic consists of; in the end all is as it was.
const CALLS: [(&str, &str, &str); 8] = [
    ("GET", "users?pagenum=1&pagesize=1000", ""),
    ("GET", "admin", ""),
    (
        "POST",
        "users",
        r#"{"usernames": ["bob", "carol", "dan", "eve"]}"#,
    ),
    ("POST", "users/frank", ""),
    ("POST", "admin", r#"{"newadmin": "bob"}"#),
    ("DELETE", "admin/bob", ""),
    ("DELETE", "users/bob%2Ccarol%2Cdan%2Ceve", ""),
    ("DELETE", "users/frank", ""),
];

async fn each_call(router: &Router) -> Outcome {
    for (method, path, body) in CALLS {
        call(router, method, &format!("{ROOM}/{path}"), body).await?;
    }
    Ok(())
}

/// Makes a call and reads its answer to the end.
async fn call(router: &Router, method: &str, path: &str, body: &'static str) -> Outcome<usize> {
    let request = Request::builder()
        .method(method)
        .uri(format!("/acme/demo/chatrooms/{path}"))
        .header("authorization", "Bearer any")
        .body(Body::from(body))?;
    let answer = router.clone().oneshot(request).await?;
    if !answer.status().is_success() {
        return Err(format!("{method} {path}: {}", answer.status()).into());
    }
    Ok(to_bytes(answer.into_body(), usize::MAX).await?.len())
}

fn rate(runtime: &Runtime, router: &Router) -> Outcome {
    const TIME: Duration = Duration::from_secs(2);
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed() < TIME {
        runtime.block_on(each_call(router))?;
        calls += CALLS.len() as u32;
    }
    let rate = f64::from(calls) / start.elapsed().as_secs_f64();
    tell(
        &format!("calls a second on one core: {rate:.0} (at least {LEAST_RATE})"),
        rate >= LEAST_RATE,
    )
}

fn pages(runtime: &Runtime, router: &Router) -> Outcome {
    let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
    for page in 1..=LARGE / 1000 {
        let start = Instant::now();
        let path = format!("{LARGE_ROOM}/users?pagenum={page}&pagesize=1000");
        runtime.block_on(call(router, "GET", &path, ""))?;
        all += start.elapsed();
        longest = longest.max(start.elapsed());
    }
    tell(
        &format!(
            "{LARGE} members in pages of 1000: {all:.0?} in all, the longest page {longest:.1?} (at most {LONGEST_PAGE:?})"
        ),
        longest <= LONGEST_PAGE,
    )
}

/// Before the start the journal fills up, and what counts the busiest second.
fn memory(runtime: &Runtime) -> Outcome {
    let router = emulator()?.router();
    let mut resident = Vec::new();
    for calls in [4 * Journal::SIZE, MANY_CALLS / 2, MANY_CALLS / 2] {
        for _ in 0..calls / CALLS.len() {
            runtime.block_on(each_call(&router))?;
        }
        resident.push(resident_kib()?);
    }
    let [start, middle, end] = resident.as_slice() else {
        return Err("three looks at the memory".into());
    };
    tell(
        &format!(
            "memory over {MANY_CALLS} calls: {start} KiB at the start, {middle} KiB in the middle, {end} KiB at the end \
             (at most {MOST_GROWTH_KIB} KiB more)"
        ),
        middle.max(end) - start.min(middle) <= MOST_GROWTH_KIB,
    )
}

fn resident_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn tell(figure: &str, kept: bool) -> Outcome {
    writeln!(stdout(), "{figure}")?;
    if kept {
        Ok(())
    } else {
        Err("the bound is not kept".into())
    }
}
