//! Membership events, posted to whoever wants to know (`[P]`).

mod address;
mod changes;
mod new_style;
mod old_style;
mod poster;
mod queue;
mod suspension;

pub use address::{BadWebhook, NoWebhook, Webhook, WebhookStyle};
pub(super) use changes::{Author, Before, Scope};
pub use poster::{WebhookAnswer, WebhookPoster};
pub(super) use queue::{WebhookQueue, channel};

/// The operator of a call made with an app token (`[P]`).
const APP: &str = "@ppAdmin";
