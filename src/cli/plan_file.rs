//! A plan that was written down, on its way to being applied.

use super::Globals;
use super::context::Context;
use super::exit::Usage;
use super::room_names::{self, NamedRoom, Naming};
use crate::chat::Client;
use crate::desired::DesiredRoom;
use crate::disk::described;
use crate::live::Observed;
use crate::model::{RoomId, first_few, log_code, room_label};
use crate::plan::{Constraints, Invite, SavedPlan, SavedRoom};
use crate::reconcile::Planned;
use anyhow::Context as _;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// In bytes: the plan of a million changes has a tenth of it.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The plan of `--plan`, and what of the site it is about.
pub(super) struct PlanFile {
    pub(super) plan: SavedPlan,
    approved: Vec<RoomId>,
}

impl PlanFile {
    /// Reads the plan and refuses it where it is not of this site.
    pub(super) fn read(path: &Path, approved: &[String], context: &Context) -> anyhow::Result<Self> {
        let refuse = |why: &dyn fmt::Display| Usage(format!("--plan {}: {why}", path.display()));
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                refuse(&"the file does not exist; `roomsync plan --out FILE` writes a plan")
            }
            _ => refuse(&described(&error)),
        })?;
        let mut text = Vec::new();
        let read = file.take(LARGEST + 1).read_to_end(&mut text);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => refuse(&"this is a folder, not a plan"),
            _ => refuse(&described(&error)),
        })?;
        if text.len() as u64 > LARGEST {
            return Err(refuse(&"this is too large to be a plan").into());
        }
        let all = context.rooms();
        let app = context.settings.service.app.to_string();
        let plan = SavedPlan::parse(&text)
            .and_then(|plan| plan.check(&app, context.files_digest(), &all).map(|()| plan))
            .with_context(|| {
                format!(
                    "{}: refused, and nothing was sent; make a new one with `roomsync plan --out`",
                    path.display()
                )
            })?;
        let named: Vec<NamedRoom<'_>> = all.iter().copied().map(NamedRoom::from).collect();
        let naming = Naming::in_files("--approve", false);
        let approved: Vec<RoomId> = room_names::select(naming, &named, approved)?
            .into_iter()
            .collect();
        let blocked = |id: &RoomId| {
            plan.rooms()
                .iter()
                .any(|room| room.id() == id && room.is_blocked())
        };
        let by_id: HashMap<&RoomId, &DesiredRoom> = all.iter().map(|room| (&room.id, *room)).collect();
        if let Some(id) = approved.iter().find(|id| !blocked(id)) {
            let label = |id: &RoomId| room_label(by_id.get(id).and_then(|room| room.name.as_deref()), id);
            let rooms = plan.rooms().iter().filter(|room| room.is_blocked());
            let others = first_few(rooms.map(|room| label(room.id())));
            let others = if others.is_empty() {
                "nor in any other".to_owned()
            } else {
                format!("blocked are: {others}")
            };
            let why = format!("nothing is blocked in room {} in this plan; {others}", label(id));
            return Err(Usage(format!("--approve {id}: {why}")).into());
        }
        Ok(Self { plan, approved })
    }

    /// The rooms of the plan, in its order. In approved ones the guards are loosened.
    pub(super) fn rooms<'c>(&self, context: &'c Context) -> Vec<Cow<'c, DesiredRoom>> {
        let all = context.rooms();
        let by_id: HashMap<&RoomId, &DesiredRoom> = all.iter().map(|room| (&room.id, *room)).collect();
        let of_plan = |saved: &SavedRoom| {
            let room = *by_id.get(saved.id())?;
            Some(if self.approved.contains(saved.id()) {
                Cow::Owned(saved.approved(room))
            } else {
                Cow::Borrowed(room)
            })
        };
        self.plan.rooms().iter().filter_map(of_plan).collect()
    }

    /// Looks at the rooms again, and gives what of the plan still holds.
    pub(super) async fn plan(
        &self,
        globals: &Globals,
        context: &Context,
        client: &Client,
        rooms: &[&DesiredRoom],
    ) -> Planned {
        if let Some(error) = self.plan.error() {
            tracing::warn!(
                code = log_code::PLAN_INCOMPLETE,
                "the plan was made by a run that ended early: {error}"
            );
        }
        let saved = self.plan.rooms();
        // Of those whose absence is no drift, the ones whom the plan invites.
        let restrain = |at: usize, _: &Observed| Constraints {
            invite: Invite::These(saved.get(at).map(|room| room.adds().clone()).unwrap_or_default()),
            ..Constraints::default()
        };
        let looked = context.look_at(globals, client, rooms, &restrain).await;
        let (looked, elsewhere) = looked.narrowed_to(&self.plan, rooms, &self.approved);
        let mut guard = context.fleet_guard(rooms);
        guard.elsewhere += elsewhere;
        looked.plan(Some(guard), &client.reader())
    }
}
