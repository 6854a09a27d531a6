//! Finds the files to read, and the folders in which a change of them would show.

use super::fingerprint::{FileId, Fingerprint};
use super::path_errors::{NamedPaths, kernels};
use super::{has_room_file_name, name_of, unreadable};
use crate::diagnostics::RawDiagnostic;
use crate::disk::{FileSystems, Progress, is_kernel_path};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Most links followed in one path, as in Linux.
const MOST_LINKS: usize = 40;

/// The files that are there, and what a change of them would show by.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files to read.
    pub(crate) found_files: Arc<FoundFiles>,
    /// The state of all this.
    pub(crate) fingerprint: Fingerprint,
    /// Folders in which a change would show, by canonical path.
    pub(crate) folders: BTreeMap<PathBuf, WatchedFolder>,
    /// Files beside the room files that look like one by their names, and are not read.
    pub(crate) not_read: Vec<PathBuf>,
}

/// The files that are there to be read.
#[derive(Debug, Default)]
pub(crate) struct FoundFiles {
    /// By their names in the digest, so that neither the order of the paths nor that of the disk counts.
    pub(super) found: Vec<FoundFile>,
    /// Canonical paths of the roots.
    pub(super) roots: Vec<PathBuf>,
    /// Paths that cannot be read, each with its problem.
    pub(super) failed: Vec<(PathBuf, RawDiagnostic)>,
}

/// A file to be read.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    /// Without any link: where it is opened.
    pub(super) canonical: PathBuf,
    /// Below the path it was found by, `/` between; the same wherever a checkout lies.
    pub(super) relative: Vec<u8>,
    pub(super) identity: FileId,
    /// True for a regular file.
    pub(super) is_file: bool,
}

/// A directory where a change would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedFolder {
    /// FileId of the directory.
    pub(crate) identity: FileId,
    /// True if every room file in it is read.
    pub(crate) walked: bool,
    /// The entries that something depends on otherwise: roots, links on the way, and what they lead to.
    pub(crate) names: BTreeSet<OsString>,
}

impl Listing {
    /// Finds the files named, and those in the directories named.
    pub(crate) fn of(paths: &[PathBuf], settings_file: Option<&Path>, progress: &Progress) -> Self {
        let mut search = Search {
            named: NamedPaths::new(paths, settings_file),
            settings_file: settings_file.and_then(|path| {
                progress.begin(path);
                fs::canonicalize(path).ok()
            }),
            file_systems: FileSystems::default(),
            seen: HashSet::new(),
            met: 0,
            found_files: FoundFiles::default(),
            listing: Self::default(),
            progress,
        };
        // All of them first, because a link of one may lead to another.
        let roots: Vec<_> = paths.iter().map(|path| (path, search.resolve(path))).collect();
        let resolved = roots.iter().filter_map(|(_, root)| root.as_ref().ok());
        search.found_files.roots = resolved.map(|(canonical, _)| canonical.clone()).collect();
        for (path, root) in roots {
            match root {
                Ok((canonical, metadata)) => search.root(path, canonical, &metadata),
                Err(raw) => search.fail(path, raw),
            }
        }
        let Search {
            mut listing,
            mut found_files,
            ..
        } = search;
        found_files.found.sort_by(|a, b| a.relative.cmp(&b.relative));
        listing.found_files = Arc::new(found_files);
        listing
    }

    /// The folder of that canonical path, where it is one.
    fn folder(&mut self, path: &Path, identity: Option<FileId>) -> Option<&mut WatchedFolder> {
        if !self.folders.contains_key(path) {
            let identity = match identity {
                Some(identity) => identity,
                None => FileId::of(&fs::metadata(path).ok()?),
            };
            let folder = WatchedFolder {
                identity,
                walked: false,
                names: BTreeSet::new(),
            };
            self.folders.insert(path.to_owned(), folder);
        }
        self.folders.get_mut(path)
    }

    fn depends_on(&mut self, folder: &Path, name: &std::ffi::OsStr) {
        if let Some(folder) = self.folder(folder, None) {
            folder.names.insert(name.to_owned());
        }
    }

    /// Notes what the path depends on, so that a change of what it leads to is seen: each link on the way, its end, and
    /// where it breaks off. `from` is a canonical path, `path` one below it.
    fn trace(&mut self, from: &Path, path: &Path, progress: &Progress) {
        let mut at = from.to_owned();
        let mut rest: VecDeque<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            match Path::new(&part).components().next() {
                Some(Component::RootDir | Component::Prefix(_)) => at = PathBuf::from(&part),
                Some(Component::ParentDir) => {
                    at.pop();
                }
                Some(Component::CurDir) | None => {}
                Some(Component::Normal(name)) => {
                    let next = at.join(name);
                    progress.begin(&next);
                    let Ok(metadata) = fs::symlink_metadata(&next) else {
                        return self.depends_on(&at, name);
                    };
                    let link = metadata.is_symlink();
                    if link || rest.is_empty() {
                        self.depends_on(&at, name);
                    }
                    if link && links < MOST_LINKS {
                        links += 1;
                        self.fingerprint.note_link(&next, &metadata);
                        let target = fs::read_link(&next).unwrap_or_default();
                        for part in parts(&target).into_iter().rev() {
                            rest.push_front(part);
                        }
                    } else {
                        at = next;
                    }
                }
            }
        }
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

/// The end of a path without any link, and what is there.
fn end_of(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let canonical = fs::canonicalize(path)?;
    // If that is a link by now, the look is not the last one.
    let metadata = fs::symlink_metadata(&canonical)?;
    Ok((canonical, metadata))
}

/// True for a name that is probably meant as that of a room file.
fn is_nearly_yaml(path: &Path) -> bool {
    const NEAR: [&str; 8] = ["json", "json5", "jsonc", "toml", "yam", "yml", "ymal", "yalm"];
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    name.contains(".yaml") || name.contains(".yml") || NEAR.contains(&extension)
}

/// True for the folder that a file system keeps for its own repair, in the root of a mount, closed to everybody but root. `above`
/// is the folder it lies in, and `device` the file system of both.
fn is_lost_and_found(path: &Path, error: &io::Error, device: u64, above: Option<&PathBuf>) -> bool {
    let is_root_of_mount = |folder: &PathBuf| {
        let outside = folder.parent().map(fs::metadata);
        let here = fs::metadata(folder).is_ok_and(|folder| folder.dev() == device);
        here && outside.is_none_or(|outside| outside.is_ok_and(|outside| outside.dev() != device))
    };
    error.kind() == io::ErrorKind::PermissionDenied
        && path.file_name().is_some_and(|name| name == "lost+found")
        && above.is_some_and(is_root_of_mount)
}

struct Search<'s> {
    named: NamedPaths,
    settings_file: Option<PathBuf>,
    file_systems: FileSystems,
    /// Canonical paths of the files and directories met.
    seen: HashSet<OsString>,
    /// Counts the room files, and the folders of them, those that another path has led to before included.
    met: usize,
    found_files: FoundFiles,
    listing: Listing,
    progress: &'s Progress,
}

impl Search<'_> {
    fn fail(&mut self, path: &Path, raw: RawDiagnostic) {
        self.listing.fingerprint.fail(path, &raw.message);
        self.found_files.failed.push((path.to_owned(), raw));
    }

    /// Resolves a path that the user named. It may lead anywhere but to the kernel.
    fn resolve(&mut self, path: &Path) -> Result<(PathBuf, Metadata), RawDiagnostic> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // Not even asked what is there: some of it answers to that.
        if is_kernel_path(&absolute) {
            return Err(kernels());
        }
        self.listing.trace(Path::new("/"), &absolute, self.progress);
        self.progress.begin(path);
        let (canonical, metadata) = end_of(path).map_err(|error| unreadable(path, &error))?;
        if is_kernel_path(&canonical) {
            return Err(kernels());
        }
        Ok((canonical, metadata))
    }

    /// Searches a path that the user named.
    fn root(&mut self, path: &Path, canonical: PathBuf, metadata: &Metadata) {
        if metadata.is_dir() {
            let before = (self.met, self.found_files.failed.len());
            if self.seen.contains(canonical.as_os_str()) {
                return;
            }
            self.directory(path, canonical, metadata, b"", &mut Vec::new());
            if before == (self.met, self.found_files.failed.len()) {
                let raw = RawDiagnostic::new(
                    "empty-directory",
                    "there is no *.yaml or *.yml file in this directory",
                );
                let raw = match self.listing.not_read.iter().find(|file| file.starts_with(path)) {
                    Some(file) => raw.help(format!("rename {} so that it ends in .yaml", name_of(file))),
                    None => raw.help("check the path; is everything mounted?"),
                };
                self.fail(path, raw);
            }
        } else if self.settings_file.as_ref() == Some(&canonical) {
            let raw = RawDiagnostic::new(
                "settings-file",
                "this is the settings file: it cannot be a room file too",
            )
            .help("put the rooms into a file of their own");
            self.fail(path, raw);
        } else {
            let name = path.file_name().unwrap_or(path.as_os_str());
            self.listing.fingerprint.note(path, &canonical, metadata);
            self.file(path, canonical, metadata, name.as_encoded_bytes().to_vec());
        }
    }

    fn file(&mut self, path: &Path, canonical: PathBuf, metadata: &Metadata, relative: Vec<u8>) {
        self.met += 1;
        if self.seen.insert(canonical.clone().into()) {
            self.found_files.found.push(FoundFile {
                path: path.to_owned(),
                canonical,
                relative,
                identity: FileId::of(metadata),
                is_file: metadata.is_file(),
            });
        }
    }

    /// Searches a directory; `above` are the canonical paths of those it lies in, as it was reached.
    fn directory(
        &mut self,
        path: &Path,
        canonical: PathBuf,
        metadata: &Metadata,
        relative: &[u8],
        above: &mut Vec<PathBuf>,
    ) {
        self.listing.fingerprint.note(path, &canonical, metadata);
        self.progress.begin(path);
        // What is mounted may be of any kind.
        let kind = self.file_systems.is_kernel_folder(&canonical, metadata.dev());
        if is_kernel_path(&canonical) || kind == Ok(true) {
            return self.fail(path, kernels());
        }
        if above.contains(&canonical) {
            let raw = RawDiagnostic::new("link-loop", "this link leads back to a directory that it lies in")
                .help("remove the link");
            return self.fail(path, raw);
        }
        if !self.seen.insert(canonical.clone().into()) {
            self.met += 1;
            return;
        }
        if let Some(folder) = self.listing.folder(&canonical, Some(FileId::of(metadata))) {
            folder.walked = true;
        }
        // Not by the path it was named by: a link in that may be swapped meanwhile.
        let entries = fs::read_dir(&canonical).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) if is_lost_and_found(path, &error, metadata.dev(), above.last()) => {
                self.listing.folders.remove(&canonical);
                return;
            }
            Err(error) => return self.fail(path, unreadable(path, &error)),
        };
        // Sorted, because a file that is reached twice goes by its first name.
        entries.sort_by_cached_key(fs::DirEntry::file_name);
        above.push(canonical);
        for entry in entries {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if !name.starts_with(b".") {
                let relative = match relative {
                    [] => name.to_vec(),
                    above => [above, name].join(&b'/'),
                };
                self.entry(&path.join(entry.file_name()), &entry, relative, above);
            }
        }
        above.pop();
    }

    fn entry(&mut self, path: &Path, entry: &fs::DirEntry, relative: Vec<u8>, above: &mut Vec<PathBuf>) {
        let (canonical, metadata, is_link) = match self.follow(path, entry) {
            // Through links; one that leads nowhere is an error, because what it should lead to may be rooms.
            Err(error) => return self.fail(path, unreadable(path, &error)),
            Ok(result) => result,
        };
        let is_yaml = has_room_file_name(path);
        let is_dir = metadata.is_dir();
        if !is_dir && !is_yaml && is_nearly_yaml(path) {
            self.listing.not_read.push(path.to_owned());
        }
        if !is_dir && (!is_yaml || self.settings_file.as_ref() == Some(&canonical)) {
            return;
        }
        if is_link && let Err(raw) = self.judge_link(&canonical, is_dir) {
            return self.fail(path, raw);
        }
        if is_dir {
            self.directory(path, canonical, &metadata, &relative, above);
        } else {
            // Without a link it is where the folder is, which is taken down itself.
            let end = if is_link {
                canonical.as_path()
            } else {
                Path::new("")
            };
            self.listing.fingerprint.note(path, end, &metadata);
            self.file(path, canonical, &metadata, relative);
        }
    }

    /// Finds the end of an entry, its metadata, and whether it is a link. Only links need the walk from the root.
    fn follow(&mut self, path: &Path, entry: &fs::DirEntry) -> io::Result<(PathBuf, Metadata, bool)> {
        self.progress.begin(path);
        let at = entry.path();
        if !entry.file_type()?.is_symlink() {
            return Ok((at, entry.metadata()?, false));
        }
        if let (Some(folder), Some(name)) = (at.parent(), at.file_name()) {
            self.listing.trace(folder, Path::new(name), self.progress);
        }
        let (canonical, metadata) = end_of(&at)?;
        Ok((canonical, metadata, true))
    }

    /// Accepts a link that ends at a root or below one.
    fn judge_link(&self, end: &Path, is_dir: bool) -> Result<(), RawDiagnostic> {
        if is_kernel_path(end) {
            return Err(kernels());
        }
        match self.found_files.roots.iter().any(|root| end.starts_with(root)) {
            true => Ok(()),
            false => Err(self.named.link_outside(end, is_dir, &self.found_files.roots)),
        }
    }
}
