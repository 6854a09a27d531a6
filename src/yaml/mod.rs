//! Reads YAML with every problem of a file found in one run.
//!
//! Nothing here raises an error for a problem of content: it is recorded in [`ReadContext`] with the node it concerns, and the
//! reading goes on. Only what breaks the parse itself (syntax, the parser's limits) is raised.
//!
//! Scalars are read as the text that stands in the file, never by way of a number: `1.10`, `007` and `true` are
//! names. The parser gives that text only to a caller who asks for a scalar, and raises where something else stands;
//! so a file with such a place is read again, by way of [`Pass::Probe`], which learns where those places are.

mod causes;
mod conflicts;
mod fields;
mod lookalikes;
mod named_lists;
mod parse;
mod scalar;
mod scalar_or_map;
mod shape;
mod syntax;

pub(crate) use fields::{Field, Fields, Secrecy, Unread, fields};
pub(crate) use parse::{Document, read};

pub(crate) use named_lists::{NamedList, NamedLists, NamedListsOf};
pub(crate) use scalar::{Parse, Scalar};
pub(crate) use scalar_or_map::ScalarOrMap;
pub(crate) use shape::{FieldsOf, Items, ListOf, Shape, Shaped};

use crate::diagnostics::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target, shown};
use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, Error};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;

/// Scalars that aliases may add to those a file holds: room for any honest reuse of a list, none for a bomb.
const ALIAS_ALLOWANCE: usize = 1_000_000;

/// Kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Scalar,
    List,
    Map,
    Tagged,
}

impl Kind {
    /// Advice for a node of this kind in the wrong place.
    pub(crate) fn help(self) -> Option<&'static str> {
        match self {
            Self::Null => Some("give it a value, or remove it"),
            Self::Tagged => Some("remove the tag"),
            Self::Scalar | Self::List | Self::Map => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "nothing",
            Self::Scalar => "a single value",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Tagged => "a tag",
        })
    }
}

/// Purpose of a reading.
#[derive(Debug)]
enum Pass {
    /// Reads. The nodes are those that should be scalars and are not.
    Read(HashMap<NodePath, Kind>),
    /// Finds those nodes. Its values and problems are dropped.
    Probe(HashMap<NodePath, Kind>),
}

/// State of one reading: its place, and the problems found so far.
#[derive(Debug)]
pub(crate) struct ReadContext {
    file: usize,
    steps: Vec<u32>,
    pass: Pass,
    scalars_left: usize,
    met_other_kind: bool,
    pub(crate) too_many_aliases: bool,
    pub(crate) problems: Vec<Problem>,
    /// The unknown keys of the document's own map, and their places.
    unknown_keys: Vec<(CompactString, Place)>,
    /// Problems of the map that was finished last: what it lacks may stand where the parser breaks off.
    of_last_map: Range<usize>,
    /// Nodes that may be secrets or stand beside one: their lines are not shown.
    hidden: Vec<Place>,
    /// The first text with capitals that do not count, and all such texts in lower case.
    folded: Option<(Place, CompactString, HashSet<CompactString>)>,
}

impl ReadContext {
    pub(crate) fn new(file: usize, text: &str) -> Self {
        Self {
            file,
            steps: Vec::new(),
            pass: Pass::Read(HashMap::new()),
            scalars_left: text.len().saturating_add(ALIAS_ALLOWANCE),
            met_other_kind: false,
            too_many_aliases: false,
            problems: Vec::new(),
            unknown_keys: Vec::new(),
            of_last_map: 0..0,
            hidden: Vec::new(),
            folded: None,
        }
    }

    /// Runs `read` until it has seen the whole file, and gives the result of the last run.
    pub(crate) fn run<T, E>(
        &mut self,
        text: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let first = read(self);
        if !self.met_other_kind {
            return first;
        }
        let mut probe = Self {
            pass: Pass::Probe(HashMap::new()),
            ..Self::new(self.file, text)
        };
        // What it raises, the next run raises again.
        let _ = read(&mut probe);
        *self = Self {
            pass: match probe.pass {
                Pass::Read(nodes) | Pass::Probe(nodes) => Pass::Read(nodes),
            },
            ..Self::new(self.file, text)
        };
        read(self)
    }

    fn node(&self, part: EntryPart) -> NodePath {
        NodePath {
            steps: self.steps.clone(),
            part,
        }
    }

    /// Notes a list or a map in the place of a scalar, for the reading that follows.
    fn met(&mut self, part: EntryPart, kind: Kind) {
        let node = self.node(part);
        if let (Pass::Probe(others), Kind::List | Kind::Map) = (&mut self.pass, kind) {
            others.insert(node, kind);
        }
    }

    /// The present node.
    pub(crate) fn place(&self, part: EntryPart) -> Place {
        Place {
            file: self.file,
            at: Target::Node(self.node(part)),
        }
    }

    /// Records an error about the present node's value.
    pub(crate) fn error(&mut self, raw: RawDiagnostic) {
        let place = self.place(EntryPart::Value);
        self.problems.push(Problem::error(place, raw));
    }

    /// Records an error about the present node's key, or about the node where it has none.
    fn error_at_key(&mut self, raw: RawDiagnostic) {
        let place = self.place(EntryPart::Key);
        self.problems.push(Problem::error(place, raw));
    }

    /// Records an error about the present map as a whole, at its first key.
    pub(crate) fn error_in_map(&mut self, raw: RawDiagnostic) {
        self.error_at_entry(0, raw);
    }

    /// Records an error about an entry of the present map, at its key.
    pub(crate) fn error_at_entry(&mut self, entry: u32, raw: RawDiagnostic) {
        self.within(entry, |cx| cx.error_at_key(raw));
    }

    /// Keeps the lines of an entry of the present map from being shown.
    fn hide(&mut self, entry: u32) {
        let places = self.within(entry, |cx| {
            [EntryPart::Key, EntryPart::Value].map(|part| cx.place(part))
        });
        self.hidden.extend(places);
    }

    fn within<T>(&mut self, step: u32, run: impl FnOnce(&mut Self) -> T) -> T {
        self.steps.push(step);
        let result = run(self);
        self.steps.pop();
        result
    }

    /// Records that a node is of the wrong kind: at its key, which names what is wanted, or at the node if it has no key.
    pub(crate) fn wrong_kind(&mut self, wants: &str, kind: Kind, help: Option<&str>) {
        let raw = match kind {
            Kind::Tagged => RawDiagnostic::new("tag", "YAML tags (`!…`) are not taken"),
            Kind::Null => RawDiagnostic::new("null", format!("this is blank or `null`: expected {wants}")),
            Kind::Scalar | Kind::List | Kind::Map => {
                RawDiagnostic::new("wrong-kind", format!("expected {wants}, found {kind}"))
            }
        };
        self.error_at_key(match help {
            Some(help) => raw.help(help),
            None => raw,
        });
    }

    fn folded(&mut self, part: EntryPart, text: CompactString) {
        let plain = text.to_ascii_lowercase();
        match &mut self.folded {
            Some((_, _, all)) => {
                all.insert(plain);
            }
            None => self.folded = Some((self.place(part), text, HashSet::from([plain]))),
        }
    }

    /// The warning about capitals: one for a file, because a file with one such name often has thousands.
    pub(crate) fn capitals(&mut self) -> Option<Problem> {
        let (place, first, all) = self.folded.take()?;
        let (name, plain) = (shown(&first), shown(&first.to_ascii_lowercase()));
        let message = match all.len() {
            1 => format!("{name} is written with capitals"),
            names => format!("{names} names of this file are written with capitals, {name} is the first"),
        };
        let raw = RawDiagnostic::new("capitals", message).help(format!(
            "write {plain}: names are compared without case, and sent in lower case"
        ));
        Some(Problem::warning(place, raw))
    }

    fn count_scalar<E: Error>(&mut self) -> Result<(), E> {
        match self.scalars_left.checked_sub(1) {
            Some(left) => self.scalars_left = left,
            None => {
                self.too_many_aliases = true;
                return Err(E::custom("too many aliases"));
            }
        }
        Ok(())
    }
}

/// Something that reads one node. `None`: a problem was recorded.
pub(crate) trait Seed<'de> {
    type Value;
    fn read<D: Deserializer<'de>>(
        &self,
        cx: &mut ReadContext,
        de: D,
    ) -> Result<Option<Self::Value>, D::Error>;
}

/// A [`Seed`] with the state that it works on, as serde takes it.
struct Seeded<'c, S> {
    cx: &'c mut ReadContext,
    seed: &'c S,
}

impl<'de, S: Seed<'de>> DeserializeSeed<'de> for Seeded<'_, S> {
    type Value = Option<S::Value>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        self.seed.read(self.cx, de)
    }
}
