//! The rooms by pages, and as far as they have changed.

use super::attention;
use super::controller::Controller;
use super::room_lines;
use crate::model::RoomId;
use crate::status::{ROOMS_AT_ONCE, RoomsPage};

/// Revision of the rooms now, as it is shown: that of another process is another one.
pub(super) fn revision(daemon: &Controller) -> String {
    shown(daemon, daemon.rooms.revision())
}

fn shown(daemon: &Controller, revision: u64) -> String {
    format!("{:x}-{revision}", daemon.started.as_millisecond())
}

/// Takes in that time goes on, before the rooms are shown.
pub(super) fn age(daemon: &mut Controller) {
    let freshness = attention::freshness(daemon);
    daemon.rooms.age(freshness);
}

/// A page of the rooms that have changed since this revision, or of all if it is unknown.
pub(super) fn page(daemon: &Controller, since: Option<&str>, after: Option<&RoomId>) -> RoomsPage {
    let number = |text: &str| text.rsplit('-').next()?.parse().ok();
    let since = since.and_then(|text| {
        let revision: u64 = number(text).filter(|revision| shown(daemon, *revision) == text)?;
        daemon.rooms.knows_since(revision).then_some(revision)
    });
    let mut changed = daemon.rooms.changed(since.unwrap_or_default(), after);
    let first = changed.by_ref().take(ROOMS_AT_ONCE);
    let rooms: Vec<_> = first.map(|room| room_lines::line(daemon, room)).collect();
    let last = rooms.last().map(|room| room.id.clone());
    RoomsPage {
        revision: revision(daemon),
        since: since.map(|since| shown(daemon, since)),
        gone: match (since, after) {
            (Some(since), None) => daemon.rooms.gone(since).cloned().collect(),
            _ => Vec::new(),
        },
        after: last.filter(|_| changed.next().is_some()),
        rooms,
    }
}
