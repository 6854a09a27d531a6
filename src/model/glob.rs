use super::named_char;
use compact_str::CompactString;
use std::fmt;

/// A pattern of names: `*` stands for any run of characters, `?` for one. In lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(CompactString);

/// Error of a text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGlob {
    /// Nothing between the quotes.
    #[error("a pattern cannot be empty")]
    Empty,
    /// A character that no name can have.
    #[error("a pattern consists of the characters of a name, `*` and `?`, and this one holds {name}", name = named_char(*.0))]
    BadChar(char),
}

impl Glob {
    /// Reads a pattern, folding capitals.
    pub fn parse(text: &str) -> Result<Self, BadGlob> {
        if text.is_empty() {
            return Err(BadGlob::Empty);
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '?');
        if let Some(c) = text.chars().find(|c| !allowed(c)) {
            return Err(BadGlob::BadChar(c));
        }
        let mut pattern = CompactString::new(text);
        pattern.make_ascii_lowercase();
        Ok(Self(pattern))
    }

    /// True if the pattern matches this name, which is in lower case.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        glob_matches(&self.0, name)
    }

    /// The pattern in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// True for a text that nobody writes but as a regular expression.
pub(crate) fn looks_like_regex(text: &str) -> bool {
    const SIGNS: [&str; 12] = [
        "\\d", "\\w", "\\s", "\\b", "\\.", ".*", ".+", "(?", "]+", "]*", "]?", "]{",
    ];
    let closed = |open, close| text.find(open).is_some_and(|at| text.rfind(close) > Some(at));
    // A plus inside is one in an e-mail address, a plus in front one of a telephone number.
    text.starts_with('^')
        || (text.ends_with(['$', '+']) && text.len() > 1)
        || SIGNS.iter().any(|sign| text.contains(sign))
        || closed('[', ']')
        || (closed('(', ')') && text.contains('|'))
}

/// The pattern that a regular expression comes to, where it is a simple one: `guest-*` for `^guest-[0-9]+$`.
pub(crate) fn pattern_of_regex(text: &str) -> Option<String> {
    let text = text.strip_prefix('^').unwrap_or(text);
    let mut rest = text.strip_suffix('$').unwrap_or(text);
    let mut pattern = String::new();
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        // What may stand here: one certain character, or any of several.
        let literal = match c {
            '.' => None,
            '[' => {
                rest = rest.split_once(']')?.1;
                None
            }
            '\\' => {
                let escaped = rest.chars().next()?;
                rest = rest.get(escaped.len_utf8()..)?;
                (!escaped.is_ascii_alphanumeric()).then_some(escaped)
            }
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') => Some(c),
            _ => return None,
        };
        let repeated = rest.strip_prefix(['*', '+']);
        match (literal, repeated) {
            (Some(_), Some(_)) => return None,
            (Some(c), None) => pattern.push(c),
            (None, Some(after)) => {
                rest = after;
                pattern.push('*');
            }
            (None, None) => {
                rest = rest.strip_prefix('?').unwrap_or(rest);
                pattern.push('?');
            }
        }
    }
    // A pattern of nothing but wildcards would match far more.
    let is_meant = pattern.contains(|c| !matches!(c, '*' | '?')) && Glob::parse(&pattern).is_ok();
    is_meant.then_some(pattern)
}

/// True if `*` (any run of bytes) and `?` (one) of a pattern make it this name, in this very spelling.
pub(crate) fn glob_matches(pattern: &str, name: &str) -> bool {
    // Greedy with one step back: at a mismatch the last `*` swallows one more character. O(pattern × name), no recursion.
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                last_star = Some((rest, name));
                pattern = rest;
            }
            (Some((p, rest)), Some((n, tail))) if *p == b'?' || p == n => (pattern, name) = (rest, tail),
            (None, None) => return true,
            _ => match last_star.and_then(|(rest, from)| Some((rest, from.split_first()?.1))) {
                Some((rest, from)) => {
                    last_star = Some((rest, from));
                    (pattern, name) = (rest, from);
                }
                None => return false,
            },
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, written as such.
    fn oracle(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|n| oracle(rest, &name[n..])),
            Some((b'?', rest)) => !name.is_empty() && oracle(rest, &name[1..]),
            Some((c, rest)) => name.first() == Some(c) && oracle(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn matches_as_defined(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let expected = oracle(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&name), expected);
        }
    }

    #[test]
    fn simple_regular_expressions_come_to_patterns() {
        for (regex, pattern) in [
            ("^guest-[0-9]+$", Some("guest-*")),
            ("guest.*", Some("guest*")),
            ("bot.?", Some("bot?")),
            ("svc\\.\\d+", Some("svc.*")),
            ("^$", None),
            ("[ab]", None),
            (".*", None),
            ("(a|b)", None),
            ("a+", None),
            ("a{2}", None),
            ("a[", None),
        ] {
            assert_eq!(pattern_of_regex(regex).as_deref(), pattern, "{regex}");
        }
    }

    #[test]
    fn regular_expressions_are_told_from_names_and_patterns() {
        for regex in [
            "^a",
            "a$",
            "^guest-.*$",
            "guest.*",
            "[a-z]",
            "x[0-9]+",
            "a\\d",
            "a\\.b",
            "(a|b)",
            "(?i)a",
            "guest+",
        ] {
            assert!(looks_like_regex(regex), "{regex}");
        }
        for other in [
            "",
            "ann",
            "guest-*",
            "gu?st",
            "a.b",
            "*",
            "ann lee",
            "ann+x@y.org",
            "+4912345",
            "a,b",
            "(ann)",
            "$",
            "group:a",
        ] {
            assert!(!looks_like_regex(other), "{other}");
        }
    }

    #[test]
    fn patterns_are_folded_and_checked() {
        assert!(Glob::parse("Guest-*").unwrap().matches("guest-7"));
        assert_eq!(Glob::parse(""), Err(BadGlob::Empty));
        assert_eq!(Glob::parse("[ab]"), Err(BadGlob::BadChar('[')));
    }
}
