//! Crashes at every step of the work on the folder, and the folders that they leave.

use super::super::folder::Done;
use super::*;

/// Every state in which a crash can leave the folder: after each step, with any of the names lost that were not yet safe, and
/// with a file that was not yet named.
fn crashes(begun: &BTreeMap<String, Vec<u8>>, done: &[Done]) -> Vec<BTreeMap<String, Vec<u8>>> {
    let mut safe = begun.clone();
    let mut open: Vec<&Done> = Vec::new();
    let mut states = Vec::new();
    for step in std::iter::once(None).chain(done.iter().map(Some)) {
        match step {
            None => {}
            Some(Done::Synced) => {
                for done in open.drain(..) {
                    apply(&mut safe, done);
                }
            }
            Some(done) => open.push(done),
        }
        for kept in 0..1 << open.len() {
            let mut state = safe.clone();
            for (index, done) in open.iter().enumerate() {
                if kept & (1 << index) != 0 {
                    apply(&mut state, done);
                }
            }
            states.push(state);
        }
    }
    states
}

fn apply(state: &mut BTreeMap<String, Vec<u8>>, done: &Done) {
    match done {
        Done::Put(name, bytes) => drop(state.insert(name.clone(), bytes.clone())),
        Done::Removed(name) => drop(state.remove(name)),
        Done::Synced => {}
    }
}

/// Opens the folder as each crash leaves it, and what a crash of that leaves, and so on `deep` times.
fn after_each_crash(
    state: &BTreeMap<String, Vec<u8>>,
    deep: usize,
    judge: &dyn Fn(&Restored),
    count: &mut usize,
) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in state {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    fs::write(dir.path().join(".new-abcdef"), "{\"sha").unwrap();
    let (store, kept) = open(dir.path()).unwrap_or_else(|error| panic!("{:?}: {error}", state.keys()));
    judge(&kept);
    *count += 1;
    let done = store.folder.done.lock().unwrap().clone();
    drop(store);
    let (_, kept) = open(dir.path()).unwrap();
    judge(&kept);
    assert!(SET.iter().all(|name| dir.path().join(name).exists()) && !dir.path().join(BUDGET).exists());
    if deep > 0 {
        for crashed in crashes(state, &done) {
            after_each_crash(&crashed, deep - 1, judge, count);
        }
    }
}

#[test]
fn a_crash_at_any_step_of_the_first_start_leaves_a_new_start() {
    let mut count = 0;
    let nothing = |kept: &Restored| {
        let found = RestoredFrom::Nothing;
        assert_eq!(
            Restored {
                found,
                ..kept_again(kept)
            },
            Restored::default()
        );
    };
    after_each_crash(&BTreeMap::new(), 1, &nothing, &mut count);
    assert!(count > 15, "{count}");
    eprintln!("{count} folders, as crashes leave them: all start");
}

#[test]
fn a_crash_at_any_step_of_a_take_over_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    of_version_1(dir.path());
    let whole = StateDir::read_only(dir.path()).unwrap().1;
    let begun =
        [BUDGET, FILES, ROSTERS].map(|name| (name.to_owned(), fs::read(dir.path().join(name)).unwrap()));
    let mut count = 0;
    let all_there = |kept: &Restored| {
        let found = whole.found;
        assert_eq!(
            Restored {
                found,
                ..kept_again(kept)
            },
            whole
        );
        assert_ne!(kept.found, RestoredFrom::Nothing);
    };
    after_each_crash(&BTreeMap::from(begun), 1, &all_there, &mut count);
    assert!(count > 10, "{count}");
    eprintln!("{count} folders, as crashes leave them: everything is there in all");
}

#[test]
fn a_crash_at_any_step_of_the_first_save_leaves_each_file_as_before_or_after() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path()).unwrap();
    save(&store, &kept());
    let done = store.folder.done.lock().unwrap().clone();
    let mut count = 0;
    let (new, old) = (kept(), Restored::default());
    let either = |kept: &Restored| {
        assert!([&old.rosters, &new.rosters].contains(&&kept.rosters));
        assert!([&old.files, &new.files].contains(&&kept.files));
        assert!([&old.state, &new.state].contains(&&kept.state));
    };
    for crashed in crashes(&BTreeMap::new(), &done) {
        after_each_crash(&crashed, 0, &either, &mut count);
    }
    assert!(count > 20, "{count}");
}

fn kept_again(kept: &Restored) -> Restored {
    Restored {
        settled: kept.settled.clone(),
        rosters: kept.rosters.clone(),
        state: kept.state.clone(),
        files: kept.files.clone(),
        invitations: kept.invitations.clone(),
        seen: kept.seen.clone(),
        found: kept.found,
    }
}
