//! The words of the service's errors.

use super::error_text::names_in;
use crate::model::{MemberSet, UserId, printable};
use crate::secrets;
use std::fmt;

/// The service's words, and the people of the call whom they name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceMessage {
    /// The words.
    pub text: String,
    /// People of the call whom the words name.
    pub named: MemberSet,
}

impl ServiceMessage {
    /// Reads the names out of the words; those that were not in the call do not count.
    pub(super) fn new(text: &str, users: &[UserId]) -> Self {
        let names = names_in(text);
        let is_named = |user: &&UserId| names.iter().any(|name| name == user.as_str());
        Self {
            text: cleaned(text),
            named: users.iter().filter(is_named).cloned().collect(),
        }
    }
}

/// Words from outside without secrets, and without what would move a cursor, end a line of the log or turn the text around. Every
/// error of a call passes here when it is made.
pub(super) fn cleaned(text: &str) -> String {
    printable(&secrets::redact(text)).into_owned()
}

impl fmt::Display for ServiceMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::CallErrorKind;
    use super::super::wire::Method;
    use super::*;
    use proptest::prelude::*;

    /// Pieces that a terminal, a log or a reader would take for something else than text.
    fn words() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\u{1b}[2J".to_owned()),
            Just("\u{1b}]0;title\u{7}".to_owned()),
            Just("\n2026-01-01T00:00:00Z  INFO forged\r\n".to_owned()),
            Just("\u{202e}\u{2066}\u{200b}\u{feff}\u{85}\u{2028}".to_owned()),
            Just("username [ann] doesn't exist!".to_owned()),
            Just("users [ann] are not members of this group, more than maxSize : 60".to_owned()),
            any::<char>().prop_map(String::from),
            "[a-z ,:]{1,9}",
        ];
        prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_error_of_a_call_harms_a_terminal_or_forges_a_line(
            error in words(),
            text in words(),
            status in prop::sample::select(vec![200_u16, 400, 401, 403, 404, 405, 413, 429, 500, 503]),
            method in prop::sample::select(Method::ALL.to_vec()),
        ) {
            let body = serde_json::json!({"error": error, "error_description": text}).to_string();
            let users = [UserId::parse("ann").unwrap()];
            let kinds = CallErrorKind::from_answer(status, body.as_bytes(), method, &users)
                .into_iter()
                .chain([CallErrorKind::of_row(&text, &users[0], method), CallErrorKind::of_result(&text, &users)]);
            for kind in kinds {
                let shown = kind.to_string();
                prop_assert_eq!(printable(&shown), shown.as_str());
            }
        }
    }
}
