//! What goes on once the room files have settled.

use super::controller::Controller;
use super::files_in_force::Stirring;
use super::room_table::Room;
use super::workqueue::Ticket;
use crate::file_source::Stillness;
use crate::model::log_code;
use tokio::time::Instant;

impl Controller {
    /// Takes in the stillness of the files, and lets them settle if it has lasted long enough. `true`: the files must be read once
    /// more first.
    #[must_use]
    pub(super) fn see_stillness(&mut self, stillness: &Stillness) -> bool {
        match self
            .files
            .see_stillness(stillness, self.settings.sync.settle_removals)
        {
            Stirring::Nothing => false,
            Stirring::ReadAgain => true,
            Stirring::HaveSettled => {
                self.files_settled();
                false
            }
        }
    }

    /// The set in force is the one to go by from now on.
    pub(super) fn files_settled(&mut self) {
        self.files.have_settled();
        self.safeguards
            .exclusions_mut()
            .have_settled(|id| self.rooms.get(id).is_some());
        // Before anybody goes by it: a restart must not take another set for the one that had settled.
        self.save_all();
        let rooms = self.rooms.schedule_where(Room::has_pending);
        if rooms > 0 {
            tracing::info!(
                code = log_code::FILES_SETTLED,
                rooms,
                "the room files have settled: what waited for that goes on"
            );
        }
    }

    /// Has a room reconciled again whose plan waits for files that have settled since it was looked at.
    pub(super) fn settled_meanwhile(&mut self, ticket: &Ticket) {
        let room = self.rooms.current(ticket);
        if room.is_some_and(|room| room.has_pending()) && self.files.unsettled_since().is_none() {
            self.rooms.schedule(&ticket.desired.id, Instant::now());
        }
    }
}
