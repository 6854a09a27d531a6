//! Applies a plan, with nothing around it. Shared by tests and by a bench.

use roomsync::apply::{ApplyOptions, CallEvidence, Cancel, Report};
use roomsync::chat::Client;
use roomsync::desired::DesiredRoom;
use roomsync::reconcile::{self, Planned, ServiceRecheck};

/// Applies the plan with this id to these rooms, until `stop`.
pub(crate) async fn apply_plan(
    client: &Client,
    rooms: &[&DesiredRoom],
    planned: &Planned,
    plan_id: &str,
    stop: &Cancel,
) -> Report {
    let options = ApplyOptions {
        at_once: 64,
        cancel: stop,
        progress: &|_| {},
        journal: None,
        hooks: None,
        evidence: &CallEvidence::default(),
        recheck: &ServiceRecheck::new(client.reader()),
    };
    reconcile::apply(client, rooms, planned, (plan_id, None), options).await
}
