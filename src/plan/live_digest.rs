use crate::model::hex;
use sha2::{Digest as _, Sha256};

/// `sha256:` and the digest in hex.
pub(super) fn sha256_text(hash: Sha256) -> String {
    format!("sha256:{}", hex(&hash.finalize()))
}

/// Length of the part of a live digest that depends on the owner.
const OWNER_PART: usize = "sha256:".len() + 32;

/// The digest of what was seen in a room: the first half is the owner's, so that another owner is known whoever else has
/// come or gone. 128 bits each are plenty to tell one state from the next.
pub(super) fn live_digest(owner: Option<&str>, people: Sha256) -> String {
    let owner = sha256_text(Sha256::new_with_prefix(format!("{owner:?}")));
    let people = sha256_text(people);
    let halves = [owner.get(..OWNER_PART), people.get(OWNER_PART..)];
    halves.into_iter().flatten().collect()
}

/// True if two live digests are of rooms with the same owner.
pub(super) fn same_owner(one: &str, other: &str) -> bool {
    one.get(..OWNER_PART) == other.get(..OWNER_PART)
}
