//! `roomsync check`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::{Exit, Globals, output};
use crate::web::Order;

/// Has the daemon look at all rooms now
///
/// It does not wait for the look: `roomsync status` shows what came of it. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or
/// `admin_token_file` of the settings.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    order: OrderArgs,
}

const AFTER: &str = "Example:\n  roomsync check\n\nExit codes: 0 asked, 1 no daemon answers or it does not take the order, 5 invalid settings, 64 wrong usage";

/// Runs `roomsync check`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let link = DaemonLink::new(globals, &args.order.daemon)?;
    let order = Order {
        by: Some(orderer(&args.order)),
        ..Order::default()
    };
    let (exit, said) = link.order(globals, "/-/reconcile", order).await?;
    output(&format!("{said}\n"))?;
    Ok(exit)
}
