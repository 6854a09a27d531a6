//! The files of a repository around its index and its objects: where it is, its settings, its references.

use super::error::RevisionError;
use super::git_config::{BadLine, GitConfig};
use gix_index::hash::{Kind, ObjectId};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Far more than a path, a reference or the settings take, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Several million references, in bytes.
const LARGEST_PACKED_REFS: u64 = 256 << 20;
/// References to references beyond this are a circle; git allows as many.
const MAX_REFERENCES: usize = 5;
/// References that each work tree has for itself.
const OF_ONE_WORK_TREE: [&str; 3] = ["refs/bisect/", "refs/rewritten/", "refs/worktree/"];

/// The places of one repository, and what its settings say of them.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of this work tree: HEAD and the index.
    git_dir: PathBuf,
    /// Of all work trees of the repository: settings, references and objects.
    common_dir: PathBuf,
    /// The hash that names its objects.
    pub(super) hash: Kind,
    /// The permissions of files tell which ones git has as executable.
    pub(super) executable_bit: bool,
    /// Links in the work tree are links, not files with the path in them.
    pub(super) symlinks: bool,
}

/// Finds the work tree that this canonical folder is in. Like git, it looks no further than the folder's file system.
pub(super) fn work_tree(folder: &Path) -> Result<Option<PathBuf>, RevisionError> {
    let mut device = None;
    for folder in folder.ancestors() {
        let Ok(meta) = folder.metadata() else {
            return Err(RevisionError::plain(
                "a folder above the room files cannot be entered",
            ));
        };
        if *device.get_or_insert(meta.dev()) != meta.dev() {
            break;
        }
        if dirs(folder)?.is_some() {
            return Ok(Some(folder.to_owned()));
        }
    }
    Ok(None)
}

/// The folders of the repository of this work tree: its own, and the one that it shares. `None`: it is no work tree.
fn dirs(tree: &Path) -> Result<Option<(PathBuf, PathBuf)>, RevisionError> {
    let lost = || RevisionError::plain("its `.git` leads to no repository");
    let dot_git = tree.join(".git");
    let git_dir = match dot_git.metadata() {
        Ok(meta) if meta.is_dir() => dot_git.clone(),
        Ok(meta) if meta.is_file() => {
            let text = read(&dot_git)?.ok_or_else(lost)?;
            let path = text.strip_prefix(b"gitdir: ").ok_or_else(lost)?;
            tree.join(as_path(path))
        }
        _ => return Ok(None),
    };
    let common_dir = match read(&git_dir.join("commondir"))? {
        Some(path) => git_dir.join(as_path(&path)),
        None => git_dir.clone(),
    };
    let whole = git_dir.join("HEAD").exists()
        && common_dir.join("objects").is_dir()
        && common_dir.join("refs").is_dir();
    match whole {
        true => Ok(Some((git_dir, common_dir))),
        // Like git, which goes on above a folder of that name that is something else.
        false if git_dir == dot_git => Ok(None),
        false => Err(lost()),
    }
}

impl Layout {
    /// Finds the repository of this work tree, and reads its settings.
    pub(super) fn of(tree: &Path) -> Result<Self, RevisionError> {
        let (git_dir, common_dir) =
            dirs(tree)?.ok_or_else(|| RevisionError::plain("its `.git` leads to no repository"))?;
        let mut config = GitConfig::default();
        add_config(&mut config, &common_dir.join("config"))?;
        let flag = |config: &GitConfig, name, default| {
            let bad = |()| RevisionError::plain(format!("its setting `{name}` is neither yes nor no"));
            config.flag(name, default).map_err(bad)
        };
        if flag(&config, "extensions.worktreeconfig", false)? {
            add_config(&mut config, &git_dir.join("config.worktree"))?;
        }
        // A work tree that was added to a bare repository is one all the same.
        if git_dir == common_dir && flag(&config, "core.bare", false)? {
            return Err(RevisionError::plain("the repository has no work tree"));
        }
        if let Some(format) = config
            .text("extensions.refstorage")
            .filter(|format| *format != "files")
        {
            return Err(RevisionError::new(
                "its references are in a format that cannot be read",
                format,
            ));
        }
        let hash = match config.text("extensions.objectformat") {
            None | Some("sha1") => Kind::Sha1,
            Some("sha256") => Kind::Sha256,
            Some(other) => return Err(RevisionError::new("its hash is not known", other)),
        };
        // The library would read a device without an end; and a repository that has one is not to be trusted.
        for path in [
            git_dir.join("index"),
            common_dir.join("packed-refs"),
            common_dir.join("objects/info/alternates"),
        ] {
            if path.metadata().is_ok_and(|meta| !meta.is_file()) {
                return Err(no_file(&path));
            }
        }
        Ok(Self {
            hash,
            executable_bit: flag(&config, "core.filemode", true)?,
            symlinks: flag(&config, "core.symlinks", true)?,
            git_dir,
            common_dir,
        })
    }

    pub(super) fn index(&self) -> PathBuf {
        self.git_dir.join("index")
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    /// The commit that is checked out, if there is one yet.
    pub(super) fn head(&self) -> Result<Option<ObjectId>, RevisionError> {
        let mut name = "HEAD".to_owned();
        for _ in 0..=MAX_REFERENCES {
            let own = name == "HEAD" || OF_ONE_WORK_TREE.iter().any(|prefix| name.starts_with(prefix));
            let folder = if own { &self.git_dir } else { &self.common_dir };
            let Some(text) = read(&folder.join(&name))? else {
                return self.packed(&name);
            };
            let Some(next) = text.strip_prefix(b"ref:") else {
                return match self.id(&text) {
                    Some(id) => Ok(Some(id)),
                    None => Err(RevisionError::plain(format!("its `{name}` names no commit"))),
                };
            };
            name =
                reference(next).ok_or_else(|| RevisionError::plain(format!("its `{name}` leads nowhere")))?;
        }
        Err(RevisionError::plain("its references lead in a circle"))
    }

    /// An object's id, and nothing after it but blanks.
    fn id(&self, text: &[u8]) -> Option<ObjectId> {
        let id = ObjectId::from_hex(text.trim_ascii_end()).ok()?;
        (id.kind() == self.hash).then_some(id)
    }

    /// The commit of a reference that has no file of its own.
    fn packed(&self, name: &str) -> Result<Option<ObjectId>, RevisionError> {
        let path = self.common_dir.join("packed-refs");
        let Some(file) = open(&path)? else { return Ok(None) };
        for line in BufReader::new(file.take(LARGEST_PACKED_REFS)).split(b'\n') {
            let line = line.map_err(|error| unreadable(&path, error))?;
            // Others are comments, or say what a tag leads to.
            let mut parts = line.splitn(2, |byte| *byte == b' ');
            if let (Some(id), Some(found)) = (parts.next(), parts.next())
                && found == name.as_bytes()
            {
                let bad = || RevisionError::plain(format!("its `{name}` names no commit"));
                return self.id(id).map(Some).ok_or_else(bad);
            }
        }
        Ok(None)
    }
}

/// The name of a reference, if it is one that stays below `refs`.
fn reference(text: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(text).ok()?.trim();
    let stays = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (name.starts_with("refs/") && stays && !name.contains('\0')).then(|| name.to_owned())
}

fn add_config(config: &mut GitConfig, path: &Path) -> Result<(), RevisionError> {
    let Some(text) = read(path)? else { return Ok(()) };
    let bad = |BadLine(line)| RevisionError::plain(format!("line {line} of its settings cannot be read"));
    config.add(&String::from_utf8_lossy(&text)).map_err(bad)
}

/// A path as git writes it into a file.
fn as_path(text: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(text.trim_ascii_end()))
}

/// The bytes of a small file, if it is there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, RevisionError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let mut text = Vec::new();
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut text);
    match read {
        Err(error) => Err(unreadable(path, error)),
        Ok(_) if text.len() as u64 > LARGEST_FILE => Err(no_file(path)),
        Ok(_) => Ok(Some(text)),
    }
}

/// Opens a file, if it is there and no folder. Something else in its place, such as a device without an end, is refused.
fn open(path: &Path) -> Result<Option<File>, RevisionError> {
    match path.metadata() {
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(unreadable(path, error)),
        Ok(meta) if meta.is_dir() => Ok(None),
        Ok(meta) if !meta.is_file() => Err(no_file(path)),
        Ok(_) => match File::open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) => Err(unreadable(path, error)),
        },
    }
}

/// True where the error says that nothing is in the place.
pub(super) fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn no_file(path: &Path) -> RevisionError {
    RevisionError::plain(format!("its `{}` is no file, or too large", name_of(path)))
}

fn unreadable(path: &Path, error: io::Error) -> RevisionError {
    RevisionError::new(format!("its `{}` cannot be read", name_of(path)), error)
}
