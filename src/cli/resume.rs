//! `roomsync resume`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::{Exit, Globals, output};
use crate::web::Order;

/// Ends the daemon's pause
///
/// It ends a pause of `roomsync pause`, and one by the file `pause` in `state_dir`. A pause of the settings (`sync.paused: true`) ends
/// there; this says so. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or `admin_token_file` of the settings.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    order: OrderArgs,
}

const AFTER: &str = "Example:\n  roomsync resume\n\nExit codes: 0 rooms are written again, 1 no daemon answers or it does not take the order, 3 still nothing is written, for another \
    reason, 5 invalid settings, 64 wrong usage";

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
