//! State that outlives the daemon, in `state_dir`: holds, the lists they are judged by, the fleet's budget, who is set aside or
//! contested.
//!
//! Three files make one set, and none of them is kept without the others. Each names its version and the set, and carries a
//! checksum of itself. Files are replaced in one step and synced, so that a crash at any instant leaves the old one or the new one.

mod append_log;
mod folder;
mod invited;
mod pause_file;
mod persister;
mod private;
mod sealed;
mod seen_file;
mod shape;
#[cfg(test)]
mod tests;

pub(super) use pause_file::{NewPause, Pause, PauseChange};
pub(super) use persister::{FilesSnapshot, Persister, Snapshot};
pub(super) use seen_file::ToRecord;

use super::fleet_budget::Spending;
use super::learned_limits::LearnedLimits;
use crate::clock::Anchor;
use crate::desired::Remembered;
use crate::disk::Fsync;
use crate::disk::{self, Progress, TimeLimit, write_fault};
use crate::exclusions::{ContestedEntry, InvitationChange, Invitations, RemovalBudgets, Rosters, SetAside};
use crate::seen::Seen;
use append_log::AppendLog;
use folder::{Folder, Place, unusable};
use jiff::Timestamp;
use pause_file::PauseFile;
use sealed::{Bad, Content, Stage, seal, unseal};
use seen_file::SeenFile;
use serde::{Deserialize, Serialize};
use shape::{FilesJson, RostersJson, StateJson};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The version of the files' shape.
const VERSION: u32 = 2;
const ROSTERS: &str = "rosters.json";
const FILES: &str = "files.json";
const STATE: &str = "state.json";
/// People who were invited. Without it everyone is invited once more, so it belongs to no set.
const INVITED: &str = "invited";
/// The files that are kept together. `lock`, `pause` and whatever else lies there belong to no set.
const SET: [&str; 3] = [FILES, ROSTERS, STATE];
/// In place of [`STATE`] in version 1.
const BUDGET: &str = "budget.json";
/// While there is a file of this name, nothing is written to the service.
const PAUSE: &str = "pause";

/// Reason why the daemon cannot keep its state.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// The folder or a file in it cannot be used.
    #[error(
        "cannot use {path:?} in `state_dir`: {}; let the user that runs roomsync write there, or name another `state_dir`",
        write_fault(error)
    )]
    Io {
        /// Its path.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The folder belongs to another user.
    #[error(
        "{dir:?} (`state_dir`) belongs to another user (uid {owner}), who could hold its lock and change what is kept there; give it \
         to the user that runs roomsync (`chown {own} {}`), or name a folder in it that is not there yet: roomsync makes it",
        dir.display()
    )]
    NotOurs {
        /// The folder.
        dir: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user that runs roomsync.
        own: u32,
    },
    /// Others can write to the folder, and its file system keeps it so.
    #[error(
        "other users can write to {0:?} (`state_dir`), could hold its lock and change what is kept there, and its file system does not \
         let it be closed to them; name a folder on another one"
    )]
    Open(PathBuf),
    /// Another daemon keeps its state here.
    #[error("another roomsync runs with this `state_dir` ({0:?}): end it, or give each its own")]
    Taken(PathBuf),
    /// A file of another version.
    #[error(
        "{path:?} was written by another version of roomsync (its shape is {version}, here {VERSION} is known); start that one \
         again: without this file nothing is known of what must not be removed"
    )]
    Version {
        /// Its path.
        path: PathBuf,
        /// Its shape's version.
        version: u32,
    },
    /// A file is not what was written.
    #[error(
        "{path:?} is damaged ({why}), and with it the record of what must not be removed; put it back from a backup, or delete \
         {all} there to let holds and budgets start anew"
    )]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// Its fault.
        why: String,
        /// Every file of the set that is there.
        all: String,
    },
    /// The record of invitations is not what was written.
    #[error(
        "{path:?} is damaged ({why}); delete it: then people who are absent under `absent: ignore` are invited once more"
    )]
    DamagedInvitations {
        /// Its path.
        path: PathBuf,
        /// Its fault.
        why: String,
    },
    /// Some files of the set are there, and others are not.
    #[error(
        "{dir:?} (`state_dir`) lacks {missing}, and with it a part of the record of what must not be removed; put it back from a \
         backup, or delete {there} there as well to let holds and budgets start anew"
    )]
    Incomplete {
        /// The folder.
        dir: PathBuf,
        /// Those that are missing.
        missing: String,
        /// Those that are there.
        there: String,
    },
    /// A link, a folder, a pipe or a device where a file should be.
    #[error(
        "{path:?} in `state_dir` is {kind}, and only a regular file is used there; put the file itself in its place"
    )]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// Its kind.
        kind: &'static str,
    },
    /// A file does not come.
    #[error("`state_dir` cannot be used; put it right, or name another one: {0}")]
    Hangs(io::Error),
}

/// The folder. A dry run has none: it reads what there is and leaves it as it is.
#[derive(Debug)]
pub(super) struct StateDir {
    folder: Arc<Folder>,
    invited: AppendLog,
    /// Until somebody keeps it.
    seen: Option<SeenFile>,
}

/// State kept by an earlier process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    pub(super) rosters: Rosters,
    pub(super) state: PersistedState,
    /// The files of the last set.
    pub(super) files: Remembered,
    /// The digest of that set, if it had settled.
    pub(super) settled: Option<String>,
    pub(super) invitations: Invitations,
    /// People who were seen and are gone. They belong to no set.
    pub(super) seen: Seen,
    pub(super) found: RestoredFrom,
}

/// State found in the folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RestoredFrom {
    /// No state: everything starts anew.
    #[default]
    Nothing,
    EarlierVersion,
    ThisVersion,
}

/// State beside the rosters, which changes more often. Its shape in the file is [`shape::StateJson`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PersistedState {
    pub(super) spending: Option<Spending>,
    pub(super) set_aside: SetAside,
    pub(super) contested: Vec<ContestedEntry>,
    /// Batch sizes that the service taught.
    pub(super) learned_limits: Option<LearnedLimits>,
    /// Clock by which these times are meant.
    pub(super) clock: Option<Anchor>,
    /// Lists of each room over the window of its removal budget.
    pub(super) budgets: RemovalBudgets,
    /// Up to this time places have ended.
    pub(super) ended_until: Option<Timestamp>,
}

impl StateDir {
    /// Takes the folder and reads what was kept. A new folder is filled, and what an earlier version kept is written anew.
    pub(super) fn open(dir: &Path, fsync: Fsync) -> Result<(Self, Restored), StateDirError> {
        let (store, kept, whole) = Self::begin(dir, |dir, progress| Folder::take(dir, progress, fsync))?;
        if !whole {
            store.write_anew(&kept).map_err(unusable(dir))?;
        }
        // By now everything in it is kept elsewhere.
        store.folder.remove(BUDGET).map_err(unusable(&dir.join(BUDGET)))?;
        Ok((store, kept))
    }

    /// Looks into the folder without taking it.
    pub(super) fn read_only(dir: &Path) -> Result<(Self, Restored), StateDirError> {
        let (store, kept, _) = Self::begin(dir, |dir, progress| Ok(Folder::read_only(dir, progress)))?;
        Ok((store, kept))
    }

    fn begin(
        dir: &Path,
        folder: impl FnOnce(&Path, Progress) -> Result<Folder, StateDirError> + Send + 'static,
    ) -> Result<(Self, Restored, bool), StateDirError> {
        let owned = dir.to_owned();
        let begun = disk::with_limit(TimeLimit::default(), dir, move |progress| {
            let mut store = Self {
                folder: Arc::new(folder(&owned, progress.clone())?),
                invited: AppendLog::new(INVITED, 0, 0),
                seen: None,
            };
            let (mut kept, whole) = store.read()?;
            let invited = store.invited()?;
            let least = invited::length(&invited.invitations);
            store.invited = AppendLog::new(INVITED, invited.whole, least);
            kept.invitations = invited.invitations;
            let (file, seen) = SeenFile::open(&store.folder);
            store.seen = Some(file);
            kept.seen = seen;
            Ok((store, kept, whole))
        });
        begun.map_err(|slow| StateDirError::Hangs(io::Error::new(io::ErrorKind::TimedOut, slow)))?
    }

    /// The file that pauses the daemon.
    fn pause(&self) -> PauseFile {
        let folder = self.folder.place().clone();
        let path = folder.path(PAUSE);
        PauseFile::new(folder, path)
    }

    pub(super) fn save_rosters(&self, rosters: &Rosters) -> io::Result<()> {
        self.save(ROSTERS, Some(&RostersJson::from(rosters)))
    }

    pub(super) fn save_files(&self, files: Remembered, settled: Option<String>) -> io::Result<()> {
        self.save(FILES, Some(&FilesJson { files, settled }))
    }

    pub(super) fn save_state(&self, state: &PersistedState) -> io::Result<()> {
        self.save(STATE, Some(&StateJson::from(state)))
    }

    fn invited(&self) -> Result<invited::Kept, StateDirError> {
        let bytes = self.folder.read(INVITED)?.unwrap_or_default();
        invited::read(&bytes).map_err(|why| StateDirError::DamagedInvitations {
            path: self.folder.path(INVITED),
            why,
        })
    }

    /// Appends changes, and writes the file anew once it has doubled.
    fn save_invited(&mut self, changes: &[InvitationChange]) -> io::Result<()> {
        let Self {
            folder, invited: log, ..
        } = self;
        log.append(folder, &invited::appended(changes, log.whole()))?;
        if self.invited.has_doubled() {
            let kept = self.invited().map_err(io::Error::other)?;
            let anew = invited::whole(&kept.invitations);
            self.invited.write_anew(&self.folder, &anew)?;
        }
        Ok(())
    }

    /// `None` where nothing was kept yet.
    fn save<T: Serialize>(&self, name: &str, data: Option<&T>) -> io::Result<()> {
        let [head, rest] = seal(data)?;
        self.folder.put(name, [&head, &rest])
    }

    /// Writes every file of the set. While they are not all there, each says that nothing was kept yet: whatever a crash leaves
    /// of them is a new start, and nothing is lost by it.
    fn write_anew(&self, kept: &Restored) -> io::Result<()> {
        if kept.found == RestoredFrom::Nothing {
            for name in SET {
                self.save::<()>(name, None)?;
            }
        }
        self.save_rosters(&kept.rosters)?;
        self.save_files(kept.files.clone(), kept.settled.clone())?;
        self.save_state(&kept.state)
    }

    /// Reads what was kept. The flag is true if the folder already holds it as this version writes it.
    fn read(&self) -> Result<(Restored, bool), StateDirError> {
        let files: Content<FilesJson> = self.content(FILES)?;
        let rosters: Content<RostersJson> = self.content(ROSTERS)?;
        let mut state: Content<StateJson> = self.content(STATE)?;
        let mut state_in = STATE;
        if matches!(state, Content::Missing) {
            state = self.content(BUDGET)?.of_version_1();
            state_in = BUDGET;
        }
        let stages = [files.stage(), rosters.stage(), state.stage()];
        if stages.iter().all(|stage| *stage < Stage::Current) {
            return Ok((Restored::default(), false));
        }
        if stages.contains(&Stage::Missing) {
            let missing = SET
                .into_iter()
                .zip(stages)
                .filter(|(_, stage)| *stage == Stage::Missing);
            let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
            return Err(StateDirError::Incomplete {
                dir: self.folder.dir().to_owned(),
                missing: missing.join(", "),
                there: self.folder.those_there().join(", "),
            });
        }
        let of_earlier_version = stages.contains(&Stage::Version1);
        let files = files.data();
        let kept = Restored {
            settled: files.as_ref().and_then(|json| json.settled.clone()),
            files: files.map(|json| json.files).unwrap_or_default(),
            invitations: Invitations::default(),
            seen: Seen::default(),
            rosters: self.understood(ROSTERS, rosters.data().map(RostersJson::rosters))?,
            state: self.understood(state_in, state.data().map(StateJson::state))?,
            found: if of_earlier_version {
                RestoredFrom::EarlierVersion
            } else {
                RestoredFrom::ThisVersion
            },
        };
        let whole = stages.iter().all(|stage| *stage == Stage::Current);
        Ok((kept, whole))
    }

    fn content<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Content<T>, StateDirError> {
        let Some(bytes) = self.folder.read(name)? else {
            return Ok(Content::Missing);
        };
        unseal(&bytes).map_err(|bad| match bad {
            Bad::Version(version) => StateDirError::Version {
                path: self.folder.path(name),
                version,
            },
            Bad::Damaged(why) => self.damaged(name, why),
        })
    }

    /// Nothing where nothing was kept yet.
    fn understood<T: Default>(
        &self,
        name: &str,
        data: Option<Result<T, String>>,
    ) -> Result<T, StateDirError> {
        let data = data.transpose().map_err(|why| self.damaged(name, why))?;
        Ok(data.unwrap_or_default())
    }

    fn damaged(&self, name: &str, why: String) -> StateDirError {
        StateDirError::Damaged {
            path: self.folder.path(name),
            why,
            all: self.folder.those_there().join(", "),
        }
    }
}
