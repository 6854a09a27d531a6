//! The file in which they are kept: sightings are appended, and now and then it is written anew with what counts of them.
//!
//! A record's items are the characters of a text: the day, and a name a line.

use super::{LastSeen, Seen, SeenBy, Sighting};
use crate::disk::{self, DiskError, Record, RecordFile};
use crate::model::{RoomId, UserId};
use jiff::civil::Date;
use std::io;
use std::path::Path;

/// Name of the file in `state_dir`.
pub(crate) const SEEN: &str = "seen";
const FILE: RecordFile = RecordFile {
    first_line: b"roomsync seen 1\n",
    item_bytes: 1,
};
const LOOK: u8 = b'l';
const EVENT: u8 = b'e';
/// Most bytes that are read: several times what 5 million people take.
const MOST_BYTES: u64 = 1 << 30;

/// Content of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) seen: Seen,
    /// Length of the part of it that is whole.
    pub(crate) whole: u64,
    /// The day in it that lies back farthest.
    pub(crate) oldest: Option<Date>,
}

/// Reads the file of this folder, whoever writes to it meanwhile; `None`: there is none. The error: it cannot be read, or it is
/// damaged, and how.
pub(crate) fn read_in(state_dir: &Path) -> Result<Option<Kept>, String> {
    match disk::read(&state_dir.join(SEEN), MOST_BYTES) {
        Ok(bytes) => read(&bytes).map(Some),
        Err(DiskError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a file. The error: it is damaged, and how.
pub(crate) fn read(bytes: &[u8]) -> Result<Kept, String> {
    let mut kept = Kept::default();
    kept.whole = FILE.read(bytes, |record| {
        let sighting = sighting(record)?;
        kept.oldest = [kept.oldest, Some(sighting.last.day)].into_iter().flatten().min();
        kept.seen.add(&sighting);
        Ok(())
    })?;
    Ok(kept)
}

/// Writes everything that is known as a whole file.
pub(crate) fn whole(seen: &Seen) -> Vec<u8> {
    let mut bytes = FILE.begin(0);
    for sighting in seen.all() {
        write(&mut bytes, &sighting);
    }
    bytes
}

/// Writes sightings as they are appended to a file of which so many bytes are whole.
pub(crate) fn appended(sightings: &[Sighting], whole: u64) -> Vec<u8> {
    let mut bytes = FILE.begin(whole);
    for sighting in sightings {
        write(&mut bytes, sighting);
    }
    bytes
}

fn write(out: &mut Vec<u8>, Sighting { room, last, users }: &Sighting) {
    let kind = match last.by {
        SeenBy::Look => LOOK,
        SeenBy::Event => EVENT,
    };
    let mut text = last.day.to_string();
    for user in users {
        text.push('\n');
        text.push_str(user.as_str());
    }
    let (key, items) = (room.as_str(), text.as_bytes());
    FILE.write(out, Record { kind, key, items });
}

fn sighting(Record { kind, key, items }: Record<'_>) -> Result<Sighting, String> {
    let by = match kind {
        LOOK => SeenBy::Look,
        EVENT => SeenBy::Event,
        _ => return Err("a record in it is of an unknown kind".to_owned()),
    };
    let room = RoomId::parse(key).map_err(|_| "a record in it names no room")?;
    let text = std::str::from_utf8(items).map_err(|_| "a record in it is no text")?;
    let mut lines = text.lines();
    let day = lines.next().and_then(|day| day.parse().ok());
    let day = day.ok_or("a record in it names no day")?;
    let users = lines.map(UserId::parse).collect::<Result<_, _>>();
    let users = users.map_err(|_| "a record in it names nobody")?;
    let last = LastSeen { by, day };
    Ok(Sighting { room, last, users })
}
