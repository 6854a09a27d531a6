//! Text of others in the comment: names and messages come from files and from the service.

use crate::model::printable;

/// A cut goes back so far to the end of a word, in bytes.
const WORD: usize = 40;

/// The text as HTML code, where neither markdown nor a mention, a reference or an address in it means anything. What is longer
/// than `most` bytes is cut, between words if they are short.
pub(super) fn code(text: &str, most: usize) -> String {
    let text = printable(text);
    let mut escaped = String::new();
    for c in text.chars() {
        let before = escaped.len();
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
        if escaped.len() > most {
            escaped.truncate(before);
            let end = escaped.rfind(' ').filter(|end| c != ' ' && before - end <= WORD);
            escaped.truncate(end.map_or(before, |end| end + 1));
            escaped.push('…');
            break;
        }
    }
    format!("<code>{escaped}</code>")
}

/// `1 room`, `4,312 rooms`
pub(super) fn many(number: usize, word: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {word}{s}", grouped(number))
}

/// `4,312`
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 7, 999, 1_000, 65_000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "65,000", "1,234,567"]);
    }

    #[test]
    fn what_is_not_ours_is_code_and_no_longer_than_it_may_be() {
        assert_eq!(
            code("</code>\n<b> & \"'", 100),
            "<code>&lt;/code&gt;\\u{a}&lt;b&gt; &amp; &quot;&#39;</code>"
        );
        assert_eq!(code("ü<ü", 4), "<code>ü…</code>");
        assert_eq!(code("ü<ü", 6), "<code>ü&lt;…</code>");
        assert_eq!(code("ü<ü", 8), "<code>ü&lt;ü</code>");
        assert_eq!(code("one two three", 9), "<code>one two …</code>");
        assert_eq!(code("one two three", 7), "<code>one two…</code>");
        let long = "x".repeat(60);
        assert_eq!(
            code(&format!("a {long}"), 50),
            format!("<code>a {}…</code>", "x".repeat(48))
        );
    }
}
