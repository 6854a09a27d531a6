//! What the daemon must not forget, in `state_dir`: holds, the lists they are judged by, the fleet's budget, who is set aside.
//!
//! Files are replaced in one step and synced, so that a crash at any instant leaves the old one or the new one.

mod shape;

use super::aside::SetAside;
use super::holds::Rosters;
use super::removal_budget::ListHistory;
use super::taught::Taught;
use crate::desired::Remembered;
use crate::model::{RoomId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shape::{AsideJson, BudgetJson, FilesFile, LedgerFile, RosterJson, RostersFile, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The version of the files' shape.
const VERSION: u32 = 1;
const ROSTERS: &str = "rosters.json";
const BUDGET: &str = "budget.json";
const FILES: &str = "files.json";
const LOCK: &str = "lock";
/// While there is a file of this name, nothing is written to the service.
const PAUSE: &str = "pause";

/// Why the daemon cannot keep what it must not forget.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file in it cannot be used.
    #[error(
        "cannot use {path:?} in `state_dir`; let the user that runs roomsync write there, or name another `state_dir`"
    )]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another daemon keeps its state here.
    #[error("another roomsync runs with this `state_dir` ({0:?}): end it, or give each its own")]
    Taken(PathBuf),
    /// A file of another version.
    #[error(
        "{path:?} was written by another version of roomsync (its shape is {version}, here {VERSION} is known); start that one \
         again: without this file nothing is known of what must not be removed"
    )]
    Version {
        /// Which.
        path: PathBuf,
        /// Its shape's version.
        version: u32,
    },
    /// A file is not what was written.
    #[error(
        "{path:?} is damaged ({why}), and with it the record of what must not be removed; put it back from a backup, or move \
         it away to let holds start anew"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// The folder. A dry run has none: it reads what there is and leaves it as it is.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// Held as long as the daemon lives; `None`: nothing is written here.
    lock: Option<File>,
    /// Device and inode of the folder that was taken.
    taken: Option<(u64, u64)>,
}

/// Removals since the last look at all rooms, and the members of all rooms at that look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) members: u64,
    /// Who was removed, and where.
    pub(super) spent: BTreeSet<(RoomId, UserId)>,
    pub(super) looked: Timestamp,
}

/// What is kept beside the rosters, and changes more often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) budget: Option<Budget>,
    pub(super) aside: SetAside,
    /// Batch sizes that the service taught.
    pub(super) taught: Option<Taught>,
    /// Who left each room's lists within the window of its removal budget.
    pub(super) budgets: BTreeMap<RoomId, RoomBudget>,
}

/// The lists of a room over the last window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RoomBudget {
    /// Everyone who is wanted in the room.
    #[serde(default, skip_serializing_if = "ListHistory::is_empty")]
    pub(super) people: ListHistory,
    /// The wanted admins.
    #[serde(default, skip_serializing_if = "ListHistory::is_empty")]
    pub(super) admins: ListHistory,
}

impl RoomBudget {
    pub(super) fn is_empty(&self) -> bool {
        let Self { people, admins } = self;
        people.is_empty() && admins.is_empty()
    }
}

impl Store {
    /// Takes the folder, and makes it where it is missing.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        if fs::metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            return Err(unusable(dir)(io::ErrorKind::NotADirectory.into()));
        }
        fs::create_dir_all(dir).map_err(unusable(dir))?;
        let path = dir.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unusable(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Taken(dir.to_owned())),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        let store = Self {
            dir: dir.to_owned(),
            lock: Some(lock),
            taken: Some(identity(dir).map_err(unusable(dir))?),
        };
        // Better to know now than when something has to be held.
        store.temporary().map_err(unusable(dir))?;
        Ok(store)
    }

    /// Looks into the folder without taking it.
    pub(super) fn read_only(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            lock: None,
            taken: None,
        }
    }

    /// Whether somebody put a file `pause` there. The error: nobody can tell, because the folder is not the one that was taken,
    /// as when a disk is no longer mounted there.
    pub(super) fn paused(&self) -> io::Result<bool> {
        if let Some(taken) = self.taken
            && identity(&self.dir)? != taken
        {
            return Err(io::Error::other(
                "the folder is not the one it was at the start; is its disk mounted? Put it back, or start roomsync again",
            ));
        }
        self.dir.join(PAUSE).try_exists()
    }

    /// Where the file is that pauses the daemon.
    pub(super) fn pause_file(&self) -> PathBuf {
        self.dir.join(PAUSE)
    }

    /// What was kept; `None`: nothing, so holds start anew.
    pub(super) fn rosters(&self) -> Result<Option<Rosters>, StoreError> {
        let read: Option<RostersFile> = self.read(ROSTERS)?;
        read.map(|file| {
            let rooms = file.rooms.into_iter().map(|(id, room)| {
                let id = RoomId::parse(&id).map_err(|error| error.to_string())?;
                Ok((id, room.roster()?))
            });
            rooms
                .collect::<Result<_, String>>()
                .map(Rosters)
                .map_err(|why| self.damaged(ROSTERS, why))
        })
        .transpose()
    }

    pub(super) fn save_rosters(&self, rosters: &Rosters) -> io::Result<()> {
        let rooms = rosters
            .0
            .iter()
            .map(|(id, roster)| (id.to_string(), RosterJson::from(roster)));
        self.write(
            ROSTERS,
            &RostersFile {
                version: VERSION,
                rooms: rooms.collect(),
            },
        )
    }

    /// The files of the last set, and its digest if it had settled.
    pub(super) fn files(&self) -> Result<(Remembered, Option<String>), StoreError> {
        let read: Option<FilesFile> = self.read(FILES)?;
        Ok(read.map(|read| (read.files, read.settled)).unwrap_or_default())
    }

    pub(super) fn save_files(&self, files: Remembered, settled: Option<String>) -> io::Result<()> {
        let version = VERSION;
        self.write(
            FILES,
            &FilesFile {
                version,
                files,
                settled,
            },
        )
    }

    pub(super) fn ledger(&self) -> Result<Ledger, StoreError> {
        let read: Option<LedgerFile> = self.read(BUDGET)?;
        let Some(file) = read else {
            return Ok(Ledger::default());
        };
        let entries = file.aside.into_iter().map(|AsideJson { user, room, entry }| {
            let user = UserId::parse(&user).map_err(|error| error.to_string())?;
            let room = room.as_deref().map(RoomId::parse).transpose();
            Ok(((user, room.map_err(|error| error.to_string())?), entry))
        });
        let entries: Vec<_> = entries
            .collect::<Result<_, String>>()
            .map_err(|why| self.damaged(BUDGET, why))?;
        let budget = file.budget.map(BudgetJson::budget).transpose();
        Ok(Ledger {
            budget: budget.map_err(|why| self.damaged(BUDGET, why))?,
            aside: SetAside::from_entries(entries),
            taught: file.batch,
            budgets: file.budgets,
        })
    }

    pub(super) fn save_ledger(&self, ledger: &Ledger) -> io::Result<()> {
        let aside = ledger.aside.entries().map(|(user, room, entry)| AsideJson {
            user: user.to_string(),
            room: room.map(ToString::to_string),
            entry: entry.clone(),
        });
        self.write(
            BUDGET,
            &LedgerFile {
                version: VERSION,
                budget: ledger.budget.as_ref().map(BudgetJson::from),
                aside: aside.collect(),
                batch: ledger.taught.clone(),
                budgets: ledger.budgets.clone(),
            },
        )
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.dir.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let version: Result<Version, _> = serde_json::from_slice(&bytes);
        match version {
            Ok(Version { version: VERSION }) => {}
            Ok(Version { version }) => {
                return Err(StoreError::Version { path, version });
            }
            Err(error) => return Err(self.damaged(name, error.to_string())),
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| self.damaged(name, error.to_string()))
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        if self.lock.is_none() {
            return Ok(());
        }
        self.paused()?;
        let mut new = self.temporary().map_err(|error| without_path(&error))?;
        new.write_all(&serde_json::to_vec(value)?)?;
        new.as_file().sync_all()?;
        new.persist(self.dir.join(name)).map_err(|error| error.error)?;
        // The new name is safe only once the folder is.
        File::open(&self.dir)?.sync_all()
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix(".new-").tempfile_in(&self.dir)
    }

    fn damaged(&self, name: &str, why: String) -> StoreError {
        let path = self.dir.join(name);
        StoreError::Damaged { path, why }
    }
}

/// The same without the name of a file that is another one every time.
fn without_path(error: &io::Error) -> io::Error {
    error.kind().into()
}

fn identity(dir: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::metadata(dir)?;
    Ok((meta.dev(), meta.ino()))
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::holds::{Hold, Lists, Roster};
    use crate::model::{Limit, MemberSet};
    use std::collections::BTreeMap;

    fn people(text: &str) -> MemberSet {
        text.split_whitespace()
            .map(|name| UserId::parse(name).unwrap())
            .collect()
    }

    #[test]
    fn what_is_kept_is_found_again_and_damage_is_not_taken_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("state");
        let store = Store::open(&dir).unwrap();
        assert!(store.rosters().unwrap().is_none());
        assert!(matches!(Store::open(&dir), Err(StoreError::Taken(_))));
        let since = Timestamp::UNIX_EPOCH;
        let hold = Hold {
            users: people("a b"),
            limit: Limit::parse("2.5%").unwrap(),
            dropped: 2,
            of: 3,
            since,
        };
        let room = RoomId::parse("7").unwrap();
        let roster = Roster {
            now: Lists {
                people: Some(people("c")),
                admins: None,
                removals: Some(hold),
                demotions: None,
            },
            settled: Some(Box::default()),
        };
        let rosters = Rosters(BTreeMap::from([(room.clone(), roster)]));
        store.save_rosters(&rosters).unwrap();
        let mut ledger = Ledger {
            budget: Some(Budget {
                members: 10,
                spent: BTreeSet::from([(room.clone(), UserId::parse("gone").unwrap())]),
                looked: since,
            }),
            aside: SetAside::default(),
            taught: None,
            budgets: BTreeMap::new(),
        };
        let zed = UserId::parse("zed").unwrap();
        ledger
            .aside
            .put(&zed, (&room, false), ("refused", "no"), Some("d".into()), since);
        store.save_ledger(&ledger).unwrap();
        drop(store);
        let store = Store::open(&dir).unwrap();
        assert_eq!(store.rosters().unwrap(), Some(rosters));
        assert_eq!(store.ledger().unwrap(), ledger);
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            3,
            "nothing else is left behind"
        );

        let whole = fs::read(dir.join(ROSTERS)).unwrap();
        for end in 0..whole.len() {
            fs::write(dir.join(ROSTERS), &whole[..end]).unwrap();
            assert!(
                matches!(store.rosters(), Err(StoreError::Damaged { .. })),
                "cut at {end}"
            );
        }
    }
}
