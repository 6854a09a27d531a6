//! `roomsync pause`.

use super::daemon_link::{DaemonLink, OrderArgs, orderer};
use super::flag_values::Takes;
use super::{Exit, Globals, output};
use crate::model::parse_duration;
use crate::web::Order;
use std::time::Duration;

/// Has the daemon look and write nothing, until a time or `roomsync resume`
///
/// Calls on their way end; no other is made. The pause outlives a restart, and the page, `roomsync status`, metrics and log show it with
/// its end, who began it and why. By itself it ends at its time by the daemon's clock, unless that clock and the service's differ by 10
/// minutes or more. A second pause replaces the first. Takes the admin token, ROOMSYNC_ADMIN_TOKEN or `admin_token_file` of the settings.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// End it by itself after this time, such as 30m or 2h; 366 days at most
    #[arg(long = "for", value_name = "DURATION", value_parser = length)]
    length: Option<Duration>,
    /// The reason, which everybody sees; at most 200 characters
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    #[command(flatten)]
    order: OrderArgs,
}

/// Longest pause.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

fn length(text: &str) -> Result<Duration, Takes> {
    let whole = |length: &Duration| length.subsec_nanos() == 0 && !length.is_zero() && *length <= LONGEST;
    parse_duration(text)
        .ok()
        .filter(whole)
        .ok_or_else(|| Takes("a time from 1s to 8784h, such as 30m or 2h,".to_owned()))
}

/// Runs `roomsync pause`.
pub(super) async fn run(globals: &Globals, args: &Args) -> anyhow::Result<Exit> {
    let link = DaemonLink::new(globals, &args.order.daemon)?;
    let order = Order {
        by: Some(orderer(&args.order)),
        why: args.why.clone(),
        seconds: args.length.map(|length| length.as_secs()),
        ..Order::default()
    };
    let (exit, said) = link.order(globals, "/-/pause", order).await?;
    output(&format!("{said}\n"))?;
    Ok(exit)
}
