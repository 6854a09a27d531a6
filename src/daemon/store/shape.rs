//! The shapes of the files.

use super::{Budget, RoomBudget};
use crate::daemon::aside::Entry;
use crate::daemon::holds::{Hold, Lists, Roster};
use crate::daemon::taught::Taught;
use crate::desired::Remembered;
use crate::model::{Limit, MemberSet, RoomId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RostersFile {
    pub(super) version: u32,
    pub(super) rooms: BTreeMap<String, RosterJson>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FilesFile {
    pub(super) version: u32,
    pub(super) files: Remembered,
    /// The digest of the set, if it had settled.
    #[serde(default)]
    pub(super) settled: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RosterJson {
    #[serde(flatten)]
    now: ListsJson,
    /// What had settled last, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled: Option<ListsJson>,
}

#[derive(Serialize, Deserialize)]
struct ListsJson {
    people: Option<Vec<String>>,
    admins: Option<Vec<String>>,
    removals: Option<HoldJson>,
    demotions: Option<HoldJson>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct HoldJson {
    pub(super) users: Vec<String>,
    pub(super) limit: String,
    pub(super) dropped: u64,
    pub(super) of: u64,
    pub(super) since: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LedgerFile {
    pub(super) version: u32,
    pub(super) budget: Option<BudgetJson>,
    pub(super) aside: Vec<AsideJson>,
    /// What the service taught; earlier versions did not keep it.
    #[serde(default)]
    pub(super) batch: Option<Taught>,
    #[serde(default)]
    pub(super) budgets: BTreeMap<RoomId, RoomBudget>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct BudgetJson {
    pub(super) members: u64,
    /// Room and user.
    pub(super) spent: Vec<(String, String)>,
    pub(super) looked: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AsideJson {
    pub(super) user: String,
    pub(super) room: Option<String>,
    #[serde(flatten)]
    pub(super) entry: Entry,
}

fn texts(users: &MemberSet) -> Vec<String> {
    users.iter().map(ToString::to_string).collect()
}

fn names(texts: &[String]) -> Result<MemberSet, String> {
    let name = |text: &String| UserId::parse(text).map_err(|error| format!("{text:?}: {error}"));
    texts.iter().map(name).collect()
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
        } = lists;
        Self {
            people: people.as_ref().map(texts),
            admins: admins.as_ref().map(texts),
            removals: removals.as_ref().map(HoldJson::from),
            demotions: demotions.as_ref().map(HoldJson::from),
        }
    }
}

impl From<&Hold> for HoldJson {
    fn from(hold: &Hold) -> Self {
        let Hold {
            users,
            limit,
            dropped,
            of,
            since,
        } = hold;
        Self {
            users: texts(users),
            limit: limit.to_string(),
            dropped: *dropped,
            of: *of,
            since: *since,
        }
    }
}

impl From<&Budget> for BudgetJson {
    fn from(budget: &Budget) -> Self {
        let Budget {
            members,
            spent,
            looked,
        } = budget;
        let spent = spent
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
    pub(super) fn budget(self) -> Result<Budget, String> {
        let pair = |(room, user): (String, String)| {
            let room = RoomId::parse(&room).map_err(|error| error.to_string())?;
            Ok((room, UserId::parse(&user).map_err(|error| error.to_string())?))
        };
        Ok(Budget {
            members: self.members,
            spent: self.spent.into_iter().map(pair).collect::<Result<_, String>>()?,
            looked: self.looked,
        })
    }
}

impl RosterJson {
    pub(super) fn roster(self) -> Result<Roster, String> {
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
        })
    }
}

impl HoldJson {
    pub(super) fn hold(self) -> Result<Hold, String> {
        Ok(Hold {
            users: names(&self.users)?,
            limit: Limit::parse(&self.limit).map_err(|error| error.to_string())?,
            dropped: self.dropped,
            of: self.of,
            since: self.since,
        })
    }
}
