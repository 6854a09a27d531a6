use super::*;
use crate::daemon::fleet_budget::Spending;
use crate::disk::gate::Gate;
use jiff::Timestamp;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

/// State with this number of members.
fn members(members: u64) -> Snapshot {
    let spending = Spending {
        members,
        removals: Default::default(),
        looked: Timestamp::UNIX_EPOCH,
    };
    Snapshot {
        state: Some(PersistedState {
            spending: Some(spending),
            ..PersistedState::default()
        }),
        ..Snapshot::default()
    }
}

fn on_the_disk(dir: &TempDir) -> Option<u64> {
    let (_, restored) = StateDir::read_only(dir.path()).unwrap();
    restored.state.spending.map(|spending| spending.members)
}

fn persister(dir: &TempDir, gate: &Gate) -> Persister {
    let (dir, _) = StateDir::open(dir.path(), gate.fsync()).unwrap();
    Persister::new(dir, &Arc::default())
}

async fn is_paused(persister: &Persister) -> Result<bool, String> {
    persister.paused().await.map(|pause| pause.is_some())
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_keeps_only_those_waiting_who_await_it() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let persister = persister(&dir, &gate);
    gate.shut();
    persister.save(members(1));
    gate.until_one_waits();
    for n in 2..=1_000 {
        persister.save(members(n));
    }
    assert_eq!((persister.error(), on_the_disk(&dir)), (None, None));
    assert_eq!(is_paused(&persister).await, Ok(false));
    fs::write(dir.path().join("pause"), "").unwrap();
    assert_eq!(is_paused(&persister).await, Ok(true));
    let mut saved = tokio::spawn({
        let persister = persister.clone();
        async move { persister.on_disk().await }
    });
    // Time passes only because the test moves it: it stands still while the disk works.
    let begun = Instant::now();
    for _ in 0..60 {
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(timeout(Duration::ZERO, &mut saved).await.is_err());
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(6));
    gate.open();
    assert_eq!(saved.await.unwrap(), Ok(()));
    assert_eq!(on_the_disk(&dir), Some(1_000));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_saved_is_saved_with_the_next_or_when_asked_for_again() {
    let (dir, gate) = (tempfile::tempdir().unwrap(), Gate::default());
    let changed = Arc::new(Notify::new());
    let (state_dir, _) = StateDir::open(dir.path(), gate.fsync()).unwrap();
    let persister = Persister::new(state_dir, &changed);
    let away = dir.path().with_extension("away");
    for again in [true, false] {
        fs::rename(dir.path(), &away).unwrap();
        let rosters = Some(Rosters::default());
        persister.save(Snapshot {
            rosters,
            ..members(7 + u64::from(again))
        });
        let error = persister.on_disk().await.unwrap_err();
        changed.notified().await;
        assert_eq!(persister.error(), Some(error));
        persister.paused().await.unwrap_err();
        persister.was_paused().unwrap_err();
        fs::rename(&away, dir.path()).unwrap();
        assert_eq!(is_paused(&persister).await, Ok(false));
        assert!(persister.error().is_some(), "nothing was asked for since");
        if again {
            persister.retry();
        } else {
            persister.save(Snapshot::default());
        }
        assert_eq!(persister.on_disk().await, Ok(()));
        assert_eq!(on_the_disk(&dir), Some(7 + u64::from(again)));
    }
}

#[tokio::test]
async fn a_dry_run_saves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state");
    let (state_dir, _) = StateDir::read_only(&path).unwrap();
    let persister = Persister::new(state_dir, &Arc::default());
    persister.save(members(1));
    assert_eq!(persister.on_disk().await, Ok(()));
    assert!(!path.exists());
}
