//! Invited people, in a file of their own: changes are appended, and now and then it is written anew with what counts of them.
//!
//! A record has a head with its kind, the room's id and the number of digests, then the digests; each of the two parts has a checksum.
//! A crash leaves at most a last record that is cut short; it is cut off.

use crate::exclusions::{InvitationChange, Invitations};
use crate::model::RoomId;
use sha2::{Digest as _, Sha256};

/// First line of the file, with its version.
const HEAD: &[u8] = b"roomsync invited 1\n";
const INVITED: u8 = b'+';
const ONLY: u8 = b'=';
/// Bytes of a checksum.
const CHECK: usize = 4;

/// Content of the file.
#[derive(Debug, Default)]
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
    close(out, begun);
    let begun = out.len();
    for digest in digests {
        out.extend(digest.to_le_bytes());
    }
    close(out, begun);
}

/// Ends a part of a record that begins there with its checksum.
fn close(out: &mut Vec<u8>, begun: usize) {
    let check = check(out.get(begun..).unwrap_or_default());
    out.extend(check);
}

/// Length of a whole file.
pub(super) fn length(invitations: &Invitations) -> u64 {
    let record = |(room, people): (&RoomId, usize)| 2 + room.as_str().len() + 4 + 8 * people + 2 * CHECK;
    (HEAD.len() + invitations.numbers().map(record).sum::<usize>()) as u64
}

fn check(part: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(part).into();
    [a, b, c, d]
}

/// A part, and the bytes after it.
type Split<'b> = (&'b [u8], &'b [u8]);

/// The first part of these bytes, of this length, and what follows its checksum; `None`: it is not whole.
fn part(bytes: &[u8], length: usize) -> Result<Option<Split<'_>>, String> {
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

struct Record {
    change: InvitationChange,
    /// Its bytes, the checksum counted.
    length: usize,
}

impl Record {
    /// `None`: there is no whole one.
    fn first_of(bytes: &[u8]) -> Result<Option<Self>, String> {
        let Some(length) = bytes.get(1) else {
            return Ok(None);
        };
        let Some((head, rest)) = part(bytes, 2 + usize::from(*length) + 4)? else {
            return Ok(None);
        };
        let (&[kind, _], id_and_count) = head.split_first_chunk().ok_or("a record in it is too short")?;
        let (id, count) = id_and_count
            .split_last_chunk()
            .ok_or("a record in it is too short")?;
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
        let Some((digests, rest)) = part(rest, count.saturating_mul(8))? else {
            return Ok(None);
        };
        let length = bytes.len() - rest.len();
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
            let anew = whole(&kept.invitations);
            prop_assert_eq!(anew.len() as u64, length(&kept.invitations));
            let again = read(&anew).unwrap();
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
            // Only a longer id may reach past the end, as a torn record does.
            if let Ok(kept) = read(&damaged) {
                let is_one = (0..=changes.len()).any(|n| kept.invitations == replayed(&changes[..n]));
                prop_assert!(is_one && kept.whole < bytes.len() as u64);
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
