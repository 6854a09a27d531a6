//! Every field of an answer, and every way in which it can be odd.

use super::scene::ODD_ID;
use roomsync::chat::wire::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A step from a value into one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    /// A row of an array.
    Row,
    /// The row of the odd room, in room detail.
    OddRoom,
}

/// Place in an answer, for all rows of an array the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Field(Vec<Step>);

/// Which of the rows that have a field are odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rows {
    First,
    Last,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Absent,
    Null,
    Text,
    Number,
    Negative,
    Fraction,
    Object,
    Array,
    Bool,
    Empty,
    Cut,
    Doubled,
}

const CHANGES: [Change; 12] = [
    Change::Absent,
    Change::Null,
    Change::Text,
    Change::Number,
    Change::Negative,
    Change::Fraction,
    Change::Object,
    Change::Array,
    Change::Bool,
    Change::Empty,
    Change::Cut,
    Change::Doubled,
];

/// An oddity in every answer to a call about the odd room.
#[derive(Debug, Clone)]
pub(crate) struct Mutant {
    pub(crate) method: Method,
    /// True if refusals are odd, and not successes.
    pub(crate) refused: bool,
    field: Field,
    rows: Rows,
    change: Change,
}

/// Every mutant of these answers that differs from them, and from every other one.
pub(crate) fn mutants(method: Method, refused: bool, answers: &[Vec<u8>]) -> Vec<Mutant> {
    let mut fields = BTreeSet::new();
    for answer in answers {
        let value = serde_json::from_slice(answer).unwrap();
        collect(&value, &Field::default(), &mut fields);
    }
    let mut mutants = Vec::new();
    for field in fields {
        for change in CHANGES {
            let mut seen = vec![answers.to_vec()];
            for rows in [Rows::First, Rows::Last, Rows::All] {
                let field = field.clone();
                let mutant = Mutant {
                    method,
                    refused,
                    field,
                    rows,
                    change,
                };
                let odd: Vec<Vec<u8>> = answers.iter().map(|answer| mutant.of(answer)).collect();
                if !seen.contains(&odd) {
                    seen.push(odd);
                    mutants.push(mutant);
                }
            }
        }
    }
    mutants
}

impl Mutant {
    /// The answer with the oddity in it, as far as it has a place for it.
    pub(crate) fn of(&self, answer: &[u8]) -> Vec<u8> {
        if self.field.0.is_empty() {
            match self.change {
                Change::Absent => return Vec::new(),
                Change::Cut => return answer[..answer.len() / 2].to_vec(),
                _ => {}
            }
        }
        let Ok(mut value) = serde_json::from_slice(answer) else {
            return answer.to_vec();
        };
        let mut places = Vec::new();
        find(&value, &self.field.0, String::new(), &mut places);
        let places = match self.rows {
            Rows::First => places.get(..1),
            Rows::Last => places.get(places.len().saturating_sub(1)..),
            Rows::All => Some(&places[..]),
        };
        // The last one first: whoever takes a row out moves those behind it.
        for place in places.unwrap_or_default().iter().rev() {
            self.change.apply(&mut value, place);
        }
        serde_json::to_vec(&value).unwrap()
    }

    /// Call and field.
    pub(crate) fn place(&self) -> String {
        let what = if self.refused { "refusal" } else { "success" };
        format!("{} {what}: {}", self.method, self.field)
    }

    /// Kind of oddity.
    pub(crate) fn kind(&self) -> String {
        let rows = match self.rows {
            Rows::First => "",
            Rows::Last => " (last row)",
            Rows::All => " (every row)",
        };
        format!("{:?}{rows}", self.change).to_lowercase()
    }

    /// True if this is about the time in the envelope of a success, which the daemon alone goes by.
    pub(crate) fn is_of_time(&self) -> bool {
        !self.refused && self.field.0 == [Step::Key("timestamp".to_owned())]
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place(), self.kind())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the whole body");
        }
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Row => f.write_str("[]")?,
                Step::OddRoom => f.write_str("[odd room]")?,
            }
        }
        Ok(())
    }
}

impl Change {
    /// Changes the value at this place, unless there is nothing to change in such a value.
    fn apply(self, root: &mut Value, place: &str) {
        let (parent, last) = place.rsplit_once('/').unwrap_or(("", ""));
        match (self, root.pointer_mut(parent)) {
            (Self::Absent, Some(Value::Object(fields))) => {
                fields.remove(last);
            }
            (Self::Absent, Some(Value::Array(rows))) => {
                rows.remove(last.parse().unwrap());
            }
            (Self::Doubled, Some(Value::Array(rows))) => {
                let at: usize = last.parse().unwrap();
                rows.insert(at, rows[at].clone());
            }
            _ => {
                let value = root.pointer_mut(place).unwrap();
                *value = self.of(value);
            }
        }
    }

    fn of(self, value: &Value) -> Value {
        match (self, value) {
            (Self::Null, _) => Value::Null,
            (Self::Text, _) => json!("odd"),
            (Self::Number, _) => json!(7),
            (Self::Negative, _) => json!(-7),
            (Self::Fraction, _) => json!(0.5),
            (Self::Object, _) => json!({"odd": 1}),
            (Self::Array, _) => json!(["odd"]),
            (Self::Bool, Value::Bool(value)) => json!(!value),
            (Self::Bool, _) => json!(true),
            (Self::Empty, Value::String(_)) => json!(""),
            (Self::Empty, Value::Array(_)) => json!([]),
            (Self::Empty, Value::Object(_)) => json!({}),
            (Self::Cut, Value::String(text)) => json!(text[..text.len() / 2]),
            (Self::Cut, Value::Array(rows)) => json!(rows[..rows.len() / 2]),
            (Self::Doubled, Value::Array(rows)) => {
                rows.iter().flat_map(|row| [row.clone(), row.clone()]).collect()
            }
            (Self::Absent | Self::Empty | Self::Cut | Self::Doubled, value) => value.clone(),
        }
    }
}

/// The parts of a value, each with its next step. Of a list of rooms only the odd one counts.
fn parts<'a>(value: &'a Value) -> Vec<(Step, String, &'a Value)> {
    match value {
        Value::Object(fields) => {
            let part = |(key, value): (&String, &'a Value)| (Step::Key(key.clone()), key.clone(), value);
            fields.iter().map(part).collect()
        }
        Value::Array(rows) => {
            let is_room = |row: &Value| row.get("affiliations_count").is_some();
            let numbered = rows.iter().enumerate();
            let step = |(at, row): (usize, &'a Value)| match is_room(row) {
                true if row["id"] == *ODD_ID => Some((Step::OddRoom, at.to_string(), row)),
                true => None,
                false => Some((Step::Row, at.to_string(), row)),
            };
            numbered.filter_map(step).collect()
        }
        _ => Vec::new(),
    }
}

fn collect(value: &Value, at: &Field, fields: &mut BTreeSet<Field>) {
    fields.insert(at.clone());
    for (step, _, part) in parts(value) {
        let mut at = at.clone();
        at.0.push(step);
        collect(part, &at, fields);
    }
}

/// Finds where a field is in this value, as JSON pointers.
fn find(value: &Value, field: &[Step], at: String, places: &mut Vec<String>) {
    let Some((first, rest)) = field.split_first() else {
        places.push(at);
        return;
    };
    for (step, key, part) in parts(value) {
        if step == *first {
            find(part, rest, format!("{at}/{key}"), places);
        }
    }
}

/// Failures by call and field, and below it by what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Failures(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Failures {
    pub(crate) fn add(&mut self, mutant: &Mutant, wrong: &[String]) {
        for wrong in wrong {
            let place = self.0.entry(mutant.place()).or_default();
            place.entry(wrong.clone()).or_default().insert(mutant.kind());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, wrongs) in &self.0 {
            writeln!(f, "{place}")?;
            for (wrong, kinds) in wrongs {
                let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
                writeln!(f, "    {wrong}: {}", kinds.join(", "))?;
            }
        }
        Ok(())
    }
}
