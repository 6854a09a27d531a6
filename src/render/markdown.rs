//! The plan for a comment on a pull request, on GitHub and on GitLab.
//!
//! A comment holds only so much, so what matters most comes first, and what does not fit is left out by whole rows and counted.
//! Whatever text comes from files or from the service stands in HTML code or in a fence: there nothing in it is markup, and
//! nobody is mentioned.

mod byte_budget;
mod escape;
mod list;
mod room_block;
mod sections;

use super::Meta;
use super::alike::{Alike, alike};
use super::room_states::room_states;
use crate::base::{BaseDiff, Relaxation, relaxations_of_settings};
use crate::desired::{DesiredRoom, Source};
use crate::model::{Guards, PerOp, RoomId, first_few};
use crate::plan::{Calls, FleetPlan, Note, RoomPlan, Status, Summary};
use byte_budget::{Ask, FLOOR, shares};
use escape::{code, grouped, many};
use room_block::RoomBlock;
use sections::{Counts, Kind, Risk, Section};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

/// The most bytes of a comment. GitHub takes 65,536 characters, GitLab far more.
pub const MARKDOWN_BYTES: usize = 65_000;

/// The first line, by which a workflow finds its own comment to replace it.
const MARK: &str = "<!-- roomsync-plan -->";

/// The most bytes of what a section's last line counts, of the rooms it names, of the rooms that are no longer managed, and of one
/// text in head and foot.
const TAIL: usize = 400;
const NAMED: usize = 450;
const GONE: usize = 4_000;
const TEXT: usize = 400;

/// Of a section's last line: the first words before the names, and the last ones after them.
const MORE_NAMED: usize = 80;

/// Reasons for which rooms fail that are said of all of them at once.
const MOST_REASONS: usize = 20;

/// Rooms that are risky though nobody goes have a fifth of the comment, however much there is to say of those where people go.
const PART: usize = 5;

/// The most rooms for which there can be a place.
const MOST_CARDS: usize = MARKDOWN_BYTES / room_block::LEAST;

/// Contents of a comment beside the plan.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// The plan's id.
    pub id: &'a str,
    /// Of its making.
    pub meta: &'a Meta,
    /// What a line says of the app's rooms that no file names.
    pub in_no_file: Option<&'a str>,
    /// The plan's rooms as the files want them.
    pub desired: &'a [&'a DesiredRoom],
    /// The guards of a room that says nothing else.
    pub guards: &'a Guards,
    /// The files' changes, or the reason why they are not known. `None`: nobody asked.
    pub base_diff: Option<Result<&'a BaseDiff, &'a str>>,
}

/// Shows the plan as markdown of at most [`MARKDOWN_BYTES`] bytes. The same plan gives the same text.
#[must_use]
pub fn markdown(plan: &FleetPlan, review: &Review<'_>) -> String {
    let mut cards = cards(plan, review);
    let mut out = head(plan, review, &cards);
    alike_rooms(&mut out, plan, &mut cards);
    let foot = foot(review);
    let sections: Vec<(Section, String)> = Section::ALL
        .into_iter()
        .filter_map(|section| {
            let rooms = cards.iter().filter(|card| card.section == section).count();
            let title = format!("### {}: {}\n\n", section.title(), many(rooms, "room"));
            (rooms > 0).then_some((section, title))
        })
        .collect();
    let around: usize = sections.iter().map(|(_, title)| title.len() + TAIL + NAMED).sum();
    let budget = MARKDOWN_BYTES.saturating_sub(out.len() + foot.len() + around);
    let shares = share_out(&cards, budget);
    for (section, title) in &sections {
        out.push_str(title);
        let mut hidden = Vec::new();
        for (card, share) in shares.iter().filter(|(card, _)| card.section == *section) {
            if *share > 0 {
                card.write(&mut out, *share);
            } else {
                hidden.push(*card);
            }
        }
        if !hidden.is_empty() {
            let _ = writeln!(out, "… and {}{}\n", told(&hidden), named(&hidden));
        }
    }
    out.push_str(&foot);
    out
}

/// The rooms of which there is something to say, in the order in which they get their place.
fn cards<'a>(plan: &'a FleetPlan, review: &Review<'a>) -> Vec<RoomBlock<'a>> {
    let desired: BTreeMap<&RoomId, &DesiredRoom> =
        review.desired.iter().map(|room| (&room.id, *room)).collect();
    let base_diff = review.base_diff.and_then(Result::ok);
    let card = |room: &'a RoomPlan| {
        let relaxations: Vec<Relaxation> = desired.get(&room.id).map_or_else(Vec::new, |desired| {
            relaxations_of_settings(review.guards, desired, room.live.as_ref())
        });
        let base_diff = base_diff.and_then(|diff| diff.rooms.get(&room.id));
        RoomBlock::new(room, base_diff, relaxations)
    };
    let mut cards: Vec<RoomBlock<'a>> = plan.rooms.iter().filter_map(card).collect();
    cards.sort_by_cached_key(RoomBlock::rank);
    cards.iter_mut().take(MOST_CARDS).for_each(RoomBlock::prepare);
    cards
}

/// Bytes for each room. First the rooms where people go or that are blocked get something to read, then the other risky
/// ones their part, then all that is risky its place, and at last everything.
fn share_out<'a, 'b>(cards: &'b [RoomBlock<'a>], budget: usize) -> Vec<(&'b RoomBlock<'a>, usize)> {
    let mut all: Vec<(&RoomBlock<'a>, usize)> = cards.iter().map(|card| (card, 0)).collect();
    let (shown, _) = all.split_at_mut(cards.len().min(MOST_CARDS));
    let risky = shown.partition_point(|(card, _)| card.risk() < Risk::Low);
    let high = shown.partition_point(|(card, _)| card.risk() < Risk::Some);
    let mut left = budget;
    let (first, _) = shown.split_at_mut(risky);
    let (high, some) = first.split_at_mut(high);
    give(high, |card| card.up_to(FLOOR), budget, &mut left);
    // Where something risky is left out, nothing is shown that is less so.
    if high.iter().any(|(_, share)| *share == 0) {
        return all;
    }
    give(some, RoomBlock::risky, budget / PART, &mut left);
    give(high, RoomBlock::risky, budget, &mut left);
    give(some, RoomBlock::risky, budget, &mut left);
    if first.iter().all(|(card, share)| *share >= card.risky().need) {
        give(shown, RoomBlock::all, budget, &mut left);
    }
    all
}

/// Gives these rooms what they ask for, of what is left and at most so much.
fn give<'a>(
    rooms: &mut [(&RoomBlock<'a>, usize)],
    ask: impl Fn(&RoomBlock<'a>) -> Ask,
    most: usize,
    left: &mut usize,
) {
    let asks: Vec<Ask> = rooms
        .iter()
        .map(|(card, share)| ask(card).beyond(*share))
        .collect();
    for ((_, share), more) in rooms.iter_mut().zip(shares(&asks, most.min(*left))) {
        *share += more;
        *left -= more;
    }
}

/// Rooms for which there is no place, in one line.
fn told(hidden: &[&RoomBlock<'_>]) -> String {
    let counts = hidden
        .iter()
        .fold(Counts::default(), |sum, card| sum.plus(&card.counts));
    let lose = hidden
        .iter()
        .filter(|card| card.counts.of(Kind::Removal) > 0)
        .count();
    let mut told = many(hidden.len(), "more room");
    if lose > 0 {
        let _ = write!(told, ", {} of them with removals", grouped(lose));
    }
    if !counts.is_empty() {
        let _ = write!(told, ": {}", counts.told(""));
    }
    told
}

/// The ids of those among them that nobody may miss, as many as there is place for.
fn named(hidden: &[&RoomBlock<'_>]) -> String {
    let mut ids = hidden.iter().filter(|card| card.risk() == Risk::High).peekable();
    let mut named = String::new();
    while let Some(card) = ids.next_if(|card| named.len() + card.id().as_str().len() < NAMED - MORE_NAMED) {
        let between = if named.is_empty() {
            ". Blocked, or with removals or demotions: "
        } else {
            ", "
        };
        let _ = write!(named, "{between}{}", card.id());
    }
    match ids.count() {
        0 => named,
        more => format!("{named} and {}", many(more, "more room")),
    }
}

/// The mark, the totals, and what the files change.
fn head(plan: &FleetPlan, review: &Review<'_>, cards: &[RoomBlock<'_>]) -> String {
    let Summary {
        rooms,
        changed: _,
        blocked,
        failed,
        adds,
        removes,
        promotes,
        demotes,
        calls: _,
        ..
    } = plan.summary();
    let observed = plan.rooms.iter().filter(|room| room.status == Status::Observed);
    let observed = observed.count();
    let states = room_states(plan).into_iter();
    let states: Vec<String> = states
        .map(|(number, state)| format!("{} {state}", grouped(number)))
        .collect();
    let mut out = format!(
        "{MARK}\n## roomsync plan: {}, of {}\n\n",
        states.join(", "),
        many(rooms, "room")
    );
    if let Some(Note {
        code: kind, message, ..
    }) = plan.error()
    {
        let _ = writeln!(out, "<p>error {kind}: {}</p>\n", code(&message, TEXT));
    }
    out.push_str("| | removals | demotions | promotions | adds |\n|:--|--:|--:|--:|--:|\n");
    let in_order = |of: PerOp<usize>| [of.remove, of.demote, of.promote, of.add];
    let held = in_order(plan.held());
    let watched = in_order(observed_changes(plan));
    for (what, numbers, always) in [
        ("an apply makes", [removes, demotes, promotes, adds], true),
        ("held by guards", held, blocked > 0),
        ("only observed", watched, observed > 0),
    ] {
        if always {
            let [removes, demotes, promotes, adds] = numbers.map(grouped);
            let _ = writeln!(out, "| {what} | {removes} | {demotes} | {promotes} | {adds} |");
        }
    }
    if let Some(fleet) = plan.fleet_in_words() {
        let _ = writeln!(
            out,
            "\n<p>Held by guards, if it is meant: {}</p>",
            code(&fleet, TEXT)
        );
    }
    let calls = Calls::of(plan);
    let _ = write!(out, "\n**{}**", many(calls.total(), "call"));
    let methods: Vec<String> = calls
        .by_method()
        .into_iter()
        .filter(|(_, calls)| *calls > 0)
        .map(|(method, calls)| format!("{} `{method}`", grouped(calls)))
        .collect();
    if !methods.is_empty() {
        let _ = write!(out, " ({})", methods.join(", "));
    }
    let _ = writeln!(out, ", at least {} s\n", calls.seconds(&review.meta.rates));
    match review.base_diff {
        None => {}
        Some(Ok(base_diff)) => changed_files(&mut out, base_diff),
        Some(Err(why)) => {
            let _ = writeln!(
                out,
                "<p>What leaves the files cannot be said, because their base version is not valid: {}</p>\n",
                code(why, TEXT)
            );
        }
    }
    if cards.is_empty() && failed == 0 {
        out.push_str("Nothing is to be done.\n\n");
    }
    out
}

/// Wanted changes in the rooms that are only observed.
fn observed_changes(plan: &FleetPlan) -> PerOp<usize> {
    let observed = || plan.rooms.iter().filter(|room| room.status == Status::Observed);
    PerOp::from_fn(|op| observed().map(|room| room.wanted(op).len()).sum())
}

/// Says once of rooms that fail for the same reason why they do,
fn alike_rooms(out: &mut String, plan: &FleetPlan, cards: &mut Vec<RoomBlock<'_>>) {
    let groups = alike(plan);
    let all_bare: HashSet<&RoomId> = cards
        .iter()
        .filter(|card| card.is_bare())
        .map(RoomBlock::id)
        .collect();
    let mut said = HashSet::new();
    for Alike {
        rooms,
        code: kind,
        message,
    } in groups.all.iter().take(MOST_REASONS)
    {
        let bare: Vec<&&RoomPlan> = rooms.iter().filter(|room| all_bare.contains(&room.id)).collect();
        if bare.len() < 2 {
            continue;
        }
        let named = first_few(bare.iter().map(|room| room.label()));
        let _ = writeln!(
            out,
            "<p>failed: {} ({}): error {kind}: {}</p>\n",
            many(bare.len(), "room"),
            code(&named, TEXT),
            code(&message.to_string(), TEXT)
        );
        said.extend(bare.iter().map(|room| &room.id));
    }
    cards.retain(|card| !said.contains(card.id()));
}

/// The files' changes against their base version, in numbers, and the rooms that are no longer managed.
fn changed_files(out: &mut String, base_diff: &BaseDiff) {
    let BaseDiff { rooms, gone } = base_diff;
    let names: usize = rooms.values().map(|room| room.people.len()).sum();
    let admins: usize = rooms.values().map(|room| room.admins.len()).sum();
    let count = |is: fn(&crate::base::RoomDiff) -> bool| rooms.values().filter(|room| is(room)).count();
    let _ = writeln!(
        out,
        "Against the base version of the files: names that leave {} (in {}), admins who become members {}, new rooms {}, rooms no \
         longer managed {}, rooms with looser guards {}, rooms with other changes {}\n",
        grouped(names),
        many(count(|room| !room.people.is_empty()), "room"),
        grouped(admins),
        grouped(count(|room| room.is_new)),
        grouped(gone.len()),
        grouped(count(|room| !room.relaxations.is_empty())),
        grouped(count(|room| !room.changes.is_empty())),
    );
    if gone.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<details><summary>No longer managed, and left as they are: {}</summary>\n<ul>",
        many(gone.len(), "room")
    );
    let end = out.len() + GONE;
    for (shown, (id, name)) in gone.iter().enumerate() {
        let label = name.as_deref().map(|name| format!("{} ", code(name, TEXT)));
        let row = format!("<li>{}({id})</li>\n", label.unwrap_or_default());
        if out.len() + row.len() > end {
            let _ = writeln!(out, "<li>… and {}</li>", many(gone.len() - shown, "more room"));
            break;
        }
        out.push_str(&row);
    }
    out.push_str("</ul>\n</details>\n\n");
}

/// Identity of the plan.
fn foot(review: &Review<'_>) -> String {
    let Meta {
        created: _,
        app,
        source: Source {
            files,
            digest,
            revision,
        },
        rates: _,
    } = review.meta;
    let revision = revision.as_deref().map_or_else(String::new, |revision| {
        format!(", revision {}", code(revision, TEXT))
    });
    let in_no_file = review
        .in_no_file
        .map(|line| format!("<p>{}</p>\n", code(line, TEXT)));
    format!(
        "{}<p><sub>plan {} for {} of {} {}{revision}</sub></p>\n",
        in_no_file.unwrap_or_default(),
        code(review.id, TEXT),
        code(app, TEXT),
        many(*files, "file"),
        code(digest, TEXT),
    )
}
