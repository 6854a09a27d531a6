//! Reads a comment back as a person would see it, and refuses what no comment of ours may hold.

use pulldown_cmark::{Options, Parser, html};
use std::collections::BTreeMap;

/// Stands in every text of the tests that is not ours: it must never be seen outside of code.
pub(crate) const FOREIGN: char = 'Ω';

/// Rows that a comment shows and counts, by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Rows.
    pub(crate) shown: BTreeMap<&'static str, usize>,
    /// Rows that are only counted.
    pub(crate) counted: BTreeMap<&'static str, usize>,
    /// Rooms, by section: what the title says, what is shown, what is only counted.
    pub(crate) sections: Vec<(String, [usize; 3])>,
    /// The ids of rooms that are only counted and that nobody may miss, and how many more of them there are.
    pub(crate) named: Vec<String>,
    pub(crate) more_named: usize,
}

const TAGS: [&str; 18] = [
    "details", "summary", "ul", "li", "p", "sub", "code", "h2", "h3", "table", "thead", "tbody", "tr", "th",
    "td", "strong", "pre", "!--",
];

fn number(text: &str) -> usize {
    let digits = text.trim_matches(|c: char| !c.is_ascii_digit());
    digits
        .replace(',', "")
        .parse()
        .unwrap_or_else(|_| panic!("no number in {text:?}"))
}

/// Renders the comment and walks through its HTML: our tags only, each closed in its turn, and foreign text in code only.
pub(crate) fn render(comment: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut rendered = String::new();
    html::push_html(&mut rendered, Parser::new_ext(comment, options));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = rendered.as_str();
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        judge(text, &open);
        let (tag, after) = tag[1..].split_once('>').unwrap();
        rest = after;
        if tag == "!-- roomsync-plan --" {
            continue;
        }
        let (closes, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(TAGS.contains(&name), "<{tag}> is none of our tags");
        let styled = [
            "class=\"language-diff\"",
            "style=\"text-align: right\"",
            "style=\"text-align: left\"",
        ];
        assert!(attributes.is_empty() || styled.contains(&attributes), "<{tag}>");
        if closes {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else");
            continue;
        }
        match name {
            // A room never stands in another one, and people stand in rooms.
            "details" => assert_eq!(open, [""; 0], "<details> within something"),
            "pre" => assert_eq!(open, ["details"], "rows outside of a room"),
            _ => {}
        }
        open.push(name);
    }
    judge(rest, &open);
    assert_eq!(open, [""; 0], "left open");
    rendered
}

fn judge(text: &str, open: &[&str]) {
    if open.contains(&"code") {
        return;
    }
    assert!(!text.contains(FOREIGN), "foreign text as ours: {text:?}");
    assert!(!text.contains(['@', '`']), "not as it was meant: {text:?}");
    assert!(
        !text.contains("```") && !text.contains("**"),
        "not as it was meant: {text:?}"
    );
}

const KINDS: [(&str, &str); 7] = [
    ("name that only leaves", "leaving"),
    ("names that only leave", "leaving"),
    ("admin", "leaving admins"),
    ("removal", "removal"),
    ("demotion", "demotion"),
    ("promotion", "promotion"),
    ("add", "add"),
];

fn kind(word: &str) -> &'static str {
    let known = KINDS.iter().find(|(begins, _)| word.starts_with(begins));
    known.map_or_else(
        || {
            assert!(word.starts_with("note"), "{word:?}");
            "note"
        },
        |(_, kind)| *kind,
    )
}

/// The riskiest kind has the lowest.
fn rank(kind: &str) -> usize {
    let order = [
        "removal",
        "demotion",
        "leaving",
        "leaving admins",
        "promotion",
        "add",
        "note",
    ];
    order.iter().position(|other| *other == kind).unwrap()
}

/// Takes `3 removals, 1 more add` apart.
fn counts(told: &str, into: &mut BTreeMap<&'static str, usize>) {
    for part in told.split(", ").filter(|part| !part.is_empty()) {
        let (count, word) = part.split_once(' ').unwrap();
        let word = word.strip_prefix("more ").unwrap_or(word);
        *into.entry(kind(word)).or_default() += number(count);
    }
}

/// Reads the comment's rows and counts.
pub(crate) fn read(comment: &str) -> Seen {
    let mut seen = Seen::default();
    let mut in_rows = false;
    let mut in_section = false;
    let mut last = 0;
    for line in comment.lines() {
        if in_rows {
            if line == "```" {
                in_rows = false;
                continue;
            }
            let kind = match line.split_at(2) {
                ("- ", row) if row.ends_with(": leaves the files, no call") => "leaving",
                ("! ", row) if row.ends_with("leaves the files' admins, no call") => "leaving admins",
                ("- ", _) => "removal",
                ("! ", row) if row.contains(": no longer an admin") => "demotion",
                ("! ", row) if row.ends_with(": becomes an admin") => "promotion",
                ("+ ", _) => "add",
                _ => panic!("half a row: {line:?}"),
            };
            assert!(last <= rank(kind), "{kind} out of its turn");
            last = rank(kind);
            *seen.shown.entry(kind).or_default() += 1;
        } else if line == "```diff" {
            in_rows = true;
        } else if let Some(title) = line.strip_prefix("### ") {
            let (title, rooms) = title.rsplit_once(": ").unwrap();
            seen.sections.push((title.to_owned(), [number(rooms), 0, 0]));
            in_section = true;
        } else if let Some(more) = line.strip_prefix("… and ") {
            let (more, named) = more
                .split_once(". Blocked, or with removals or demotions: ")
                .unwrap_or((more, ""));
            let (named, more_named) = named.split_once(" and ").unwrap_or((named, ""));
            let named = named.split(", ").filter(|id| !id.is_empty());
            seen.named.extend(named.map(str::to_owned));
            if !more_named.is_empty() {
                seen.more_named += number(more_named);
            }
            let (rooms, told) = more.split_once(": ").unwrap_or((more, ""));
            let rooms = rooms.split(" more room").next().unwrap();
            seen.sections.last_mut().unwrap().1[2] = number(rooms);
            counts(told, &mut seen.counted);
        } else if let Some(more) = line.strip_prefix("<p>… and ") {
            let mut left = BTreeMap::new();
            counts(more.strip_suffix(" in this room</p>").unwrap(), &mut left);
            for (kind, count) in left {
                assert!(
                    last <= rank(kind),
                    "{kind} is left out, and something less risky is shown"
                );
                *seen.counted.entry(kind).or_default() += count;
            }
        } else if in_section && line.starts_with("<details>") {
            last = 0;
            seen.sections.last_mut().unwrap().1[1] += 1;
        } else if in_section && line.starts_with("<li>") {
            let fact = ["<li>looser: ", "<li>blocked: ", "<li>nobody is ", "<li>error "];
            if !fact.iter().any(|fact| line.starts_with(fact)) {
                *seen.shown.entry("note").or_default() += 1;
            }
        }
    }
    assert!(!in_rows, "rows are not closed");
    seen
}

/// The numbers of a row of the table of totals.
pub(crate) fn totals(comment: &str, what: &str) -> Option<[usize; 4]> {
    let row = comment
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| {what} |")))?;
    let cells: Vec<usize> = row.trim_end_matches('|').split('|').map(number).collect();
    Some(cells.try_into().unwrap())
}
