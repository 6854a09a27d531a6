//! `plan --format text`, and the plan of `run --once`.

use super::plans::{fleet, room, users};
use roomsync::model::{Guard, Limit};
use roomsync::plan::{GuardTripped, Status};
use roomsync::render::text;

/// A room keeps everybody if one of its guards does. The removal budget keeps only those beyond it.
#[test]
fn a_blocked_room_says_whom_it_keeps() {
    let block = |guard| GuardTripped {
        guard,
        limit: Limit::Count(50),
        wanted: 63,
        of: 100,
    };
    for (guards, kept) in [
        (&[Guard::MaxRemovals][..], "nobody is removed or demoted here"),
        (
            &[Guard::MaxRemovals, Guard::RemovalBudget],
            "nobody is removed or demoted here",
        ),
        (
            &[Guard::MaxAdditions, Guard::RemovalBudget],
            "nobody is added, removed or demoted here",
        ),
        (
            &[Guard::RemovalBudget],
            "those beyond the budget stay here, and nobody else does,",
        ),
    ] {
        let mut plan = room(1);
        plan.status = Status::Blocked;
        plan.remove = users(&["ann"]);
        plan.blocked = guards.iter().copied().map(block).collect();
        let mut shown = String::new();
        text(&mut shown, &fleet(vec![plan]), 0.0).unwrap();
        let line = format!("{kept} until the guard allows it");
        assert!(shown.contains(&line), "{guards:?}: {shown}");
    }
}
