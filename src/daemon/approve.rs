//! What guards keep back in a room is shown to somebody, and let through if they approve it.

use super::approvals::size;
use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::orders::SOMEBODY;
use super::room_table::Room;
use super::workqueue::Ticket;
use crate::audit_log::ApprovedLine;
use crate::chat::{CallError, Reader};
use crate::live::{self, Observed, ReadRequest};
use crate::model::{Guard, MemberSet, Mode, ReasonCode, RoomId, hex, log_code, room_label};
use crate::plan::{self, Approved, GuardTripped, HeldBack};
use crate::status::{self, ApproveOrder, Reply};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What is kept back in a room by a look at it just now.
struct Shown {
    label: String,
    name: Option<String>,
    people: Approved,
    guards: Vec<GuardTripped>,
    /// Digest of the room files.
    files: String,
    digest: String,
}

/// A look at a room that somebody waits for.
pub(super) struct AskedLook {
    ticket: Ticket,
    answer: oneshot::Sender<Result<(Ticket, Observed), CallError>>,
}

impl AskedLook {
    /// Looks at the room. Nothing is written for it.
    pub(super) async fn look(self, daemon: DaemonHandle, reader: Reader) {
        let Self { ticket, answer } = self;
        tokio::select! {
            biased;
            () = daemon.ending() => {}
            looked = live::read_room(&reader, ReadRequest::from(&*ticket.desired)) => {
                // Whoever asked may have hung up.
                let _ = answer.send(looked.map(|observed| (ticket, observed)));
            }
        }
    }
}

impl DaemonHandle {
    /// Looks at a room, and gives what is kept back there.
    pub(super) async fn show_held_back(&self, room: RoomId) -> Result<status::HeldBack, Reply> {
        let (ticket, observed) = self.look_now(&room).await?;
        let mut controller = lock(&self.controller);
        let shown = controller.held_back(&ticket, &observed).map_err(Reply::Refused)?;
        let names = |users: &MemberSet| users.iter().map(ToString::to_string).collect();
        Ok(status::HeldBack {
            app: controller.settings.service.app.to_string(),
            room: room.to_string(),
            name: shown.name,
            digest: shown.digest,
            remove: names(&shown.people.remove),
            demote: names(&shown.people.demote),
            add: names(&shown.people.add),
            why: shown.guards.iter().map(ToString::to_string).collect(),
        })
    }

    /// Lets through what was shown, if it is still what is kept back.
    pub(super) async fn let_through(&self, order: ApproveOrder) -> Reply {
        let ApproveOrder { room, by, digest } = order;
        let by = by.unwrap_or_else(|| SOMEBODY.to_owned());
        let (ticket, observed) = match self.look_now(&room).await {
            Ok(look) => look,
            Err(reply) => return reply,
        };
        let (now, shown) = {
            let mut controller = lock(&self.controller);
            match controller.as_shown(&ticket, &observed, &digest) {
                Ok(shown) => (controller.now(), shown),
                Err(why) => return Reply::Refused(why),
            }
        };
        let line = ApprovedLine {
            room: room.clone(),
            by: by.clone(),
            until: super::approvals::end_by_clock(now),
            remove: shown.people.remove,
            demote: shown.people.demote,
            add: shown.people.add,
            files: shown.files,
        };
        if let Err(error) = self.audit.approved(now, line).await {
            return Reply::Failed(format!(
                "nothing is approved, because it cannot be audited: {error}"
            ));
        }
        let mut controller = lock(&self.controller);
        // Another one may have come first, and the files may have changed while the disk took the line.
        let shown = match controller.as_shown(&ticket, &observed, &digest) {
            Ok(shown) => shown,
            Err(why) => return Reply::Refused(why),
        };
        let said = controller.approve(&room, &by, shown);
        drop(controller);
        self.wake.notify_one();
        Reply::Done(said)
    }

    /// Looks at a room now.
    async fn look_now(&self, room: &RoomId) -> Result<(Ticket, Observed), Reply> {
        let ticket = lock(&self.controller).rooms.get(room).map(Room::ticket);
        let Some(ticket) = ticket else {
            return Err(Reply::Refused(format!(
                "the room {room} is not in the room files"
            )));
        };
        let (answer, answered) = oneshot::channel();
        lock(&self.asked).push(AskedLook { ticket, answer });
        self.wake.notify_one();
        match answered.await {
            Ok(Ok(look)) => Ok(look),
            Ok(Err(error)) => Err(Reply::Failed(format!(
                "the room {room} cannot be looked at now: {}; try again",
                error.kind
            ))),
            Err(_) => Err(Reply::Failed("the daemon ends".to_owned())),
        }
    }
}

impl Controller {
    /// What is kept back, if it is what has this digest. The error says why it is not.
    fn as_shown(&mut self, ticket: &Ticket, observed: &Observed, digest: &str) -> Result<Shown, String> {
        let shown = self.held_back(ticket, observed)?;
        if shown.people.is_empty() {
            return Err(format!(
                "nothing is kept back in {}; nothing was approved",
                shown.label
            ));
        }
        if shown.digest != digest {
            return Err(format!(
                "what is kept back in {} is no longer what was shown, or was approved already: somebody came or left, the files changed, or the daemon was restarted; nothing was approved. Look at it again",
                shown.label
            ));
        }
        Ok(shown)
    }

    /// What guards and holds keep back in the room of this ticket by this look. The error says why that cannot be said.
    fn held_back(&mut self, ticket: &Ticket, observed: &Observed) -> Result<Shown, String> {
        self.check_clock();
        let desired = &ticket.desired;
        let label = room_label(desired.name.as_deref(), &desired.id);
        if let Some(why) = self.gate.suspended().filter(|why| why.code == ReasonCode::DryRun) {
            return Err(format!("nothing can be approved: {}", why.message));
        }
        let fleet = match self.rooms.current(ticket) {
            None => {
                return Err(format!(
                    "the files of {label} have just changed; look at it again"
                ));
            }
            Some(room) => {
                let blocked = room
                    .plan()
                    .map(|plan| plan.blocked.as_slice())
                    .unwrap_or_default();
                let is_fleet = |block: &&GuardTripped| block.guard == Guard::MaxRemovalsTotal;
                blocked.iter().find(is_fleet).copied()
            }
        };
        if self.files.unsettled_since().is_some() {
            return Err(
                "the room files have just changed, and what is kept back may change with them; try again once they have settled (`sync.settle_removals`)".to_owned(),
            );
        }
        if let Observed::Partial(_, inconsistency) = observed {
            return Err(format!(
                "{label} could not be read completely: {inconsistency}; try again"
            ));
        }
        if desired.mode == Mode::Observe {
            return Err(format!(
                "{label} is only observed (`mode: observe`), so nothing is ever written there"
            ));
        }
        let Some(files) = self.files.set().map(|set| set.source.digest.clone()) else {
            return Err("no room files have been read yet".to_owned());
        };
        let constraints = self.safeguards.constraints(desired, observed, true);
        self.save_invitations();
        let diff = plan::diff(desired, observed, &constraints).map_err(|failed| {
            let error = failed.error.map(|error| error.message).unwrap_or_default();
            format!("nothing can be done in {label}: {error}")
        })?;
        let HeldBack { people, guards } = diff.held_back(fleet);
        let stamp = self.safeguards.approvals().stamp(&desired.id);
        Ok(Shown {
            digest: digest(&[&stamp, &files, desired.id.as_str()], &people, &guards),
            name: desired.name.clone(),
            label,
            people,
            guards,
            files,
        })
    }

    fn approve(&mut self, room: &RoomId, by: &str, shown: Shown) -> String {
        let Shown {
            label,
            people,
            guards,
            ..
        } = shown;
        let (words, changes) = (people.in_words(), size(&people));
        let clock = self.safeguards.clock().clone();
        let until = self.safeguards.approvals_mut().give(room, by, people, &clock);
        let guards: Vec<&str> = guards.iter().map(|block| block.guard.as_str()).collect();
        tracing::warn!(
            code = log_code::APPROVAL_GIVEN,
            %room, by, changes, guards = guards.join(" "), until = %until,
            "{by} lets through in {label}: {words}, each once, until {until:.0}"
        );
        self.rooms.look_soon(room, true);
        self.rooms.schedule(room, Instant::now());
        let withheld = self.gate.suspended();
        let withheld = withheld.map(|why| format!("; nothing is written for now: {}", why.message));
        format!(
            "approved in {label}: {words}, each once, until {until:.0}{}",
            withheld.unwrap_or_default()
        )
    }
}

fn digest(of: &[&str], people: &Approved, guards: &[GuardTripped]) -> String {
    let mut digest = Sha256::new();
    for text in of {
        digest.update(text);
        digest.update("\n");
    }
    for users in [&people.remove, &people.demote, &people.add] {
        for user in users {
            digest.update(user.as_str());
            digest.update(" ");
        }
        digest.update("\n");
    }
    for block in guards {
        digest.update(block.guard.as_str());
        digest.update(" ");
    }
    format!("sha256:{}", hex(&digest.finalize()))
}
