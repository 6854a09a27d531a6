//! Invited people, in a file of their own: changes are appended, and now and then it is written anew with what counts of them.
//!
//! A record is its kind, the room's id with its length, the number of digests, the digests, and a checksum of all that. A crash
//! leaves at most a last record that is cut short; it is cut off.

use crate::exclusions::{InvitationChange, Invitations};
use crate::model::RoomId;
use sha2::{Digest as _, Sha256};

/// First line of the file, with its version.
const HEAD: &[u8] = b"roomsync invited 1\n";
const INVITED: u8 = b'+';
const ONLY: u8 = b'=';
/// Bytes of a record's checksum.
const CHECK: usize = 4;

/// Content of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) invitations: Invitations,
    /// Length of the part of it that is whole.
    pub(super) whole: u64,
}

/// Reads a file. The error: it is damaged, and how.
pub(super) fn read(bytes: &[u8]) -> Result<Kept, String> {
    let mut kept = Kept::default();
    // A crash while it was made.
    if HEAD.starts_with(bytes) {
        return Ok(kept);
    }
    let Some(mut rest) = bytes.strip_prefix(HEAD) else {
        return Err("it does not begin as it should".to_owned());
    };
    while let Some(record) = Record::first_of(rest)? {
        kept.invitations.replay(record.change);
        rest = rest.get(record.length..).unwrap_or_default();
    }
    kept.whole = (bytes.len() - rest.len()) as u64;
    Ok(kept)
}

/// Writes everything that is known as a whole file.
pub(super) fn whole(invitations: &Invitations) -> Vec<u8> {
    let mut bytes = HEAD.to_vec();
    for change in invitations.all() {
        write(&mut bytes, &change);
    }
    bytes
}

/// Writes changes as they are appended to a file of which so many bytes are whole.
pub(super) fn appended(changes: &[InvitationChange], whole: u64) -> Vec<u8> {
    let mut bytes = if whole == 0 { HEAD.to_vec() } else { Vec::new() };
    for change in changes {
        write(&mut bytes, change);
    }
    bytes
}

fn write(out: &mut Vec<u8>, change: &InvitationChange) {
    let (kind, room, digests) = match change {
        InvitationChange::Invited(room, digests) => (INVITED, room, digests),
        InvitationChange::Only(room, digests) => (ONLY, room, digests),
    };
    let begun = out.len();
    out.push(kind);
    // A room's id has at most 32 digits.
    out.push(u8::try_from(room.as_str().len()).unwrap_or(u8::MAX));
    out.extend(room.as_str().bytes());
    out.extend(u32::try_from(digests.len()).unwrap_or(u32::MAX).to_le_bytes());
    for digest in digests {
        out.extend(digest.to_le_bytes());
    }
    let check = check(out.get(begun..).unwrap_or_default());
    out.extend(check);
}

fn check(record: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(record).into();
    [a, b, c, d]
}

struct Record {
    change: InvitationChange,
    /// Its bytes, the checksum counted.
    length: usize,
}

impl Record {
    /// `None`: there is no whole one.
    fn first_of(bytes: &[u8]) -> Result<Option<Self>, String> {
        let whole = || {
            let (&kind, rest) = bytes.split_first()?;
            let (&length, rest) = rest.split_first()?;
            let (id, rest) = rest.split_at_checked(usize::from(length))?;
            let (count, rest) = rest.split_first_chunk()?;
            let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
            let (digests, rest) = rest.split_at_checked(count.checked_mul(8)?)?;
            let (said, rest) = rest.split_first_chunk::<CHECK>()?;
            Some((kind, id, digests, said, bytes.len() - rest.len()))
        };
        let Some((kind, id, digests, said, length)) = whole() else {
            return Ok(None);
        };
        let record = bytes.get(..length - CHECK).unwrap_or_default();
        if check(record) != *said {
            return Err("a record in it does not match its checksum".to_owned());
        }
        let id = std::str::from_utf8(id).ok().and_then(|id| RoomId::parse(id).ok());
        let room = id.ok_or("a record in it names no room")?;
        let digests = digests
            .as_chunks()
            .0
            .iter()
            .map(|digest| u64::from_le_bytes(*digest));
        let change = match kind {
            INVITED => InvitationChange::Invited(room, digests.collect()),
            ONLY => InvitationChange::Only(room, digests.collect()),
            _ => return Err("a record in it is of an unknown kind".to_owned()),
        };
        Ok(Some(Self { change, length }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changes() -> impl Strategy<Value = Vec<InvitationChange>> {
        let digests = prop::collection::vec(0u64..50, 0..6);
        let change = (any::<bool>(), 1u32..6, digests).prop_map(|(only, room, digests)| {
            let room = RoomId::parse(&room.to_string()).unwrap();
            if only {
                InvitationChange::Only(room, digests)
            } else {
                InvitationChange::Invited(room, digests)
            }
        });
        prop::collection::vec(change, 0..12)
    }

    fn replayed(changes: &[InvitationChange]) -> Invitations {
        let mut invitations = Invitations::default();
        for change in changes {
            invitations.replay(change.clone());
        }
        invitations
    }

    proptest! {
        #[test]
        fn a_crash_costs_the_last_record_at_most(changes in changes(), cut in 0usize..400) {
            let bytes = appended(&changes, 0);
            let kept = read(&bytes).unwrap();
            if changes.is_empty() {
                return Ok(());
            }
            prop_assert_eq!((&kept.invitations, kept.whole), (&replayed(&changes), bytes.len() as u64));
            let again = read(&whole(&kept.invitations)).unwrap();
            prop_assert_eq!(&again.invitations, &kept.invitations);

            let cut = HEAD.len() + cut;
            if let Some(torn) = bytes.get(..cut) {
                let kept = read(torn).unwrap();
                let is_one = (0..=changes.len()).any(|n| kept.invitations == replayed(&changes[..n]));
                prop_assert!(is_one && kept.whole <= cut as u64);
            }
        }

        #[test]
        fn a_changed_byte_is_noticed(changes in changes(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let bytes = appended(&changes, 0);
            let mut damaged = bytes.clone();
            damaged[at.index(bytes.len())] ^= 1 << bit;
            let before = read(&bytes).unwrap();
            // A longer length may reach past the end, as a torn record does; nothing else is taken.
            if let Ok(kept) = read(&damaged) {
                prop_assert!(kept.whole < before.whole);
            }
        }
    }

    #[test]
    fn a_membership_costs_eight_bytes() {
        let room = RoomId::parse("66213271109633").unwrap();
        let all = replayed(&[InvitationChange::Only(room, (0..10_000).collect())]);
        assert!(whole(&all).len() < 80_100);
    }
}
