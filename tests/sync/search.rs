//! Seeds of the random searches. The environment gives another range of them.

use std::ops::Range;

/// A number in the environment, if it is set.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}")),
    )
}

/// The first `cases` seeds, unless `ROOMSYNC_SEARCH_CASES` gives another number and `ROOMSYNC_SEARCH_FIRST` another beginning.
pub(crate) fn seeds(cases: u64) -> Range<u64> {
    let first = number("ROOMSYNC_SEARCH_FIRST").unwrap_or(0);
    first..first + number("ROOMSYNC_SEARCH_CASES").unwrap_or(cases)
}
