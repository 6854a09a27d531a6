//! What the daemon shows: probes, metrics, a status page. It only asks, through [`Source`], and changes nothing.
//!
//! [`router`] answers, [`serve`] keeps the connections, [`Metrics`] counts. Nothing from outside the daemon is on the page.

mod assets;
mod exposition;
mod gate;
mod metrics;
mod router;
mod server;
mod view;

pub use metrics::{ChangeResult, Metrics, PassKind, PassOutcome};
pub use router::{Options, router};
pub use server::serve;
pub use view::{
    Aside, Budget, Change, ComingAndGoing, Files, Gauges, Hold, Passes, Pending, Progress, RoomDetail,
    RoomLine, Service, Source, State, Status, Trouble, Withheld,
};
