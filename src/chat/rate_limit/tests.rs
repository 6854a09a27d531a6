use super::*;
use futures_util::future::join_all;
use proptest::prelude::*;
use std::sync::Mutex;
use tokio::time::sleep;

/// Makes calls of these lengths (ms: there, back) as fast as they are let and gives when the service counted each (ms).
fn run(limit: u32, flights: &[(u64, u64)]) -> Vec<u128> {
    run_with(RoundTrips::default(), limit, flights)
}

fn run_with(round_trips: RoundTrips, limit: u32, flights: &[(u64, u64)]) -> Vec<u128> {
    virtually(async {
        let start = Instant::now();
        let rate_limiter = RateLimiter::with(&rates(limit), 64, round_trips);
        let call = async |there: u64, back: u64| {
            let permit = rate_limiter.permit(Method::AddMany).await.unwrap();
            sleep(Duration::from_millis(there)).await;
            let counted = start.elapsed().as_millis();
            sleep(Duration::from_millis(back)).await;
            permit.answered();
            counted
        };
        join_all(flights.iter().map(|(there, back)| call(*there, *back))).await
    })
}

fn virtually<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

fn rates(limit: u32) -> Rates {
    Rates {
        default: limit,
        own: BTreeMap::new(),
    }
}

fn busiest_window(mut counted: Vec<u128>) -> usize {
    counted.sort_unstable();
    (0..counted.len())
        .map(|i| {
            counted[i..]
                .iter()
                .take_while(|at| **at < counted[i] + 1000)
                .count()
        })
        .max()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The condition under which part of a round trip can be given back, to its edge: the shortest way there and the
    /// shortest way back together take half of what the first calls took, which the others do not undercut.
    #[test]
    fn no_window_holds_more_than_the_limit(
        limit in 1u32..=20,
        (there, back) in (0u64..80, 0u64..80),
        there_first in 0.0..=1.0,
        flights in prop::collection::vec((0u64..300, 0u64..300), 1..160),
    ) {
        let beyond = there + back;
        let there_beyond = (beyond as f64 * there_first) as u64;
        let first = (there + there_beyond, back + beyond - there_beyond);
        let mut flights: Vec<_> = flights.iter().map(|(t, b)| (there + t, back + b)).collect();
        flights[0] = first;
        prop_assert!(busiest_window(run(limit, &flights)) <= limit as usize);
    }

    /// Where nothing is given back there is no condition.
    #[test]
    fn whole_windows_are_always_safe(
        limit in 1u32..=20,
        flights in prop::collection::vec((0u64..300, 0u64..300), 1..120),
    ) {
        prop_assert!(busiest_window(run_with(RoundTrips::strict(), limit, &flights)) <= limit as usize);
    }
}

/// A round trip of 90 ms, of which now the way there and now the way back takes most.
fn asymmetric() -> Vec<(u64, u64)> {
    let mut rng = fastrand::Rng::with_seed(1);
    let flight = |most_there: bool| if most_there { (60, 30) } else { (30, 60) };
    (0..400).map(|_| flight(rng.bool())).collect()
}

#[test]
fn half_a_round_trip_can_be_given_back_and_a_whole_one_cannot() {
    let busiest = |parts| busiest_window(run_with(RoundTrips::in_parts(parts), 20, &asymmetric()));
    assert_eq!(busiest(2), 20);
    assert!(busiest(1) > 20, "this test would not see it");
}

#[test]
fn a_path_that_becomes_faster_does_no_harm_where_it_takes_as_long_back_as_there() {
    for at in (200..300).step_by(7) {
        let flights: Vec<_> = (0..600).map(|n| if n < at { (50, 50) } else { (2, 3) }).collect();
        assert!(busiest_window(run(50, &flights)) <= 50, "{at}");
    }
}

#[test]
fn a_call_turned_away_ends_the_giving_back() {
    virtually(async {
        let round_trips = RoundTrips::default();
        for _ in 0..20 {
            assert_eq!(round_trips.given_back(Instant::now()), Duration::ZERO);
            round_trips.answered(Duration::from_millis(60));
        }
        assert_eq!(round_trips.given_back(Instant::now()).as_millis(), 30);
        round_trips.turned_away(Instant::now());
        sleep(Duration::from_secs(59)).await;
        assert_eq!(round_trips.given_back(Instant::now()), Duration::ZERO);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(round_trips.given_back(Instant::now()).as_millis(), 30);
    });
}

#[test]
fn the_budget_is_used() {
    let counted = run(50, &[(10, 10); 500]);
    let seconds = (counted.iter().max().unwrap() - counted.iter().min().unwrap()) as f64 / 1000.0;
    assert!(500.0 / seconds > 45.0, "{seconds} s for 500 calls at 50 a second");
}

#[test]
fn a_short_command_never_waits() {
    assert_eq!(run(50, &[(0, 0); 25]).into_iter().max(), Some(0));
}

#[test]
fn a_start_waits_for_its_first_answers_and_no_longer() {
    let counted = run(50, &[(30, 30); 25]);
    let with = |ms| counted.iter().filter(|at| **at == ms).count();
    assert_eq!([30, 90, 150].map(with), [8, 16, 1]);
}

/// The service counts the calls of the process before: it turns all of the first ones away.
#[test]
fn a_start_that_is_turned_away_waits_until_a_second_is_over_and_goes_on_at_the_full_rate() {
    let (log, ()) = logged(|| {
        virtually(async {
            let rate_limiter = RateLimiter::new(&rates(100), 128, false);
            let start = Instant::now();
            for method in [Method::ListAdmins, Method::AddMany] {
                let first = join_all((0..8).map(|_| rate_limiter.permit(method))).await;
                assert!(rate_limiter.would_wait(method), "eight wait for their answers");
                sleep(Duration::from_millis(60)).await;
                assert!(first.into_iter().all(|permit| permit.unwrap().turned_away(None)));
                assert_eq!(rate_limiter.limit(method), 100);
            }
            for method in [Method::ListAdmins, Method::AddMany] {
                let next = rate_limiter.permit(method).await.unwrap();
                assert_eq!(start.elapsed().as_millis(), 1_150);
                next.answered();
            }
            let most = join_all((0..95).map(|_| rate_limiter.permit(Method::AddMany))).await;
            assert!(start.elapsed().as_millis() < 2_000, "{:?}", start.elapsed());
            // By now it is the service that has no more.
            for permit in most {
                assert!(permit.unwrap().turned_away(None));
            }
            assert!(rate_limiter.limit(Method::AddMany) < 100);
            assert_eq!(rate_limiter.limit(Method::ListAdmins), 100);
        });
    });
    let said = log
        .matches("the service still counts the calls of the process before")
        .count();
    assert_eq!(said, 1, "{log}");
    assert!(log.contains("method=list_admins wait_ms=1090"), "{log}");
}

#[test]
fn an_answer_after_the_first_second_holds_nothing_back() {
    let (log, ()) = logged(|| {
        virtually(async {
            let rate_limiter = RateLimiter::new(&rates(100), 64, false);
            sleep(Duration::from_millis(900)).await;
            let late = rate_limiter.permit(Method::AddMany).await.unwrap();
            sleep(Duration::from_millis(600)).await;
            assert!(late.turned_away(None));
            assert!(!rate_limiter.would_wait(Method::AddMany));
            assert_eq!(rate_limiter.limit(Method::AddMany), 100);
        });
    });
    assert_eq!(log, "", "nothing waits");
}

/// Lines that are logged meanwhile.
fn logged<T>(work: impl FnOnce() -> T) -> (String, T) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = {
        let log = Arc::clone(&log);
        move || Log(Arc::clone(&log))
    };
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(writer)
        .finish();
    let done = tracing::subscriber::with_default(subscriber, work);
    let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
    (log, done)
}

struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn slowing_down_holds_one_method_and_no_other() {
    let rate_limiter = RateLimiter::new(&rates(10), 4, false);
    let start = Instant::now();
    turned_away(&rate_limiter, Duration::from_secs(3)).await;
    rate_limiter.permit(Method::Demote).await.unwrap().answered();
    assert_eq!(start.elapsed().as_secs(), 0);
    rate_limiter.permit(Method::Promote).await.unwrap().answered();
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn it_is_known_beforehand_whether_a_call_would_wait() {
    let rate_limiter = RateLimiter::new(&rates(4), 4, false);
    let waits = |method| rate_limiter.would_wait(method);
    let half = [
        rate_limiter.permit(Method::AddMany).await.unwrap(),
        rate_limiter.permit(Method::AddMany).await.unwrap(),
    ];
    assert!(waits(Method::AddMany), "half the permits count at the start");
    assert!(!waits(Method::AddOne));
    sleep(Duration::from_secs(1)).await;
    assert!(!waits(Method::AddMany));
    let rest = [
        rate_limiter.permit(Method::AddMany).await.unwrap(),
        rate_limiter.permit(Method::AddMany).await.unwrap(),
    ];
    assert!(waits(Method::AddMany), "all are in flight");
    // Somebody comes into line…
    let mut next = std::pin::pin!(rate_limiter.permit(Method::AddMany));
    assert!(futures_util::poll!(&mut next).is_pending());
    drop((half, rest));
    sleep(Duration::from_secs(2)).await;
    assert!(waits(Method::AddMany), "…and is first");
    drop(next.await);
    assert!(!waits(Method::AddMany));

    turned_away(&rate_limiter, Duration::from_secs(3)).await;
    assert!(waits(Method::Promote), "it is held back");
    let full = rate_limiter.budget().iter().map(|budget| budget.full).max();
    assert_eq!(full, Some(4));
}

/// The service turns a promotion away and says when to come again.
async fn turned_away(rate_limiter: &RateLimiter, retry_after: Duration) {
    let permit = rate_limiter.permit(Method::Promote).await.unwrap();
    assert!(permit.turned_away(Some(retry_after)));
}

/// The service has gone to sleep: it turns everything away.
#[tokio::test(start_paused = true)]
async fn those_who_wait_are_given_up_together_and_not_one_after_the_other() {
    let rate_limiter = RateLimiter::new(&rates(10), 64, false);
    let start = Instant::now();
    let call = async || {
        loop {
            let permit = rate_limiter.permit(Method::AddMany).await?;
            sleep(Duration::from_millis(20)).await;
            if !permit.turned_away(None) {
                return Err::<(), _>(GaveUp);
            }
        }
    };
    let all = join_all((0..500).map(|_| call())).await;
    assert!(all.iter().all(Result::is_err));
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    // Whoever comes later may try again.
    rate_limiter.permit(Method::AddMany).await.unwrap().answered();
}
