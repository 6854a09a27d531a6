//! Room files → [`Desired`]: the rooms as they should be.

mod ending;
mod ends;
mod entry;
mod exclude;
mod expansion;
mod forecast;
mod group_index;
mod groups;
mod lints;
mod load;
pub(crate) mod names;
mod place;
mod provenance;
mod resolve;
mod room;
pub(crate) mod schema;
mod spec;
mod surprises;
mod texts;
mod totals;
mod until_lints;
pub(crate) mod version;

pub use ends::{Departures, Ends, RoomEnds};
pub use exclude::Excluded;
pub use forecast::{FleetDepartures, GuardForecast, guard_forecasts};
pub use lints::LOOSER_GUARD;
pub use load::{Loaded, Retain, UNFINISHED, load};
pub use provenance::{Mention, Mentions, Origin, OtherGroup, Pattern, Provenance, Query, Remembered};
pub use room::{AllowEmpty, Desired, DesiredRoom, OwnGuards, Source};
pub(crate) use spec::{FileSpec, GuardsSpec};
pub(crate) use surprises::{doubtful_pattern, protects_everybody};
pub use texts::{Texts, read};
