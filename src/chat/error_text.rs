//! Names and numbers read out of the words of the service's errors.

use super::wire::Method;

/// Names that an error's text is about, in lower case, as far as its form is known. Believe a name only if it was in the
/// call.
pub(super) fn names_in(text: &str) -> Vec<String> {
    const MARKERS: [&str; 4] = ["username ", "usernames ", "user:", "users "];
    const ENDS: [&str; 8] = [
        " doesn't",
        " does not",
        " already",
        " is not",
        " are not",
        " has joined",
        "!",
        " can't",
    ];
    let text = text.to_lowercase();
    let mut names: Vec<String> = Vec::new();
    let mut rest = text.as_str();
    // The next marker, and where what it announces begins.
    while let Some((_, begin)) = MARKERS
        .iter()
        .filter_map(|m| rest.find(m).map(|at| (at, at + m.len())))
        .min()
    {
        let (_, announced) = rest.split_at(begin);
        let end = ENDS
            .iter()
            .filter_map(|end| announced.find(end))
            .min()
            .unwrap_or(announced.len());
        let (listed, after) = announced.split_at(end);
        names.extend(
            listed
                .split([',', ' ', '[', ']'])
                .filter(|part| !part.is_empty())
                .map(String::from),
        );
        rest = after;
    }
    if let Some((before, _)) = text.split_once(" has joined too many") {
        names.extend(before.split([' ', ':', '[', ']']).next_back().map(String::from));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Most names that a call may have, in the refusal of one that has more.
pub(super) fn max_size(text: &str) -> Option<usize> {
    let said = ["more than maxSize", "more than max limit"]
        .iter()
        .find_map(|words| text.split_once(words))?
        .1;
    let number = said.trim_start_matches([' ', ':', '=']);
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// True if a call of this method had nothing to change for somebody. Whoever is not in the room cannot be put on its allow list.
pub(super) fn says_already_so(text: &str, method: Method) -> bool {
    const OUTSIDE: [&str; 2] = ["are not members of", "doesn't exist in group"];
    const KNOWN: [&str; 3] = ["already in group", "is not admin of", "is not in whitelist of"];
    let says = |known: &[&str]| known.iter().any(|known| text.contains(known));
    says(&KNOWN) || method != Method::AllowMany && says(&OUTSIDE)
}

/// True if the call was turned away for the call rate, whatever its status and code are: a 403 `forbidden_op` can say so.
pub(super) fn says_rate_exceeded(text: &str) -> bool {
    // With "request": rooms and lists reach a maximum of their own.
    const KNOWN: [&str; 2] = [
        "request has reached the maximum limit",
        "request has reached api limit",
    ];
    let text = text.to_lowercase();
    KNOWN.iter().any(|known| text.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_texts() {
        assert_eq!(names_in("username Ann doesn't exist!"), ["ann"]);
        assert_eq!(names_in("username username doesn't exist!"), ["username"]);
        assert_eq!(names_in("username a, b.c doesn't exist!"), ["a", "b.c"]);
        assert_eq!(names_in("users [a,b] are not members of this group!"), ["a", "b"]);
        assert_eq!(
            names_in("can not join this group, reason:user: x already in group: 12"),
            ["x"]
        );
        assert_eq!(names_in("user:x is not admin of group:12"), ["x"]);
        assert!(names_in("x has joined too many groups/chatroom!").contains(&"x".to_owned()));
        assert_eq!(
            names_in("member size is greater than max user size !"),
            Vec::<String>::new()
        );
        assert_eq!(names_in(""), Vec::<String>::new());
        assert_eq!(names_in("user:é\u{130}!"), ["éi\u{307}"]);
    }

    #[test]
    fn a_batch_limit_is_the_number_behind_its_name() {
        for (said, size) in [
            (" : 60", Some(60)),
            (":60", Some(60)),
            (" : 60, request 7f: 1234", Some(60)),
            (" : 60.", Some(60)),
            (" : 0", Some(0)),
            (" : -5", None),
            (" : many", None),
            ("", None),
            (" : 99999999999999999999999", None),
        ] {
            for words in [
                "addMembers number more than maxSize",
                "usernames size is more than max limit",
            ] {
                let text = format!("{words}{said}");
                assert_eq!(max_size(&text), size, "{text}");
            }
        }
    }
}
