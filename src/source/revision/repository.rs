//! One repository, as far as a revision needs it.

use super::error::RevisionError;
use super::layout::Layout;
use super::work_tree::WorkTree;
use gix_index::entry::{Flags, Mode};
use gix_index::hash::ObjectId;
use gix_object::FindExt as _;
use gix_object::bstr::{BStr, ByteSlice as _};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Submodules in submodules beyond this are no repository that somebody works with.
const DEEPEST: usize = 16;
/// The most memory that one object or part of the index may ask for, in bytes: names of several million files.
const LARGEST_ALLOCATION: usize = 256 << 20;

pub(super) struct Repository {
    tree: PathBuf,
    layout: Layout,
    index: gix_index::File,
    depth: usize,
}

impl Repository {
    pub(super) fn open(tree: &Path) -> Result<Self, RevisionError> {
        Self::at_depth(tree, 0)
    }

    fn at_depth(tree: &Path, depth: usize) -> Result<Self, RevisionError> {
        let layout = Layout::of(tree)?;
        let options = gix_index::decode::Options {
            alloc_limit_bytes: Some(LARGEST_ALLOCATION),
            ..Default::default()
        };
        match gix_index::File::at_or_default(layout.index(), layout.hash, false, options) {
            Ok(index) => Ok(Self {
                tree: tree.to_owned(),
                layout,
                index,
                depth,
            }),
            Err(error) => Err(RevisionError::new("the index cannot be read", error)),
        }
    }

    /// The commit that is checked out, if there is one yet.
    pub(super) fn head(&self) -> Result<Option<ObjectId>, RevisionError> {
        self.layout.head()
    }

    /// Compares tracked files with this commit, in the index and in the work tree. `true`: one differs.
    pub(super) fn differs(&self, commit: &ObjectId, stop: &AtomicBool) -> Result<bool, RevisionError> {
        let work_tree = WorkTree {
            root: &self.tree,
            layout: &self.layout,
            stop,
        };
        let submodule = |path: &Path, commit: &ObjectId| self.submodule_differs(path, commit, stop);
        Ok(self.index_differs(commit)? || work_tree.differs(&self.index, submodule)?)
    }

    /// True where the index has all these files, and git looks at each. The paths are relative to the work tree.
    pub(super) fn holds(&self, files: &BTreeSet<PathBuf>) -> bool {
        // Git was told that these are unchanged, and does not look at them.
        let unseen = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE;
        files.iter().all(|file| {
            let entry = self.index.entry_by_path(file.as_os_str().as_bytes().as_bstr());
            entry.is_some_and(|entry| !entry.flags.intersects(unseen))
        })
    }

    /// True where the index has this file, whose path is relative to the work tree.
    pub(super) fn tracks(&self, file: &Path) -> bool {
        let path = file.as_os_str().as_bytes().as_bstr();
        self.index.entry_by_path(path).is_some()
    }

    fn index_differs(&self, commit: &ObjectId) -> Result<bool, RevisionError> {
        let options = gix_odb::store::init::Options {
            alloc_limit_bytes: Some(LARGEST_ALLOCATION),
            ..Default::default()
        };
        let objects = gix_odb::at_opts(self.layout.objects(), self.layout.hash, None, options)
            .map_err(|error| RevisionError::new("its objects cannot be read", error))?;
        let error = |error| RevisionError::new("the commit that is checked out cannot be read", error);
        let mut bytes = Vec::new();
        let commit = objects.find_commit(commit, &mut bytes).map_err(error)?;
        let tree = commit.tree();
        // After a checkout or a commit the index itself knows its tree, and no tree needs to be read.
        if let Some(known) = self.index.tree()
            && known.num_entries.is_some()
        {
            return Ok(known.id != tree);
        }
        // Git knows this one without having it.
        if tree.is_empty_tree() {
            return Ok(!self.index.entries().is_empty());
        }
        if self.index.is_sparse() {
            return Err(RevisionError::plain(
                "the index is sparse, and cannot be compared",
            ));
        }
        let committed = gix_index::State::from_tree(&tree, &objects, Default::default())
            .map_err(|error| RevisionError::new("the commit's files cannot be listed", error))?;
        fn listed(index: &gix_index::State) -> impl Iterator<Item = (&BStr, Mode, ObjectId, u32)> {
            let entries = index.entries().iter();
            entries.map(move |entry| (entry.path(index), entry.mode, entry.id, entry.stage_raw()))
        }
        Ok(!listed(&committed).eq(listed(&self.index)))
    }

    /// Compares a submodule with the commit that it is to be at, with the same care as the repository around it.
    fn submodule_differs(
        &self,
        path: &Path,
        commit: &ObjectId,
        stop: &AtomicBool,
    ) -> Result<bool, RevisionError> {
        let differs = || {
            // One that is not checked out has nothing that differs.
            if !path.join(".git").exists() {
                return Ok(false);
            }
            if self.depth >= DEEPEST {
                return Err(RevisionError::plain("its submodules are nested too deeply"));
            }
            let submodule = Self::at_depth(path, self.depth + 1)?;
            match submodule.head()? {
                Some(head) if head == *commit => submodule.differs(commit, stop),
                _ => Ok(true),
            }
        };
        differs().map_err(|error| RevisionError {
            what: format!("a submodule cannot be read: {}", error.what),
            cause: format!("{}: {}", path.display(), error.cause),
        })
    }
}
