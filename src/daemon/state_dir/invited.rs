//! Invited people, in a file of their own: changes are appended, and now and then it is written anew with what counts of them.

use crate::disk::{Record, RecordFile};
use crate::exclusions::{InvitationChange, Invitations};
use crate::model::RoomId;

/// The items are digests of names.
const FILE: RecordFile = RecordFile {
    first_line: b"roomsync invited 1\n",
    item_bytes: 8,
};
const INVITED: u8 = b'+';
const ONLY: u8 = b'=';

/// Content of the file.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) invitations: Invitations,
    /// Length of the part of it that is whole.
    pub(super) whole: u64,
}

/// Reads a file. The error: it is damaged, and how.
pub(super) fn read(bytes: &[u8]) -> Result<Kept, String> {
    let mut invitations = Invitations::default();
    let whole = FILE.read(bytes, |Record { kind, key, items }| {
        let room = RoomId::parse(key).map_err(|_| "a record in it names no room")?;
        let digests = items.as_chunks().0.iter();
        let digests = digests.map(|digest| u64::from_le_bytes(*digest)).collect();
        invitations.replay(match kind {
            INVITED => InvitationChange::Invited(room, digests),
            ONLY => InvitationChange::Only(room, digests),
            _ => return Err("a record in it is of an unknown kind".to_owned()),
        });
        Ok(())
    })?;
    Ok(Kept { invitations, whole })
}

/// Writes everything that is known as a whole file.
pub(super) fn whole(invitations: &Invitations) -> Vec<u8> {
    let mut bytes = FILE.begin(0);
    for change in invitations.all() {
        write(&mut bytes, &change);
    }
    bytes
}

/// Writes changes as they are appended to a file of which so many bytes are whole.
pub(super) fn appended(changes: &[InvitationChange], whole: u64) -> Vec<u8> {
    let mut bytes = FILE.begin(whole);
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
    let items: Vec<u8> = digests.iter().flat_map(|digest| digest.to_le_bytes()).collect();
    let (key, items) = (room.as_str(), items.as_slice());
    FILE.write(out, Record { kind, key, items });
}

/// Length of a whole file.
pub(super) fn length(invitations: &Invitations) -> u64 {
    let numbers = invitations.numbers();
    FILE.length(numbers.map(|(room, people)| (room.as_str().len(), people)))
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

            let cut = FILE.first_line.len() + cut;
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
