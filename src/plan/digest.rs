use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// `sha256:` and the digest in hex.
pub(super) fn sha256_text(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::from("sha256:"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
