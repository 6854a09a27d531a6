//! Orders of people with the admin token: a look now, a pause and its end.

use super::handle::{DaemonHandle, lock};
use super::room_table::Room;
use super::state_dir::{NewPause, PauseChange};
use crate::model::{ReasonCode, RoomId, log_code};
use crate::status::{ApproveOrder, Control, HeldBack, PauseOrder, Reply};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

/// Name of whoever asks and does not say who it is.
pub(super) const SOMEBODY: &str = "somebody with the admin token";

impl Control for DaemonHandle {
    fn app(&self) -> String {
        lock(&self.controller).settings.service.app.to_string()
    }

    fn check(&self, by: Option<&str>) {
        let by = by.unwrap_or(SOMEBODY);
        tracing::info!(
            code = log_code::CHECK_ASKED,
            by,
            "{by} asks for a look at all rooms"
        );
        self.resync_soon();
    }

    fn pause(&self, pause: PauseOrder) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let PauseOrder { by, why, length } = pause;
            let until = match length {
                Some(length) => match end_of(lock(&self.controller).now(), length) {
                    Some(until) => Some(until),
                    None => {
                        return Reply::Refused("no clock goes as far as the end of that pause".to_owned());
                    }
                },
                None => None,
            };
            let who = by.as_deref().unwrap_or(SOMEBODY);
            let reason = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let end = until.map_or_else(
                || "until `roomsync resume`".to_owned(),
                |until| format!("until {until}"),
            );
            tracing::warn!(
                code = log_code::PAUSE_ASKED,
                by = who,
                "{who} pauses {end}{reason}"
            );
            let pause = NewPause {
                by: Some(who.to_owned()),
                why,
                until,
            };
            if let Err(error) = self.change_pause(PauseChange::Begin(pause)).await {
                return Reply::Failed(format!("the pause cannot be kept in `state_dir`: {error}"));
            }
            Reply::Done(format!(
                "paused {end}: calls on their way end, and no other is made"
            ))
        })
    }

    fn resume(&self, by: Option<String>) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let by = by.as_deref().unwrap_or(SOMEBODY);
            tracing::warn!(code = log_code::RESUME_ASKED, by, "{by} ends the pause");
            let was_paused = matches!(self.persister.paused().await, Ok(Some(_)));
            if let Err(error) = self.change_pause(PauseChange::End).await {
                return Reply::Failed(format!("the pause cannot be ended: {error}"));
            }
            let ended = if was_paused {
                "the pause is over"
            } else {
                "there was no pause to end"
            };
            let suspended = lock(&self.controller).gate.suspended();
            match suspended.filter(|why| why.code != ReasonCode::Quota) {
                Some(why) => {
                    Reply::Refused(format!("{ended}, but still nothing is written: {}", why.message))
                }
                None => Reply::Done(format!("{ended}: rooms are written")),
            }
        })
    }

    fn rooms(&self) -> Vec<(RoomId, Option<String>)> {
        let controller = lock(&self.controller);
        let rooms = controller.rooms.iter().map(Room::desired);
        rooms.map(|room| (room.id.clone(), room.name.clone())).collect()
    }

    fn held_back(&self, room: RoomId) -> BoxFuture<'_, Result<HeldBack, Reply>> {
        Box::pin(self.show_held_back(room))
    }

    fn approve(&self, order: ApproveOrder) -> BoxFuture<'_, Reply> {
        Box::pin(self.let_through(order))
    }
}

impl DaemonHandle {
    /// Changes the pause on the disk, and takes in what came of it.
    async fn change_pause(&self, change: PauseChange) -> Result<(), String> {
        self.persister.change_pause(change);
        let changed = self.persister.pause_changed().await;
        self.see_disk();
        changed
    }
}

/// Time of day after so long, in whole seconds: what is shown is what is so.
fn end_of(now: Timestamp, length: std::time::Duration) -> Option<Timestamp> {
    let end = now.checked_add(SignedDuration::try_from(length).ok()?).ok()?;
    let round = jiff::TimestampRound::new()
        .smallest(jiff::Unit::Second)
        .mode(jiff::RoundMode::Ceil);
    end.round(round).ok()
}
