//! A file that says of itself whether it is whole: `{"sha256":"<64 lower-case hex>",` and a rest of which that is the hash. The
//! head is compared letter by letter and the rest by its hash, so that no bit stands outside; both together are one JSON document.

use super::{SET, VERSION};
use crate::model::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io;

const BEFORE_HASH: &[u8] = b"{\"sha256\":\"";
const AFTER_HASH: &[u8] = b"\",";
/// Of a SHA-256 in hex.
const HASH_LEN: usize = 64;

/// Content of a file of the set.
#[derive(Debug)]
pub(super) enum Content<T> {
    Missing,
    /// The set was being made: nothing was kept yet.
    Nothing,
    Version1(T),
    Current(T),
}

/// The same without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Missing,
    Nothing,
    Current,
    Version1,
}

/// Reason why a file cannot be used.
#[derive(Debug)]
pub(super) enum Bad {
    Version(u32),
    Damaged(String),
}

#[derive(Serialize)]
struct Rest<'a, T> {
    version: u32,
    set: [&'static str; SET.len()],
    data: Option<&'a T>,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Whole<T> {
    set: Vec<String>,
    data: Option<T>,
}

impl<T> Content<T> {
    pub(super) fn stage(&self) -> Stage {
        match self {
            Self::Missing => Stage::Missing,
            Self::Nothing => Stage::Nothing,
            Self::Version1(_) => Stage::Version1,
            Self::Current(_) => Stage::Current,
        }
    }

    /// The same, of a file that only version 1 has.
    pub(super) fn of_version_1(self) -> Self {
        match self {
            Self::Current(data) => Self::Version1(data),
            other => other,
        }
    }

    pub(super) fn data(self) -> Option<T> {
        match self {
            Self::Missing | Self::Nothing => None,
            Self::Version1(data) | Self::Current(data) => Some(data),
        }
    }
}

/// The head and the rest of a file.
pub(super) fn seal<T: Serialize>(data: Option<&T>) -> io::Result<[Vec<u8>; 2]> {
    let (version, set) = (VERSION, SET);
    let mut rest = serde_json::to_vec(&Rest { version, set, data })?;
    // Its brace stands at the beginning of the head.
    rest.remove(0);
    let head = [BEFORE_HASH, hash(&rest).as_bytes(), AFTER_HASH].concat();
    Ok([head, rest])
}

/// Reads the content of a file. Files of version 1 have no checksum.
pub(super) fn unseal<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<Content<T>, Bad> {
    let damaged = |why: &str| Bad::Damaged(why.to_owned());
    let not_json = |error: serde_json::Error| Bad::Damaged(error.to_string());
    let sealed = bytes.strip_prefix(BEFORE_HASH);
    if let Some(sealed) = sealed {
        let (said, rest) = sealed
            .split_at_checked(HASH_LEN)
            .ok_or_else(|| damaged("it is cut short"))?;
        let rest = rest.strip_prefix(AFTER_HASH);
        let rest = rest.ok_or_else(|| damaged("its first line is not what was written"))?;
        if hash(rest).as_bytes() != said {
            return Err(damaged("its checksum is another one than that of what it holds"));
        }
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(not_json)?;
    match (version, sealed) {
        (1, None) => serde_json::from_slice(bytes)
            .map(Content::Version1)
            .map_err(not_json),
        (VERSION, Some(_)) => {
            let Whole { set, data } = serde_json::from_slice(bytes).map_err(not_json)?;
            if set != SET {
                return Err(damaged("it names other files than those it is kept with"));
            }
            Ok(data.map_or(Content::Nothing, Content::Current))
        }
        (..=VERSION, _) => Err(damaged("it does not begin with its checksum")),
        (version, _) => Err(Bad::Version(version)),
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
