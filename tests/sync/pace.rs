//! The call limit is used, and not run into.

use crate::line::{Path, Split};
use crate::pace_model::{Figures, Scenario, run};
use crate::pace_scenarios::{plain, scenarios};

#[test]
fn calls_go_at_the_limit_and_never_over_it() {
    for scenario in scenarios() {
        let figures = run(&scenario).unwrap();
        assert!(figures.keep(&scenario), "{}: {figures:?}", scenario.name);
    }
}

/// 100 calls a second of 100, over ways of which each can take no time at all or all of the round trip.
fn by_extreme_ways(strict: bool, seed: u64) -> Figures {
    let path = Path::between(60, 60).split(Split::Either);
    run(&Scenario {
        calls: 600,
        strict,
        seed,
        ..plain("extreme ways", path, 0.0)
    })
    .unwrap()
}

#[test]
fn the_bet_can_be_lost_and_strict_does_not_bet() {
    let lost = (0..8).filter(|seed| by_extreme_ways(false, *seed).turned_away > 0);
    assert!(lost.count() > 0, "this test would not see it");
    for seed in 0..8 {
        let figures = by_extreme_ways(true, seed);
        assert_eq!(figures.turned_away, 0, "seed {seed}: {figures:?}");
        assert_eq!(figures.worst_window, 100, "seed {seed}: {figures:?}");
    }
}

#[test]
fn strict_is_never_turned_away_at_the_limit_itself() {
    let mut rng = fastrand::Rng::with_seed(1);
    for split in [Split::Half, Split::AllThere, Split::AllBack, Split::Either] {
        for seed in 0..6 {
            let shortest = rng.u64(0..120);
            let path = Path {
                // Faster or slower from some time on.
                later_ms: rng.bool().then(|| (rng.u64(1_000..5_000), rng.u64(1..200))),
                ..Path::between(shortest, shortest + rng.u64(0..250)).split(split)
            };
            let figures = run(&Scenario {
                calls: 500,
                strict: true,
                seed,
                ..plain("strict", path, 0.0)
            })
            .unwrap();
            assert_eq!(figures.turned_away, 0, "{path:?}, seed {seed}: {figures:?}");
            assert!(figures.worst_window <= 100, "{path:?}, seed {seed}: {figures:?}");
        }
    }
}
