//! Outcome of a planned pass.

use crate::apply::Report;
use crate::plan::FleetPlan;

/// Result of one pass over all rooms.
#[derive(Debug)]
#[must_use]
pub struct Once {
    /// Plan of the pass.
    pub plan: FleetPlan,
    /// Outcome of the plan.
    pub written: Written,
    /// The least time in seconds that the plan's calls take.
    pub seconds: f64,
}

/// Outcome of a planned pass.
#[derive(Debug)]
#[must_use]
pub enum Written {
    /// No room had anything to be written.
    Nothing,
    /// The look ended before every room was seen, so nothing was written.
    Unseen,
    /// Nothing is ever written in a dry run.
    DryRun,
    /// Nothing may be written at present, for this reason in words.
    Withheld(String),
    /// The plan was carried out, as far as the report says.
    Applied(Report),
}

impl Written {
    /// The report, where the plan was carried out.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Applied(report) => Some(report),
            Self::Nothing | Self::Unseen | Self::DryRun | Self::Withheld(_) => None,
        }
    }
}
