//! Shows the daemon: probes, metrics, a status page. It asks through [`crate::status::StatusSource`]; what people order goes through
//! [`crate::status::Control`], and nothing else changes anything.
//!
//! [`router`] answers, [`serve`] keeps the connections, [`Metrics`] counts. Nothing from outside the daemon is on the page.

mod activity;
mod approve;
mod assets;
mod exposition;
mod gate;
mod metrics;
mod orders;
mod places;
mod rendered;
mod router;
mod secrets;
mod server;
mod shared;
mod webhook;

pub use approve::ManagedRooms;
pub use metrics::Metrics;
pub use orders::Order;
pub use router::{Options, router};
pub use secrets::FollowedSecrets;
pub use server::{Limits, serve};
pub use webhook::{
    Actor, EventKind, Intake, IntakeTrouble, Leave, RoomEvent, WebhookListener, WebhookOptions,
    webhook_router,
};
