//! Circumstances in which calls are made at the limit, and the bounds of what comes of them.
//!
//! Shared by a test and by `cargo bench --bench pace`.

use crate::line::{Path, Split};
use crate::pace_model::{NEVER, Others, Scenario, Wanted};

fn wanted(rate: f64, turned_away: f64) -> Wanted {
    Wanted {
        rate,
        turned_away,
        found_again: 60.0,
    }
}

/// The three kinds of path, and the calls a second that are wanted on each of 100.
pub(crate) const PATHS: [(Path, &str, f64); 3] = [
    (Path::between(60, 60), "60 ms", 95.0),
    (Path::between(20, 100), "20..100 ms", 94.0),
    (Path::between(0, 250), "0..250 ms", 87.0),
];

pub(crate) fn plain(name: &str, path: Path, rate: f64) -> Scenario {
    Scenario {
        name: name.to_owned(),
        calls: 2_000,
        configured: 100,
        service: 100,
        path,
        strict: false,
        seed: 1,
        others: Others::Nothing,
        others_from_ms: 0,
        wanted: wanted(rate, NEVER),
    }
}

/// Bounds that are asserted at every commit.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = PATHS.map(|(path, name, rate)| plain(name, path, rate)).into();
    for (name, others) in [
        ("others have 50 of 100", Others::Have(50)),
        ("others make 1 every 20 ms", Others::Every(20)),
        ("others make 50 at once a second", Others::AtOnce(50)),
    ] {
        all.push(Scenario {
            calls: 2_000,
            others,
            wanted: wanted(45.0, 1.0),
            ..plain(name, Path::between(60, 60), 0.0)
        });
    }
    all.push(Scenario {
        calls: 3_000,
        others: Others::HaveUntil(50, 30_000),
        wanted: wanted(0.0, 1.0),
        ..plain("others have 50 for 30 s", Path::between(60, 60), 0.0)
    });
    // A start finds out twice how little there is: in its first second, of which it believes nothing, and after that.
    for (configured, most) in [(50, 4.0), (100, 5.0)] {
        all.push(Scenario {
            calls: 600,
            configured,
            service: 10,
            wanted: wanted(9.0, most),
            ..plain(
                &format!("a limit of 10, {configured} configured"),
                Path::between(60, 60),
                0.0,
            )
        });
    }
    all
}

/// Figures shown beside it: other splits of a round trip, what the giving back wins, and what it risks.
pub(crate) fn more_scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (path, name, rate) in PATHS {
        for (how, split) in [("all there", Split::AllThere), ("all back", Split::AllBack)] {
            all.push(plain(&format!("{name}, {how}"), path.split(split), rate));
        }
        all.push(Scenario {
            strict: true,
            ..plain(&format!("{name}, strict"), path, 0.0)
        });
    }
    // The worst for the bet that is behind the giving back: ways there and ways back that take no time at all.
    for (how, strict, most) in [("", false, 1.0), (", strict", true, NEVER)] {
        all.extend((0..8).map(|seed| Scenario {
            strict,
            seed,
            wanted: wanted(0.0, most),
            ..plain(
                &format!("60 ms, all there or all back{how}"),
                Path::between(60, 60).split(Split::Either),
                0.0,
            )
        }));
    }
    for (path, name, _) in &PATHS[..2] {
        for (how, others) in [
            ("1 every 20 ms", Others::Every(20)),
            ("50 at once", Others::AtOnce(50)),
        ] {
            // It matters when in our first second they begin.
            all.extend([130, 333, 510, 777].map(|others_from_ms| Scenario {
                calls: 3_000,
                others,
                others_from_ms,
                wanted: wanted(45.0, 1.0),
                ..plain(&format!("{name}, others later {how}"), *path, 0.0)
            }));
        }
    }
    for (how, split, strict, most) in [
        ("half there", Split::Half, false, NEVER),
        ("all back", Split::AllBack, false, NEVER),
        ("all there", Split::AllThere, false, 3.0),
        ("all there, strict", Split::AllThere, true, NEVER),
    ] {
        let faster = |at| Path {
            later_ms: Some((at, 5)),
            ..Path::between(100, 100).split(split)
        };
        // What goes wrong depends on where in the second it happens.
        all.extend((0..12).map(|n| Scenario {
            calls: 1_000,
            strict,
            wanted: wanted(0.0, most),
            ..plain(&format!("100 → 5 ms, {how}"), faster(4_000 + 83 * n), 0.0)
        }));
    }
    all
}
