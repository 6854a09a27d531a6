//! A plan that was written down: read back, and held against a new look at its rooms.

use super::Status;
use super::checksum::{VERSION, checksum};
use super::guard::GuardTripped;
use crate::desired::{AllowEmpty, DesiredRoom, Ends, RoomEnds};
use crate::model::{Guard, Limit, MemberSet, ReasonCode, RoomId, UserId};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;

/// A plan that was written down and is whole.
#[derive(Debug, Clone)]
pub struct SavedPlan {
    json: Value,
    fields: Fields,
}

/// Reason why a plan is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StalePlan {
    /// The text is no plan.
    #[error("this is no plan of roomsync, or not all of one ({0})")]
    NoPlan(String),
    /// Another version of the document.
    #[error("this plan is of version {0}, and this roomsync reads version {VERSION}")]
    Version(u64),
    /// The checksum is not that of the text.
    #[error("this plan does not match its id: it was cut short or edited")]
    Checksum,
    /// It is for another app.
    #[error("this plan is for the app {plan:?}, and the settings name {settings:?}")]
    App {
        /// The plan's.
        plan: String,
        /// The settings'.
        settings: String,
    },
    /// The room files are others.
    #[error("the room files have changed since this plan was made")]
    Files,
    /// It names a room that the files do not.
    #[error("this plan names the room {0}, which is not in the files")]
    Room(RoomId),
}

/// The keys of the document that are read; the others are for people.
#[derive(Debug, Clone, Deserialize)]
struct Fields {
    id: String,
    app: String,
    source: SourceFields,
    error: Option<ErrorFields>,
    rooms: Vec<SavedRoom>,
}

#[derive(Debug, Clone, Deserialize)]
struct ErrorFields {
    message: String,
}

#[derive(Debug, Clone, Deserialize)]
struct SourceFields {
    digest: String,
}

/// A room of the saved plan.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedRoom {
    #[serde(deserialize_with = "room_id")]
    pub(super) id: RoomId,
    pub(super) status: Status,
    pub(super) live: Option<LiveFields>,
    #[serde(deserialize_with = "users")]
    pub(super) add: MemberSet,
    #[serde(deserialize_with = "users")]
    pub(super) remove: MemberSet,
    #[serde(deserialize_with = "users")]
    pub(super) promote: MemberSet,
    #[serde(deserialize_with = "users")]
    pub(super) demote: MemberSet,
    #[serde(default, deserialize_with = "users")]
    pub(super) allow: MemberSet,
    #[serde(default, deserialize_with = "users")]
    pub(super) disallow: MemberSet,
    pub(super) blocked: Vec<SavedBlock>,
    notes: Vec<SavedNote>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LiveFields {
    pub(super) digest: String,
}

#[derive(Debug, Clone, Deserialize)]
struct SavedNote {
    code: String,
    user: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SavedBlock {
    guard: GuardName,
    #[serde(deserialize_with = "limit")]
    limit: Limit,
    wanted: u64,
    of: u64,
}

/// The name of a guard that there is.
#[derive(Debug, Clone, Copy)]
struct GuardName(Guard);

impl<'de> Deserialize<'de> for GuardName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, |name| {
            let guard = Guard::OF_A_PLAN.into_iter().find(|guard| guard.as_str() == name);
            guard
                .map(Self)
                .ok_or_else(|| format!("there is no guard {name:?}"))
        })
    }
}

fn parsed<'de, D, T, E>(deserializer: D, parse: impl Fn(&str) -> Result<T, E>) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    E: std::fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

fn room_id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<RoomId, D::Error> {
    parsed(deserializer, RoomId::parse)
}

fn limit<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
    parsed(deserializer, Limit::parse)
}

fn users<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<MemberSet, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let users = names.iter().map(|name| UserId::parse(name));
    users.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

impl SavedPlan {
    /// Reads a plan's JSON and holds it against its own id.
    pub fn parse(text: &[u8]) -> Result<Self, StalePlan> {
        let no_plan = |error: serde_json::Error| StalePlan::NoPlan(error.to_string());
        let json: Value = serde_json::from_slice(text).map_err(no_plan)?;
        let version = json.get("version").and_then(Value::as_u64);
        match version {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(StalePlan::Version(version)),
            None => return Err(StalePlan::NoPlan("it has no version".to_owned())),
        }
        let id = json.get("id").and_then(Value::as_str);
        if id != Some(&checksum(&json)) {
            return Err(StalePlan::Checksum);
        }
        let fields = Fields::deserialize(&json).map_err(no_plan)?;
        let mut ids = HashSet::new();
        let unseen = |room: &&SavedRoom| room.live.is_none() && room.status != Status::Failed;
        if let Some(room) = fields.rooms.iter().find(unseen) {
            let why = format!("it plans for the room {} without a look at it", room.id);
            return Err(StalePlan::NoPlan(why));
        }
        match fields.rooms.iter().find(|room| !ids.insert(&room.id)) {
            Some(room) => Err(StalePlan::NoPlan(format!("the room {} is in it twice", room.id))),
            None => Ok(Self { json, fields }),
        }
    }

    /// Refuses a plan that is not of this app, these files and these rooms.
    pub fn check(&self, app: &str, files_digest: &str, rooms: &[&DesiredRoom]) -> Result<(), StalePlan> {
        if self.fields.app != app {
            let (plan, settings) = (self.fields.app.clone(), app.to_owned());
            return Err(StalePlan::App { plan, settings });
        }
        if self.fields.source.digest != files_digest {
            return Err(StalePlan::Files);
        }
        let known: HashSet<&RoomId> = rooms.iter().map(|room| &room.id).collect();
        match self.rooms().iter().find(|room| !known.contains(&room.id)) {
            Some(room) => Err(StalePlan::Room(room.id.clone())),
            None => Ok(()),
        }
    }

    /// The document as it was read.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Id of the plan, see [`Document`](crate::render::Document).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.fields.id
    }

    /// Error that ended the look which the plan was made from, in words, if one did.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.fields.error.as_ref().map(|error| error.message.as_str())
    }

    /// The plan's rooms.
    #[must_use]
    pub fn rooms(&self) -> &[SavedRoom] {
        &self.fields.rooms
    }
}

impl SavedRoom {
    /// The room.
    #[must_use]
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// People to add.
    #[must_use]
    pub fn adds(&self) -> &MemberSet {
        &self.add
    }

    /// True if a guard holds something here that a person can approve.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// The room with the guards that the plan says hold something here loosened as far as the plan needs, and no further:
    /// what a person allows who approves it.
    #[must_use]
    pub fn approved(&self, desired: &DesiredRoom) -> DesiredRoom {
        let mut room = desired.clone();
        for GuardTripped { guard, wanted, .. } in self.all_blocks() {
            let limit = Limit::Count(wanted);
            match guard {
                Guard::MaxRemovals => room.guards.max_removals = limit,
                Guard::MaxDemotions => room.guards.max_demotions = limit,
                Guard::MaxAdditions => room.guards.max_additions = Some(limit),
                Guard::AllowEmpty => room.allow_empty = allow_ended(&room),
                Guard::MaxRemovalsTotal | Guard::RemovalBudget => {}
            }
        }
        room
    }

    /// People without a place when the plan was made, in the order in which they get the place of somebody who cannot come.
    pub(super) fn without_place(&self) -> Vec<UserId> {
        let notes = self
            .notes
            .iter()
            .filter(|note| note.code == ReasonCode::RoomFull.as_str());
        let users = notes.filter_map(|note| UserId::parse(note.user.as_deref()?).ok());
        // Who was to become an admin, too, is named twice.
        let mut named = HashSet::new();
        users.filter(|user| named.insert(user.clone())).collect()
    }

    /// The guards that the plan says hold something here, and that a new look does not find by itself.
    pub(super) fn blocks(&self) -> impl Iterator<Item = GuardTripped> + '_ {
        self.all_blocks().filter(|block| block.guard != Guard::AllowEmpty)
    }

    fn all_blocks(&self) -> impl Iterator<Item = GuardTripped> + '_ {
        self.blocked.iter().map(|block| {
            let SavedBlock {
                guard: GuardName(guard),
                limit,
                wanted,
                of,
            } = *block;
            GuardTripped {
                guard,
                limit,
                wanted,
                of,
            }
        })
    }
}

/// The keys that may come to nobody, with those whose places have all ended.
fn allow_ended(room: &DesiredRoom) -> AllowEmpty {
    let has_ended = |list: &Option<MemberSet>, ended: MemberSet| {
        let owner = |user: &UserId| room.owner.as_ref() == Some(user);
        !ended.is_empty() && list.as_ref().is_some_and(|list| list.iter().all(owner))
    };
    let ends = room.ends.as_deref();
    let of = |key: fn(&RoomEnds) -> &Ends| ends.map(|ends| key(ends).ended()).unwrap_or_default();
    let AllowEmpty { admins, members } = room.allow_empty;
    AllowEmpty {
        admins: admins || has_ended(&room.admins, of(|ends| &ends.admins)),
        members: members || has_ended(&room.members, of(|ends| &ends.members)),
    }
}
