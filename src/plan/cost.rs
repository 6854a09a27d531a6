//! Cost of a plan: its write calls, by method, and the least time they take.

use super::{FleetPlan, Step};
use crate::model::counted;
use std::fmt;

/// Calls a second, by what the call does.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Of `add_many`.
    pub add: u32,
    /// Of `promote`.
    pub promote: u32,
    /// Of `demote`.
    pub demote: u32,
    /// Of `remove_one`, by which a single name goes.
    pub remove_one: u32,
    /// Of `remove_many`.
    pub remove_many: u32,
    /// Of `allow_many`.
    pub allow: u32,
    /// Of `disallow_many`.
    pub disallow: u32,
}

impl Rates {
    /// Seconds that the plan's calls take at the least: those of the busiest method, to two decimals.
    #[must_use]
    pub fn seconds(&self, plan: &FleetPlan) -> f64 {
        Calls::of(plan).seconds(self)
    }
}

/// Write calls by method, as an apply makes them in which nothing fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// `add_many`; a single name goes by it, too.
    pub add_many: usize,
    /// `promote`
    pub promote: usize,
    /// `demote`
    pub demote: usize,
    /// `remove_one`, by which a single name goes.
    pub remove_one: usize,
    /// `remove_many`
    pub remove_many: usize,
    /// `allow_many`; a single name goes by it, too.
    pub allow_many: usize,
    /// `disallow_many`; a single name goes by it, too.
    pub disallow_many: usize,
}

impl Calls {
    /// The calls of a plan.
    #[must_use]
    pub fn of(plan: &FleetPlan) -> Self {
        Self::of_steps(plan.rooms.iter().flat_map(|room| &room.steps))
    }

    /// The calls of these steps.
    #[must_use]
    pub fn of_steps<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Self {
        let mut calls = Self::default();
        for step in steps {
            *match step {
                Step::Add(_) => &mut calls.add_many,
                Step::Promote(_) => &mut calls.promote,
                Step::Demote(_) => &mut calls.demote,
                Step::Remove(_) if step.users().len() == 1 => &mut calls.remove_one,
                Step::Remove(_) => &mut calls.remove_many,
                Step::Allow(_) => &mut calls.allow_many,
                Step::Disallow(_) => &mut calls.disallow_many,
            } += 1;
        }
        calls
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.by_method().into_iter().map(|(_, calls)| calls).sum()
    }

    /// Each method's name, as in the settings, and its calls.
    #[must_use]
    pub fn by_method(&self) -> [(&'static str, usize); 7] {
        let Self {
            add_many,
            promote,
            demote,
            remove_one,
            remove_many,
            allow_many,
            disallow_many,
        } = *self;
        [
            ("add_many", add_many),
            ("promote", promote),
            ("demote", demote),
            ("remove_one", remove_one),
            ("remove_many", remove_many),
            ("allow_many", allow_many),
            ("disallow_many", disallow_many),
        ]
    }

    /// Seconds that the calls take at the least: those of the busiest method, to two decimals.
    #[must_use]
    pub fn seconds(&self, rates: &Rates) -> f64 {
        let Rates {
            add,
            promote,
            demote,
            remove_one,
            remove_many,
            allow,
            disallow,
        } = *rates;
        let rates = [add, promote, demote, remove_one, remove_many, allow, disallow];
        let of_method = self
            .by_method()
            .into_iter()
            .zip(rates)
            .map(|((_, calls), rate)| calls as f64 / f64::from(rate.max(1)));
        (of_method.fold(0.0, f64::max) * 100.0).round() / 100.0
    }
}

/// `3 calls (1 add_many, 2 promote)`
impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&counted(self.total(), "call"))?;
        let made = self.by_method().into_iter().filter(|(_, calls)| *calls > 0);
        let mut opening = " (";
        for (method, calls) in made {
            write!(f, "{opening}{calls} {method}")?;
            opening = ", ";
        }
        f.write_str(if self.total() > 0 { ")" } else { "" })
    }
}
