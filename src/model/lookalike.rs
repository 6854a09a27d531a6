//! Characters that look like another one, or like none. They get into files by way of word processors, chats and input methods.

use std::fmt;

/// A character that is taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lookalike {
    /// The character.
    pub(crate) c: char,
    /// Its kind.
    pub(crate) kind: LookalikeKind,
    name: &'static str,
    /// The plain character that is meant. Empty: none is.
    pub(crate) plain: &'static str,
}

/// Kind of such a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookalikeKind {
    /// Shows as a space.
    Space,
    /// Shows as nothing.
    Invisible,
    /// Shows as a wide form of an ASCII character.
    Wide,
    /// Shows as a quote or a dash.
    Typographic,
}

impl Lookalike {
    /// The character, if it is one of those.
    pub(crate) fn of(c: char) -> Option<Self> {
        use LookalikeKind::{Invisible, Space, Typographic, Wide};
        let (kind, name, plain) = match c {
            '\u{a0}' => (Space, "a no-break space", " "),
            '\u{2007}' => (Space, "a figure space", " "),
            '\u{202f}' => (Space, "a narrow no-break space", " "),
            '\u{3000}' => (Space, "an ideographic space", " "),
            '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' => (Space, "a space of another width", " "),
            '\u{ad}' => (Invisible, "a soft hyphen", ""),
            '\u{200b}' => (Invisible, "a zero-width space", ""),
            '\u{200c}' | '\u{200d}' => (Invisible, "a zero-width joiner", ""),
            '\u{2060}' => (Invisible, "a word joiner", ""),
            '\u{feff}' => (Invisible, "a byte order mark", ""),
            '\u{2028}' | '\u{2029}' => (Invisible, "a line separator", ""),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2061}'..='\u{206f}' => {
                (Invisible, "an invisible mark", "")
            }
            '\u{ff1a}' => (Wide, "a full-width colon", ":"),
            '\u{ff0c}' => (Wide, "a full-width comma", ","),
            '\u{ff0d}' => (Wide, "a full-width dash", "-"),
            '\u{3001}' => (Wide, "an ideographic comma", ","),
            '\u{fe55}' | '\u{2236}' | '\u{a789}' => (Wide, "a character that looks like a colon", ":"),
            '\u{fe50}' | '\u{60c}' => (Wide, "a character that looks like a comma", ","),
            '\u{2217}' => (Wide, "a character that looks like an asterisk", "*"),
            '\u{3010}' => (Wide, "a wide bracket", "["),
            '\u{3011}' => (Wide, "a wide bracket", "]"),
            '\u{ff01}'..='\u{ff5e}' => (Wide, "a full-width character", half_width(c)?),
            '\u{2018}'..='\u{201b}' | '\u{2039}' | '\u{203a}' => (Typographic, "a typographic quote", "'"),
            '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{300c}'..='\u{300f}' => {
                (Typographic, "a typographic quote", "\"")
            }
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => {
                (Typographic, "a typographic dash", "-")
            }
            '\u{2026}' => (Typographic, "an ellipsis", "..."),
            _ => return None,
        };
        Some(Self { c, kind, name, plain })
    }

    /// Advice on what to do with it.
    pub(crate) fn help(&self) -> String {
        match self.kind {
            LookalikeKind::Space => "replace it with a plain space".to_owned(),
            LookalikeKind::Invisible => {
                "delete it; an editor that shows invisible characters helps".to_owned()
            }
            LookalikeKind::Wide | LookalikeKind::Typographic => match self.plain {
                ":" => "write `:` and a space".to_owned(),
                "," => "write `,` and a space".to_owned(),
                plain => format!("write `{plain}`"),
            },
        }
    }
}

/// `a no-break space (U+00A0)`
impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, code) = (self.name, u32::from(self.c));
        match self.kind {
            LookalikeKind::Space | LookalikeKind::Invisible => write!(f, "{name} (U+{code:04X})"),
            LookalikeKind::Wide | LookalikeKind::Typographic => {
                write!(f, "{name} (`{}`, U+{code:04X})", self.c)
            }
        }
    }
}

/// The ASCII character of a full-width one.
fn half_width(c: char) -> Option<&'static str> {
    const ASCII: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    let at = usize::try_from(u32::from(c).checked_sub(0xff01)?).ok()?;
    ASCII.get(at..=at)
}

/// Names a character for people: what it is where it cannot be seen, itself in quotes otherwise.
pub(crate) fn named_char(c: char) -> String {
    match Lookalike::of(c) {
        Some(lookalike) => lookalike.to_string(),
        None if c == ' ' => "a space".to_owned(),
        None if c == '`' => "a backtick".to_owned(),
        None => format!("`{}`", c.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_with_what_to_write() {
        let named = |c| {
            let lookalike = Lookalike::of(c).unwrap();
            format!("{lookalike}: {}", lookalike.help())
        };
        assert_eq!(
            named('\u{a0}'),
            "a no-break space (U+00A0): replace it with a plain space"
        );
        assert_eq!(
            named('\u{ff1a}'),
            "a full-width colon (`：`, U+FF1A): write `:` and a space"
        );
        assert_eq!(
            named('\u{ff41}'),
            "a full-width character (`ａ`, U+FF41): write `a`"
        );
        assert_eq!(
            named('\u{ff5e}'),
            "a full-width character (`～`, U+FF5E): write `~`"
        );
        assert_eq!(
            [' ', 'é', '\u{7}', '`'].map(named_char),
            ["a space", "`é`", "`\\u{7}`", "a backtick"]
        );
        assert!(('\0'..='\u{7f}').all(|c| Lookalike::of(c).is_none()));
    }
}
