//! Shows the daemon: probes, metrics, a status page. It only asks, through [`crate::status::StatusSource`], and changes nothing.
//!
//! [`router`] answers, [`serve`] keeps the connections, [`Metrics`] counts. Nothing from outside the daemon is on the page.

mod activity;
mod assets;
mod exposition;
mod gate;
mod metrics;
mod places;
mod rendered;
mod router;
mod secrets;
mod server;
mod shared;
mod webhook;

pub use metrics::Metrics;
pub use router::{Options, router};
pub use secrets::FollowedSecrets;
pub use server::{Limits, serve};
pub use webhook::{
    Actor, EventKind, Intake, IntakeTrouble, Leave, RoomEvent, WebhookListener, WebhookOptions,
    webhook_router,
};
