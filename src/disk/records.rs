//! Records of a file that changes are appended to. A crash leaves at most a last record that is cut short; it is cut off.
//!
//! A record has a head with its kind, its key and the number of its items, then the items; each of the two parts has a checksum.

use sha2::{Digest as _, Sha256};

/// Bytes of a checksum.
const CHECK: usize = 4;
/// Bytes of a head beside its key.
const FIXED: usize = 2 + 4;

/// Shape of such a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordFile {
    /// First line of the file, with its version.
    pub(crate) first_line: &'static [u8],
    /// Bytes of an item.
    pub(crate) item_bytes: usize,
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    /// At most 255 bytes.
    pub(crate) key: &'a str,
    /// Whole items.
    pub(crate) items: &'a [u8],
}

impl RecordFile {
    /// Hands out the records of a file in order, and gives the length of the part of it that is whole. The error: it is damaged, and
    /// how.
    pub(crate) fn read(
        &self,
        bytes: &[u8],
        mut take: impl FnMut(Record<'_>) -> Result<(), String>,
    ) -> Result<u64, String> {
        // A crash while it was made.
        if self.first_line.starts_with(bytes) {
            return Ok(0);
        }
        let Some(mut rest) = bytes.strip_prefix(self.first_line) else {
            return Err("it does not begin as it should".to_owned());
        };
        while let Some((record, after)) = self.first_of(rest)? {
            take(record)?;
            rest = after;
        }
        Ok((bytes.len() - rest.len()) as u64)
    }

    /// What comes first of what is appended to a file of which so many bytes are whole.
    pub(crate) fn begin(&self, whole: u64) -> Vec<u8> {
        match whole {
            0 => self.first_line.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Writes a record.
    pub(crate) fn write(&self, out: &mut Vec<u8>, Record { kind, key, items }: Record<'_>) {
        let begun = out.len();
        let count = items.len() / self.item_bytes.max(1);
        out.extend([kind, u8::try_from(key.len()).unwrap_or(u8::MAX)]);
        out.extend(key.bytes());
        out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        close(out, begun);
        let begun = out.len();
        out.extend(items);
        close(out, begun);
    }

    /// Length of a whole file of records with keys of so many bytes and with so many items.
    pub(crate) fn length(&self, records: impl Iterator<Item = (usize, usize)>) -> u64 {
        let record = |(key, items): (usize, usize)| FIXED + key + items * self.item_bytes + 2 * CHECK;
        (self.first_line.len() + records.map(record).sum::<usize>()) as u64
    }

    /// The first record of these bytes, and what follows it; `None`: there is no whole one.
    fn first_of<'a>(&self, bytes: &'a [u8]) -> Result<Option<(Record<'a>, &'a [u8])>, String> {
        let Some(length) = bytes.get(1) else {
            return Ok(None);
        };
        let Some((head, rest)) = part(bytes, FIXED + usize::from(*length))? else {
            return Ok(None);
        };
        let short = "a record in it is too short";
        let (&[kind, _], key_and_count) = head.split_first_chunk().ok_or(short)?;
        let (key, count) = key_and_count.split_last_chunk().ok_or(short)?;
        let key = std::str::from_utf8(key).map_err(|_| "a record in it has no text as its key")?;
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
        let Some((items, rest)) = part(rest, count.saturating_mul(self.item_bytes))? else {
            return Ok(None);
        };
        Ok(Some((Record { kind, key, items }, rest)))
    }
}

/// Ends a part of a record that begins there with its checksum.
fn close(out: &mut Vec<u8>, begun: usize) {
    let check = check(out.get(begun..).unwrap_or_default());
    out.extend(check);
}

fn check(part: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(part).into();
    [a, b, c, d]
}

/// A part of a record, and what follows its checksum; `None`: it is not whole.
type Part<'a> = Option<(&'a [u8], &'a [u8])>;

/// The first part of these bytes, of this length.
fn part(bytes: &[u8], length: usize) -> Result<Part<'_>, String> {
    let Some((part, rest)) = bytes.split_at_checked(length) else {
        return Ok(None);
    };
    let Some((said, rest)) = rest.split_first_chunk::<CHECK>() else {
        return Ok(None);
    };
    if check(part) != *said {
        return Err("a record in it does not match its checksum".to_owned());
    }
    Ok(Some((part, rest)))
}
