//! The shapes of the files.

use super::PersistedState;
use crate::clock::Anchor;
use crate::daemon::fleet_budget::Spending;
use crate::daemon::learned_limits::LearnedLimits;
use crate::desired::Remembered;
use crate::exclusions::{ContestedEntry, Entry, Hold, Lists, RemovalBudgets, Roster, Rosters, SetAside};
use crate::model::{Limit, MemberSet, RoomId, UserId};
use crate::plan::Withdrawn;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct RostersJson {
    rooms: BTreeMap<String, RosterJson>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FilesJson {
    pub(super) files: Remembered,
    /// The digest of the set, if it had settled.
    #[serde(default)]
    pub(super) settled: Option<String>,
}

/// Later fields have a default, for files without them.
#[derive(Serialize, Deserialize)]
pub(super) struct StateJson {
    budget: Option<BudgetJson>,
    aside: Vec<AsideJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    contested: Vec<ContestedEntry>,
    #[serde(default)]
    batch: Option<LearnedLimits>,
    #[serde(default)]
    clock: Option<Anchor>,
    #[serde(default)]
    budgets: RemovalBudgets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct RosterJson {
    #[serde(flatten)]
    now: ListsJson,
    /// Lists of the last settled set, if they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<ListsJson>,
}

#[derive(Serialize, Deserialize)]
struct ListsJson {
    people: Option<Vec<String>>,
    admins: Option<Vec<String>>,
    removals: Option<HoldJson>,
    demotions: Option<HoldJson>,
    /// People who were named and not wanted, and admins. At first only those whose place had ended were: hence the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended_people: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended_admins: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct HoldJson {
    users: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gone: Vec<String>,
    limit: String,
    dropped: u64,
    of: u64,
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct BudgetJson {
    members: u64,
    /// Room and user.
    spent: Vec<(String, String)>,
    looked: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct AsideJson {
    user: String,
    room: Option<String>,
    #[serde(flatten)]
    entry: Entry,
}

fn texts(users: &MemberSet) -> Vec<String> {
    users.iter().map(ToString::to_string).collect()
}

fn names(texts: &[String]) -> Result<MemberSet, String> {
    let name = |text: &String| UserId::parse(text).map_err(|error| format!("{text:?}: {error}"));
    texts.iter().map(name).collect()
}

impl From<&Rosters> for RostersJson {
    fn from(Rosters(rooms): &Rosters) -> Self {
        let rooms = rooms.iter().map(|(id, roster)| (id.to_string(), roster.into()));
        Self {
            rooms: rooms.collect(),
        }
    }
}

impl RostersJson {
    pub(super) fn rosters(self) -> Result<Rosters, String> {
        let rooms = self.rooms.into_iter().map(|(id, room)| {
            let id = RoomId::parse(&id).map_err(|error| error.to_string())?;
            Ok((id, room.roster()?))
        });
        rooms.collect::<Result<_, String>>().map(Rosters)
    }
}

impl From<&PersistedState> for StateJson {
    fn from(state: &PersistedState) -> Self {
        let PersistedState {
            spending,
            set_aside,
            contested,
            learned_limits,
            clock,
            budgets,
            ended_until,
        } = state;
        let aside = set_aside.entries().into_iter();
        let aside = aside.map(|(user, room, entry)| AsideJson {
            user: user.to_string(),
            room: room.map(ToString::to_string),
            entry: entry.clone(),
        });
        Self {
            budget: spending.as_ref().map(BudgetJson::from),
            aside: aside.collect(),
            contested: contested.clone(),
            batch: learned_limits.clone(),
            clock: clock.clone(),
            budgets: budgets.clone(),
            ended_until: *ended_until,
        }
    }
}

impl StateJson {
    pub(super) fn state(self) -> Result<PersistedState, String> {
        let Self {
            budget,
            aside,
            contested,
            batch,
            clock,
            budgets,
            ended_until,
        } = self;
        let entries = aside.into_iter().map(|AsideJson { user, room, entry }| {
            let user = UserId::parse(&user).map_err(|error| error.to_string())?;
            let room = room.as_deref().map(RoomId::parse).transpose();
            Ok((user, room.map_err(|error| error.to_string())?, entry))
        });
        let entries: Vec<_> = entries.collect::<Result<_, String>>()?;
        Ok(PersistedState {
            spending: budget.map(BudgetJson::spending).transpose()?,
            set_aside: SetAside::from_entries(entries),
            contested,
            learned_limits: batch,
            clock,
            budgets,
            ended_until,
        })
    }
}

impl From<&Roster> for RosterJson {
    fn from(roster: &Roster) -> Self {
        let Roster { now, settled } = roster;
        Self {
            now: now.into(),
            settled: settled.as_deref().map(ListsJson::from),
        }
    }
}

impl From<&Lists> for ListsJson {
    fn from(lists: &Lists) -> Self {
        let Lists {
            people,
            admins,
            removals,
            demotions,
            withdrawn,
        } = lists;
        Self {
            people: people.as_ref().map(texts),
            admins: admins.as_ref().map(texts),
            removals: removals.as_ref().map(HoldJson::from),
            demotions: demotions.as_ref().map(HoldJson::from),
            ended_people: texts(&withdrawn.people),
            ended_admins: texts(&withdrawn.admins),
        }
    }
}

impl From<&Hold> for HoldJson {
    fn from(hold: &Hold) -> Self {
        let Hold {
            users,
            gone,
            limit,
            dropped,
            of,
            since,
        } = hold;
        Self {
            users: texts(users),
            gone: texts(gone),
            limit: limit.to_string(),
            dropped: *dropped,
            of: *of,
            since: *since,
        }
    }
}

impl From<&Spending> for BudgetJson {
    fn from(spending: &Spending) -> Self {
        let Spending {
            members,
            removals,
            looked,
        } = spending;
        let spent = removals
            .iter()
            .map(|(room, user)| (room.to_string(), user.to_string()));
        Self {
            members: *members,
            spent: spent.collect(),
            looked: *looked,
        }
    }
}

impl BudgetJson {
    fn spending(self) -> Result<Spending, String> {
        let pair = |(room, user): (String, String)| {
            let room = RoomId::parse(&room).map_err(|error| error.to_string())?;
            Ok((room, UserId::parse(&user).map_err(|error| error.to_string())?))
        };
        Ok(Spending {
            members: self.members,
            removals: self.spent.into_iter().map(pair).collect::<Result<_, String>>()?,
            looked: self.looked,
        })
    }
}

impl RosterJson {
    fn roster(self) -> Result<Roster, String> {
        let Self { now, settled } = self;
        Ok(Roster {
            now: now.lists()?,
            settled: settled.map(ListsJson::lists).transpose()?.map(Box::new),
        })
    }
}

impl ListsJson {
    fn lists(self) -> Result<Lists, String> {
        let people = self.people.as_deref().map(names).transpose()?;
        let admins = self.admins.as_deref().map(names).transpose()?;
        Ok(Lists {
            people,
            admins,
            removals: self.removals.map(HoldJson::hold).transpose()?,
            demotions: self.demotions.map(HoldJson::hold).transpose()?,
            withdrawn: Withdrawn {
                people: names(&self.ended_people)?,
                admins: names(&self.ended_admins)?,
            },
        })
    }
}

impl HoldJson {
    fn hold(self) -> Result<Hold, String> {
        Ok(Hold {
            users: names(&self.users)?,
            gone: names(&self.gone)?,
            limit: Limit::parse(&self.limit).map_err(|error| error.to_string())?,
            dropped: self.dropped,
            of: self.of,
            since: self.since,
        })
    }
}
