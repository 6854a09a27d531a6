//! One repository, as far as a revision needs it.

use gix::bstr::{BStr, ByteSlice as _};
use gix::error::Error;
use gix::index::entry::Flags;
use gix::status::plumbing::index_as_worktree::traits::{FastEq, SubmoduleStatus};
use gix::status::plumbing::index_as_worktree_with_renames::{Entry, VisitEntry};
use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Submodules in submodules beyond this are no repository that somebody works with.
const DEEPEST: usize = 16;

/// What kept a repository from being read.
#[derive(Debug)]
pub(super) struct Trouble {
    /// In our words.
    pub(super) what: String,
    /// In those of the library, or of the system.
    pub(super) cause: String,
}

impl Trouble {
    pub(super) fn new(what: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            what: what.into(),
            cause: cause.to_string(),
        }
    }

    pub(super) fn plain(what: impl Into<String>) -> Self {
        Self::new(what, "")
    }
}

/// The work tree that this folder is in. Like git, it looks no further than the folder's file system.
pub(super) fn work_tree(folder: &Path) -> Result<Option<PathBuf>, Trouble> {
    let options = gix::discover::upwards::Options {
        dot_git_only: true,
        ..Default::default()
    };
    // Looking for a repository reads its HEAD already.
    let nearest = folder.ancestors().map(|folder| folder.join(".git"));
    if let Some(repository) = nearest.into_iter().find(|path| path.is_dir()) {
        only_files(&repository)?;
    }
    match gix::discover::upwards_opts(folder, options) {
        Ok((found, _)) => Ok(found.into_repository_and_work_tree_directories().1),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Trouble::new("its `.git` cannot be followed", error)),
    }
}

/// Refuses a repository in which something else, such as a device without an end, stands in the place of a file.
fn only_files(repository: &Path) -> Result<(), Trouble> {
    for name in ["HEAD", "config", "commondir", "index", "packed-refs"] {
        let path = repository.join(name);
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            return Err(Trouble::plain(format!("its `{name}` is no file")));
        }
    }
    Ok(())
}

pub(super) struct Repository {
    inner: gix::Repository,
    depth: usize,
}

impl Repository {
    pub(super) fn open(tree: &Path) -> Result<Self, Trouble> {
        Self::at_depth(tree, 0)
    }

    fn at_depth(tree: &Path, depth: usize) -> Result<Self, Trouble> {
        // Whoever owns it: without trust no filter, hook or other program of its configuration counts, nor a work tree
        // elsewhere, and isolated it reads neither the environment nor what includes name.
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Reduced);
        match gix::open_opts(tree, options) {
            Ok(inner) => Ok(Self { inner, depth }),
            Err(error) => Err(Trouble::new("the repository cannot be opened", error)),
        }
    }

    /// The commit that is checked out, if there is one yet.
    pub(super) fn head(&self) -> Result<Option<gix::ObjectId>, Trouble> {
        let trouble = |error: Error| Trouble::new("the commit that is checked out cannot be found", error);
        let mut head = self.inner.head().map_err(trouble)?;
        let id = head.try_peel_to_id().map_err(trouble)?;
        Ok(id.map(gix::Id::detach))
    }

    /// Whether tracked files differ from this commit, in the index or in the work tree.
    pub(super) fn differs(&self, commit: &gix::ObjectId, stop: &AtomicBool) -> Result<bool, Trouble> {
        Ok(self.index_differs(commit)? || self.work_tree_differs(stop)?)
    }

    /// Whether the index has all these as they are. The paths are relative to the work tree.
    pub(super) fn holds(&self, files: &BTreeSet<PathBuf>) -> Result<bool, Trouble> {
        let index = self.index()?;
        for file in files {
            let Some(entry) = index.entry_by_path(file.as_os_str().as_bytes().as_bstr()) else {
                return Ok(false);
            };
            // Nobody has looked at these: git was told that they are the same.
            if entry.flags.intersects(Flags::ASSUME_VALID | Flags::SKIP_WORKTREE) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn index(&self) -> Result<gix::worktree::Index, Trouble> {
        let read = self.inner.index_or_empty();
        read.map_err(|error| Trouble::new("the index cannot be read", error))
    }

    fn index_differs(&self, commit: &gix::ObjectId) -> Result<bool, Trouble> {
        let trouble = |error: Error| Trouble::new("the commit that is checked out cannot be read", error);
        let commit = self.inner.find_commit(*commit).map_err(trouble)?;
        let tree = commit.tree_id().map_err(trouble)?.detach();
        let index = self.index()?;
        // After a checkout or a commit the index itself knows its tree, and no tree needs to be read.
        if let Some(known) = index.tree()
            && known.num_entries.is_some()
        {
            return Ok(known.id != tree);
        }
        let mut differs = false;
        let compared = self.inner.tree_index_status(
            &tree,
            &index,
            Some(&mut self.everything(&index)?),
            gix::status::tree_index::TrackRenames::Disabled,
            |_, _, _| {
                differs = true;
                Ok(std::ops::ControlFlow::Break(()))
            },
        );
        match compared {
            _ if differs => Ok(true),
            Ok(_) => Ok(false),
            Err(error) => Err(Trouble::new(
                "the index cannot be compared with the commit",
                error,
            )),
        }
    }

    /// Selects all paths, wherever in the work tree the process runs.
    fn everything(&self, index: &gix::index::State) -> Result<gix::Pathspec<'_>, Trouble> {
        let attributes = gix::worktree::stack::state::attributes::Source::IdMapping;
        let selected = self.inner.pathspec(false, None::<&str>, false, index, attributes);
        selected.map_err(|error| Trouble::new("the index cannot be searched", error))
    }

    fn work_tree_differs(&self, stop: &AtomicBool) -> Result<bool, Trouble> {
        let Some(tree) = self.inner.workdir() else {
            return Err(Trouble::plain("the repository has no work tree"));
        };
        let index = self.index()?;
        // One that is found is enough: it stops the look, too.
        let mut any = Any { found: false, stop };
        let submodules = Submodules {
            tree: tree.to_owned(),
            depth: self.depth,
            stop,
        };
        let compared = self.inner.index_worktree_status(
            &index,
            None::<&BStr>,
            &mut any,
            FastEq,
            submodules,
            &mut gix::progress::Discard,
            stop,
            gix::status::index_worktree::Options::default(),
        );
        match compared {
            _ if any.found => Ok(true),
            _ if stop.load(Ordering::Relaxed) => Err(Trouble::plain("the look at its files was ended")),
            Ok(_) => Ok(false),
            Err(error) => Err(Trouble::new("its files cannot be compared with the index", error)),
        }
    }
}

/// Whether there is any difference.
struct Any<'a> {
    found: bool,
    stop: &'a AtomicBool,
}

impl<'index> VisitEntry<'index> for Any<'_> {
    type ContentChange = ();
    type SubmoduleStatus = ();

    fn visit_entry(&mut self, entry: Entry<'index, (), ()>) {
        if entry.summary().is_some() {
            self.found = true;
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Looks at submodules with the same care as at the repository that they are in.
#[derive(Clone)]
struct Submodules<'a> {
    tree: PathBuf,
    depth: usize,
    stop: &'a AtomicBool,
}

impl SubmoduleStatus for Submodules<'_> {
    type Output = ();

    fn status(&mut self, entry: &gix::index::Entry, path: &BStr) -> gix::Result<Option<()>> {
        let differs = || {
            let path = self.tree.join(path.to_path_lossy());
            // One that is not checked out has nothing that differs.
            if !path.join(".git").exists() {
                return Ok(false);
            }
            if self.depth >= DEEPEST {
                return Err(Trouble::plain("its submodules are nested too deeply"));
            }
            let submodule = Repository::at_depth(&path, self.depth + 1)?;
            match submodule.head()? {
                Some(commit) if commit == entry.id => submodule.differs(&commit, self.stop),
                _ => Ok(true),
            }
        };
        match differs() {
            Ok(differs) => Ok(differs.then_some(())),
            Err(Trouble { what, cause }) => {
                Err(gix::error::message!("submodule {path}: {what}: {cause}").into())
            }
        }
    }
}
