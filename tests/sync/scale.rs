//! Large fleets: an apply takes as long as its busiest method's calls, and no longer.

use crate::scale_model::{Fleet, run};

#[test]
fn a_mixed_fleet_takes_as_long_as_its_busiest_method() {
    let figures = run(Fleet::mixed(1_000, 1).unwrap()).unwrap();
    assert!(figures.ratio() <= 1.05, "{figures:?}");
    assert_eq!(
        (figures.turned_away, figures.not_converged),
        (0, 0),
        "{figures:?}"
    );
}

#[test]
fn a_first_fill_takes_as_long_as_its_adds() {
    let figures = run(Fleet::to_fill(1_000, 1_000).unwrap()).unwrap();
    assert_eq!(figures.calls["add_many"], 17_000);
    assert!(figures.writing.as_secs_f64() <= 178.0, "{figures:?}");
    assert!(figures.whole.as_secs_f64() <= 195.0, "{figures:?}");
    assert_eq!(
        (figures.turned_away, figures.not_converged),
        (0, 0),
        "{figures:?}"
    );
}
