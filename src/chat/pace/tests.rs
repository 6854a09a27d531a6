use super::*;
use futures_util::future::join_all;
use proptest::prelude::*;

/// Makes calls of these lengths (ms) as fast as they are let and gives when the service counted each (ms).
fn run(limit: u32, flights: &[(u64, u64)]) -> Vec<u128> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let rates = Rates {
            default: limit,
            own: BTreeMap::new(),
        };
        let pacer = Pacer::new(&rates, 64);
        let call = async |there: u64, back: u64| {
            let permit = pacer.permit(Method::AddMany).await;
            tokio::time::sleep(Duration::from_millis(there)).await;
            let counted = start.elapsed().as_millis();
            tokio::time::sleep(Duration::from_millis(back)).await;
            drop(permit);
            counted
        };
        join_all(flights.iter().map(|(there, back)| call(*there, *back))).await
    })
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
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_window_holds_more_than_the_limit(
        limit in 1u32..=20,
        flights in prop::collection::vec((0u64..300, 0u64..300), 1..120),
    ) {
        prop_assert!(busiest_window(run(limit, &flights)) <= limit as usize);
    }
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

#[tokio::test(start_paused = true)]
async fn slowing_down_holds_one_method_and_no_other() {
    let rates = Rates {
        default: 10,
        own: BTreeMap::new(),
    };
    let pacer = Pacer::new(&rates, 4);
    let start = Instant::now();
    pacer.slow_down(Method::Promote, Duration::from_secs(3));
    drop(pacer.permit(Method::Demote).await);
    assert_eq!(start.elapsed().as_secs(), 0);
    drop(pacer.permit(Method::Promote).await);
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn it_is_known_beforehand_whether_a_call_would_wait() {
    let rates = Rates {
        default: 4,
        own: BTreeMap::new(),
    };
    let pacer = Pacer::new(&rates, 4);
    let waits = |method| pacer.would_wait(method);
    let half = [
        pacer.permit(Method::AddMany).await,
        pacer.permit(Method::AddMany).await,
    ];
    assert!(waits(Method::AddMany), "half the permits count at the start");
    assert!(!waits(Method::AddOne));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waits(Method::AddMany));
    let rest = [
        pacer.permit(Method::AddMany).await,
        pacer.permit(Method::AddMany).await,
    ];
    assert!(waits(Method::AddMany), "all are in flight");
    // Somebody comes into line…
    let mut next = std::pin::pin!(pacer.permit(Method::AddMany));
    assert!(futures_util::poll!(&mut next).is_pending());
    drop((half, rest));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(waits(Method::AddMany), "…and is first");
    drop(next.await);
    assert!(!waits(Method::AddMany));

    pacer.slow_down(Method::Promote, Duration::from_secs(3));
    assert!(waits(Method::Promote), "it is held back");
    let full = pacer.budget().iter().map(|budget| budget.full).max();
    assert_eq!(full, Some(4));
}
