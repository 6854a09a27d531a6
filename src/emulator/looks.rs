//! Looks of an answer that is right in itself: its pages, the order of its rows, its fields.

use super::answer::Data;
use crate::chat::wire::MemberRow;
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;

/// A way in which an answer differs from what another server would say as well. All that strike a call hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Room detail shows at most so many people of each room, and how many there are all the same; 0: it shows nobody.
    Rows(usize),
    /// A page has at most so many rows.
    Page {
        /// The most rows.
        rows: usize,
        /// True if the answer's `params` tell it; otherwise they are the query.
        told: bool,
    },
    /// The owner's row has this number, from 1, or is the last.
    Owner(usize),
    /// Every answer has its rows in another order, drawn from this seed; without one, from the emulator's.
    Shuffled(Option<u64>),
    /// All answers have their rows in one order, drawn from this seed; without one, from the emulator's.
    Unsorted(Option<u64>),
    /// A page past the end is refused, and not empty.
    PastEnd(StatusCode),
    /// Room detail of one room is an object, and not an array of one.
    Object,
    /// The rows have these fields alone.
    Fields(Vec<String>),
    /// Neither the envelope nor the rows have these fields.
    Without(Vec<String>),
}

/// The looks of one answer.
#[derive(Debug, Default)]
pub(super) struct Looks {
    looks: Vec<Look>,
    /// RNG seeds of the orders that its rows are put in, one after the other.
    orders: Vec<u64>,
}

impl Looks {
    /// Adds a look; `draw` is drawn anew for every call.
    pub(super) fn push(&mut self, look: Look, draw: u64) {
        match look {
            Look::Shuffled(_) => self.orders.push(draw),
            Look::Unsorted(seed) => self.orders.push(seed.unwrap_or_default()),
            look => self.looks.push(look),
        }
    }

    /// Rows on a page if so many are asked for.
    pub(super) fn page_size(&self, asked: usize) -> usize {
        let most = self.looks.iter().filter_map(|look| match look {
            Look::Page { rows, .. } => Some(*rows),
            _ => None,
        });
        most.min().unwrap_or(asked).min(asked)
    }

    /// Has the echo of the query say how many rows a page has, if one of these looks does.
    pub(super) fn tell_page_size(&self, asked: usize, params: &mut Option<BTreeMap<String, Vec<String>>>) {
        if self
            .looks
            .iter()
            .any(|look| matches!(look, Look::Page { told: true, .. }))
        {
            let size = self.page_size(asked).to_string();
            params
                .get_or_insert_default()
                .insert("pagesize".to_owned(), vec![size]);
        }
    }

    /// Status of the refusal of a page past the end.
    pub(super) fn past_end(&self) -> Option<StatusCode> {
        self.looks.iter().find_map(|look| match look {
            Look::PastEnd(status) => Some(*status),
            _ => None,
        })
    }

    /// True if rows have another order than the service's own.
    pub(super) fn reorder(&self) -> bool {
        !self.orders.is_empty() || self.looks.iter().any(|look| matches!(look, Look::Owner(_)))
    }

    /// Puts rows of people in order.
    pub(super) fn put_in_order(&self, rows: &mut Vec<MemberRow>) {
        self.shuffle(rows);
        for look in &self.looks {
            let is_owner = |row: &MemberRow| matches!(row, MemberRow::Owner(_));
            if let (Look::Owner(number), Some(at)) = (look, rows.iter().position(is_owner)) {
                let owner = rows.remove(at);
                rows.insert(number.saturating_sub(1).min(rows.len()), owner);
            }
        }
    }

    fn shuffle<T>(&self, rows: &mut [T]) {
        for seed in &self.orders {
            fastrand::Rng::with_seed(*seed).shuffle(rows);
        }
    }

    /// Puts the rows of an answer in order that is not in pages, and cuts those of room detail.
    pub(super) fn dress(&self, data: &mut Data) {
        match data {
            Data::Admins(names) => self.shuffle(names),
            Data::Detail(rooms) => {
                for people in rooms.iter_mut().map(|room| &mut room.known.affiliations) {
                    people.iter_mut().for_each(|people| self.put_in_order(people));
                    for look in &self.looks {
                        match (look, &mut *people) {
                            (Look::Rows(0), people) => *people = None,
                            (Look::Rows(most), Some(people)) => people.truncate(*most),
                            _ => {}
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// True if fields are to be edited.
    pub(super) fn edits(&self) -> bool {
        let edits = |look: &Look| matches!(look, Look::Object | Look::Fields(_) | Look::Without(_));
        self.looks.iter().any(edits)
    }

    /// Gives an answer the fields that it is to have.
    pub(super) fn edit(&self, answer: &mut Value) {
        for look in &self.looks {
            match look {
                Look::Object => {
                    if let Some(data) = answer.get_mut("data")
                        && let Some([row]) = data.as_array_mut().map(Vec::as_mut_slice)
                    {
                        *data = row.take();
                    }
                }
                Look::Fields(fields) => edit_rows(answer, &|field| fields.contains(field)),
                Look::Without(fields) => {
                    edit_rows(answer, &|field| !fields.contains(field));
                    keep(answer, &|field| !fields.contains(field));
                }
                _ => {}
            }
        }
    }
}

/// Keeps these fields of the rows of an answer.
fn edit_rows(answer: &mut Value, stays: &dyn Fn(&String) -> bool) {
    match answer.get_mut("data") {
        Some(Value::Array(rows)) => rows.iter_mut().for_each(|row| keep(row, stays)),
        Some(row) => keep(row, stays),
        None => {}
    }
}

fn keep(value: &mut Value, stays: &dyn Fn(&String) -> bool) {
    if let Value::Object(fields) = value {
        fields.retain(|field, _| stays(field));
    }
}
