//! Work that questions take, in names walked.

use super::super::{Loaded, Query, Retain};
use crate::model::{RoomDefaults, RoomId, UserId};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

thread_local! {
    /// Items of lists that were walked on this thread.
    pub(super) static WALKED: Cell<usize> = const { Cell::new(0) };
}

const ROOMS: usize = 200;
const PEOPLE: usize = 20;

fn walked(run: impl FnOnce()) -> usize {
    WALKED.set(0);
    run();
    WALKED.get()
}

/// Rooms with people of their own, and a group in each of them; its name is in a file of its own.
fn loaded() -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for room in 0..ROOMS {
        let people: Vec<String> = (0..PEOPLE).map(|n| format!("u{room}-{n}")).collect();
        let people = people.join(", ");
        let mut text = format!("groups: {{g{room}: [{people}, x{room}]}}\n");
        writeln!(
            text,
            "rooms: [{{id: {}, members: [group:g{room}, {people}]}}]",
            room + 1
        )
        .unwrap();
        std::fs::write(folder.path().join(format!("{room}.yaml")), text).unwrap();
    }
    super::super::load(
        &[folder.path().to_owned()],
        None,
        &RoomDefaults::default(),
        Retain::Provenance,
    )
    .unwrap()
}

#[test]
fn failing_rooms_cost_one_walk_of_all_names() {
    let provenance = loaded().provenance;
    let names = ROOMS * (2 * PEOPLE + 2);
    let mut digests = BTreeSet::new();
    let steps = walked(|| {
        for room in 0..ROOMS {
            let user = UserId::parse(&format!("u{room}-7")).unwrap();
            digests.extend(provenance.naming(&BTreeSet::from([user])).into_values());
        }
    });
    assert_eq!(digests.len(), ROOMS);
    assert_eq!(steps, names);
    let nobody = walked(|| assert!(loaded().provenance.naming(&BTreeSet::new()).is_empty()));
    assert_eq!(nobody, 0);
}

#[test]
fn a_line_is_found_without_a_walk_of_other_rooms() {
    let provenance = loaded().provenance;
    let (room, user) = (RoomId::parse("7").unwrap(), UserId::parse("x6").unwrap());
    let steps = walked(|| {
        let found = provenance.find(&[Query::member(&room, &user)]);
        assert_eq!(found.first().unwrap().as_ref().unwrap().line, 1);
    });
    assert_eq!(steps, 2 * (PEOPLE + 1));
}
