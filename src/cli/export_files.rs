//! Files of an export: one, or one for each room or prefix of names. None that anything else wrote is ever replaced.

use super::exit::Usage;
use crate::disk::why_not_written;
use crate::export::first_line;
use crate::model::RoomId;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Longest part of a file's name that comes from a room's.
const LONGEST: usize = 60;
/// Longest first line that is read.
const LONGEST_LINE: u64 = 1024;
/// Mode of a new file, as far as the umask allows.
const NEW_FILE: u32 = 0o666;

/// Rooms that share a file in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Per {
    /// A file for each room: its name and its id
    #[default]
    Room,
    /// A file for all rooms whose names begin alike, up to the first `-`, `_`, `.`, `:`, `/` or space
    Prefix,
}

/// Where an export goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Standard output.
    Printed,
    /// One file.
    File(PathBuf),
    /// A folder of files.
    Folder(PathBuf),
}

impl Target {
    /// A path that ends in `/`, or is a folder, is a folder. Fails where nothing could be written, before any call.
    pub(super) fn of(out: Option<&Path>, app: &str) -> Result<Self, Usage> {
        let Some(path) = out else {
            return Ok(Self::Printed);
        };
        let refuse = |why: &str| Usage(format!("--out {}: {why}", path.display()));
        let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if is_folder {
            return match fs::metadata(path) {
                Ok(meta) if meta.is_dir() => Ok(Self::Folder(path.to_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Folder(path.to_owned())),
                _ => Err(refuse("this is no folder")),
            };
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            return Err(refuse(
                "there is no such folder to write the file into; make it first",
            ));
        }
        may_replace(path, app).map_err(|why| refuse(&why))?;
        Ok(Self::File(path.to_owned()))
    }
}

/// Names the file of each room in a folder. The names come from the service, so nothing of them but letters and digits is kept.
pub(super) fn file_names<'r>(
    rooms: impl Iterator<Item = (&'r RoomId, Option<&'r str>)>,
    per: Per,
) -> BTreeMap<String, Vec<RoomId>> {
    let mut files: BTreeMap<String, Vec<RoomId>> = BTreeMap::new();
    for (id, name) in rooms {
        let name = name.unwrap_or_default();
        let file = match per {
            Per::Room => match plain(name) {
                name if name.is_empty() => format!("{id}.yaml"),
                name => format!("{name}-{id}.yaml"),
            },
            Per::Prefix => {
                let prefix = name
                    .split(['-', '_', '.', ':', '/', ' '])
                    .next()
                    .unwrap_or_default();
                match plain(prefix) {
                    prefix if prefix.is_empty() => "other-rooms.yaml".to_owned(),
                    prefix => format!("{prefix}.yaml"),
                }
            }
        };
        files.entry(file).or_default().push(id.clone());
    }
    files
}

/// A name in lower-case letters, digits and single dashes.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if plain.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain.trim_end_matches('-').to_owned()
}

/// Checks that nothing stands there, or a file that an export of this app wrote. The error says what stands there.
pub(super) fn may_replace(path: &Path, app: &str) -> Result<(), String> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(why_not_written(path, &error)),
        Ok(meta) => meta,
    };
    if !meta.is_file() {
        return Err(
            "a link, a folder or a device stands there, which is not replaced; name a file".to_owned(),
        );
    }
    let line = File::open(path).and_then(|file| {
        let mut line = Vec::new();
        BufReader::new(file.take(LONGEST_LINE)).read_until(b'\n', &mut line)?;
        Ok(line)
    });
    let line = line.map_err(|error| why_not_written(path, &error))?;
    if line == format!("{}\n", first_line(app)).into_bytes() {
        Ok(())
    } else {
        Err("this file was not written by an export of this app, so it is not replaced; name another one, or move it away".to_owned())
    }
}

/// Puts a file there, or another one in place of that of an earlier export, in one step.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mode =
        fs::metadata(path).map_or_else(|_| Permissions::from_mode(NEW_FILE), |meta| meta.permissions());
    let folder = folder_of(path);
    let mut new = tempfile::Builder::new()
        .prefix(".roomsync-export-")
        .permissions(mode)
        .tempfile_in(&folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(rooms: &[(&str, Option<&str>)], per: Per) -> Vec<String> {
        let rooms: Vec<(RoomId, Option<&str>)> = rooms
            .iter()
            .map(|(id, name)| (RoomId::parse(id).unwrap(), *name))
            .collect();
        let files = file_names(rooms.iter().map(|(id, name)| (id, *name)), per);
        files
            .into_iter()
            .map(|(file, rooms)| format!("{file} {}", rooms.len()))
            .collect()
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_hides_a_file() {
        let long = "x".repeat(300);
        let rooms = [
            ("1", Some("../../etc/passwd")),
            ("2", Some(".hidden")),
            ("3", Some("Lobby # 1\n- \"of\" many")),
            ("4", Some("🎉🎉")),
            ("5", None),
            ("6", Some(long.as_str())),
            ("7", Some("lobby # 1 of many")),
        ];
        assert_eq!(
            named(&rooms, Per::Room),
            [
                "4.yaml 1".to_owned(),
                "5.yaml 1".to_owned(),
                "etc-passwd-1.yaml 1".to_owned(),
                "hidden-2.yaml 1".to_owned(),
                "lobby-1-of-many-3.yaml 1".to_owned(),
                "lobby-1-of-many-7.yaml 1".to_owned(),
                format!("{}-6.yaml 1", "x".repeat(LONGEST)),
            ]
        );
    }

    #[test]
    fn rooms_whose_names_begin_alike_share_a_file() {
        let rooms = [
            ("1", Some("team-a")),
            ("2", Some("Team/b")),
            ("3", Some("lobby")),
            ("4", Some("-odd")),
            ("5", None),
        ];
        assert_eq!(
            named(&rooms, Per::Prefix),
            ["lobby.yaml 1", "other-rooms.yaml 2", "team.yaml 2"]
        );
    }
}
