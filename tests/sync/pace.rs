//! The call limit is used, and not run into.

use crate::pace_model::{run, scenarios};

#[test]
fn calls_go_at_the_limit_and_never_over_it() {
    for scenario in scenarios() {
        let figures = run(&scenario).unwrap();
        assert!(figures.keep(&scenario), "{}: {figures:?}", scenario.name);
    }
}
