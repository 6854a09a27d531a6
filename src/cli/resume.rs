//! `roomsync resume`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::{Exit, Globals, output};
use crate::web::Order;

/// Ends the daemon's pause
///
/// It ends a pause of `roomsync pause`, and one by the file `pause` in `state_dir`. A pause of the settings (`sync.paused: true`) ends
/// there; this says so. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or `admin_token_file` of the settings.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    order: OrderArgs,
}

/// Runs `roomsync resume`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let link = DaemonLink::new(globals, &args.order.daemon)?;
    let order = Order {
        by: Some(orderer(&args.order)),
        ..Order::default()
    };
    let (exit, said) = link.order(globals, "/-/resume", order).await?;
    match exit {
        Exit::Done => output(&format!("{said}\n"))?,
        _ => globals.error(&said)?,
    }
    Ok(exit)
}
