//! Words for people, wherever they are shown.

use super::{RoomId, UserId};
use std::borrow::Cow;
use std::fmt::Write as _;

/// `1 room`, `2 rooms`
#[must_use]
pub fn counted(number: usize, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}

/// A length of time as people say it: `5 min`, `3 h`, `4 days`. `None`: less than a minute.
#[must_use]
pub fn age_in_words(minutes: i64) -> Option<String> {
    match minutes {
        ..1 => None,
        1..120 => Some(format!("{minutes} min")),
        120..2880 => Some(format!("{} h", minutes / 60)),
        _ => Some(format!("{} days", minutes / 1440)),
    }
}

/// `1 person`, `2 people`
#[must_use]
pub fn counted_people(number: usize) -> String {
    if number == 1 {
        "1 person".to_owned()
    } else {
        format!("{number} people")
    }
}

/// Most names that a sentence lists.
const FEW: usize = 3;

/// People by name, of many the first few: `mia`, `mia and omar`, `a, b, c and 57 more`.
#[must_use]
pub fn people_named<'a>(users: impl IntoIterator<Item = &'a UserId>) -> String {
    let names: Vec<&str> = users.into_iter().map(UserId::as_str).collect();
    match names.as_slice() {
        [few @ .., last] if names.len() <= FEW => match few {
            [] => (*last).to_owned(),
            few => format!("{} and {last}", few.join(", ")),
        },
        [a, b, c, more @ ..] => format!("{a}, {b}, {c} and {} more", more.len()),
        _ => String::new(),
    }
}

/// A room for people, as in `lobby (66213271109633)`.
#[must_use]
pub fn room_label(name: Option<&str>, id: &RoomId) -> String {
    match name {
        Some(name) => format!("{} ({id})", printable(name)),
        None => id.to_string(),
    }
}

/// The first few of many, and the number of the others: `a, b, c and 297 more`.
#[must_use]
pub fn first_few(names: impl IntoIterator<Item = String>) -> String {
    let mut names = names.into_iter();
    let few: Vec<String> = names.by_ref().take(FEW).collect();
    let few = few.join(", ");
    match names.count() {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

/// Bytes in lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Escapes what could move the cursor, turn the text around or show as nothing: names and messages come from files and from
/// the service.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| {
        if is_harmful(c) {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// True for what [`printable`] escapes.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}') || shows_as_nothing(c)
}

/// Unicode's `Default_Ignorable_Code_Point`, of `DerivedCoreProperties.txt`; it holds what is reserved for such characters, too.
fn shows_as_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_as_nothing_is_escaped() {
        let blank = "\u{ad} \u{34f} \u{115f} \u{1160} \u{17b4} \u{180b} \u{180e} \u{180f} \u{200b} \u{2065} \u{206f} \u{3164} \
                     \u{fe00} \u{fe0f} \u{feff} \u{ffa0} \u{fff0} \u{1bca0} \u{1d173} \u{e0001} \u{e0100} \u{e01ef} \u{e0fff}";
        for c in blank.split(' ') {
            let shown = printable(c).into_owned();
            assert!(shown.starts_with("\\u{") && shown.is_ascii(), "{shown:?}");
        }
        for harmless in ["ops ✓ Zürich 東京 한국 ﷽", "\u{1161}", "\u{fe10}", "\u{e1000}"] {
            assert_eq!(printable(harmless), harmless);
        }
    }
}
