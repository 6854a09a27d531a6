//! `roomsync check`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::{Exit, Globals, output};
use crate::web::Order;

/// Has the daemon look at all rooms now
///
/// It does not wait for the look: `roomsync status` shows what came of it. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or
/// `admin_token_file` of the settings.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    order: OrderArgs,
}

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
