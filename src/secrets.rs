//! The secrets of this process, so that no message can show one: whatever a file, a service or the system says goes through here.

use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

/// Shortest secret that is taken out: the removal of a shorter one would only spoil the words.
const SHORTEST: usize = 8;
/// By so much of its beginning a secret is known where it was cut.
const ENOUGH: usize = 16;
/// Most secrets known at a time. A token that is renewed every few hours expires long before it is forgotten.
const MOST: usize = 64;
/// Number of the first secrets that are never forgotten: those of the environment.
const KEPT: usize = 16;

/// Beginnings of the tokens and client secrets that the service gives, in lower case: what is fixed of them.
const FORMS: [&str; 3] = ["007ejx", "ywmt", "yxa6"];
/// Fewest bytes of a word that is taken for one of these, wherever it stands. No name that begins so is as long.
const SHORTEST_FORM: usize = 24;

/// In lower case: texts are compared without case.
static KNOWN: RwLock<Vec<SecretString>> = RwLock::new(Vec::new());

/// Has a secret be taken out of all that is shown from now on.
pub(crate) fn register(secret: &str) {
    let secret = secret.trim().to_ascii_lowercase();
    if secret.len() < SHORTEST {
        return;
    }
    remember(&mut KNOWN.write().unwrap_or_else(PoisonError::into_inner), secret);
}

fn remember(known: &mut Vec<SecretString>, secret: String) {
    if known.iter().any(|one| one.expose_secret() == secret) {
        return;
    }
    if known.len() >= MOST {
        known.remove(KEPT);
    }
    known.push(secret.into());
}

/// True if the text contains a secret, or the beginning of one.
pub(crate) fn occur_in(text: &str) -> bool {
    matches!(redact(text), Cow::Owned(_))
}

/// The text with `(a secret)` in the place of each secret, and of each beginning of one. A word in the form of the service's tokens
/// is one too: somebody may have put it where nobody looks for a secret.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    redacted(text, known.iter().map(ExposeSecret::expose_secret))
}

fn redacted<'t, 's>(text: &'t str, secrets: impl Iterator<Item = &'s str>) -> Cow<'t, str> {
    const INSTEAD: &str = "(a secret)";
    let mut shown = Cow::Borrowed(text);
    // In ASCII only, so that every byte stays where it is.
    let mut lower = text.to_ascii_lowercase();
    let mut replace = |find: &dyn Fn(&str, usize) -> Option<Range<usize>>| {
        let mut from = 0;
        while let Some(place) = find(&lower, from) {
            from = place.start + INSTEAD.len();
            shown.to_mut().replace_range(place.clone(), INSTEAD);
            lower.replace_range(place, INSTEAD);
        }
    };
    for secret in secrets {
        replace(&|text, from| found(text, from, secret));
    }
    for beginning in FORMS {
        replace(&|text, from| formed(text, from, beginning));
    }
    shown
}

/// Finds the next word that begins so and is as long as a token.
fn formed(text: &str, from: usize, beginning: &str) -> Option<Range<usize>> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    let starts = text.get(from..)?.match_indices(beginning);
    let mut words = starts.filter_map(|(at, _)| {
        let start = from + at;
        if text.get(..start)?.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let rest = text.get(start..)?;
        let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        (length >= SHORTEST_FORM).then_some(start..start + length)
    });
    words.next()
}

/// Finds the next occurrence of the secret, or of its beginning.
fn found(text: &str, from: usize, secret: &str) -> Option<Range<usize>> {
    let enough = (ENOUGH..secret.len()).find(|end| secret.is_char_boundary(*end));
    let beginning = secret.get(..enough.unwrap_or(secret.len()))?;
    let start = from + text.get(from..)?.find(beginning)?;
    let same = text.get(start..)?.chars().zip(secret.chars());
    let same = same.take_while(|(a, b)| a == b);
    Some(start..start + same.map(|(a, _)| a.len_utf8()).sum::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redact_all(text: &str, secrets: &[&str]) -> String {
        redacted(text, secrets.iter().copied()).into_owned()
    }

    #[test]
    fn secrets_are_taken_out_whole_cut_and_in_any_case() {
        let token = "007ejxtyfv7zqkq0hardlyatoken";
        assert_eq!(
            redact_all(&format!("bad `{token}`!"), &[token]),
            "bad `(a secret)`!"
        );
        assert_eq!(redact_all("`007eJxTYFv7ZQkQ0HARDLY…`", &[token]), "`(a secret)…`");
        assert_eq!(redact_all("007ejxtyfv7", &[token]), "007ejxtyfv7");
        assert_eq!(
            redact_all("é hunter22 and HUNTER22é", &["hunter22"]),
            "é (a secret) and (a secret)é"
        );
        assert_eq!(
            redact_all("both: abcdefgh12345678", &["12345678", "abcdefgh"]),
            "both: (a secret)(a secret)"
        );
        assert!(matches!(
            redacted("hunter2", ["hunter22"].into_iter()),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn words_in_the_form_of_a_token_are_taken_out_wherever_they_stand() {
        let token = "007eJxTYHi/8wyHxdaJ2+6LvVQPzV9rp2";
        for shown in ["`{}`", "concurrency: {} # x", "/work/{}: no such file", "{}"] {
            assert_eq!(
                redact_all(&shown.replace("{}", token), &[]),
                shown.replace("{}", "(a secret)")
            );
        }
        let two = "YWMtAbcdefghijklmnopqrstuvwx, YXA6Abcdefghijklmnop_qrstuvwx-";
        assert_eq!(redact_all(two, &[]), "(a secret), (a secret)");
        for name in ["ywmt", "007ejx-bond", "x007eJxTYHi/8wyHxdaJ2+6LvVQPzV9rp2", "007"] {
            assert_eq!(redact_all(name, &[]), name);
        }
    }

    #[test]
    fn what_is_known_is_bounded_and_the_first_stay() {
        let mut known = Vec::new();
        remember(&mut known, "the-first-secret".into());
        for number in 0..2 * MOST {
            remember(&mut known, format!("renewed-secret-{number:04}"));
        }
        assert_eq!(known.len(), MOST);
        let is_known = |text: &str| known.iter().any(|secret| secret.expose_secret() == text);
        assert!(is_known("the-first-secret") && !is_known("renewed-secret-0050"));
        assert!(is_known(&format!("renewed-secret-{:04}", 2 * MOST - 1)));
        register("  a-secret-with-space-around\n");
        register("short");
        assert!(occur_in("a-secret-with-space-around") && !occur_in("short"));
    }
}
