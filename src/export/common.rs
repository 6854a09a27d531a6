//! People who are the same in several rooms → groups.
//!
//! Those who stand in exactly the same lists of exactly the same rooms are put together, if they are several people in
//! several rooms. So everybody is in one group at most, a list comes to the same people with groups as without, and no group
//! is without use.

use super::entry::{Entry, ListKey};
use super::yaml::{name, write_list};
use crate::model::UserId;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

/// Fewest people that are a group.
const FEWEST_PEOPLE: usize = 2;
/// Fewest rooms that they are together in.
const FEWEST_ROOMS: usize = 2;

/// The lists that somebody stands in: rooms by their place, each once.
type Standing = Vec<(usize, ListKey)>;

/// Groups, and who is in one.
#[derive(Debug, Default)]
pub(super) struct Groups<'a> {
    groups: Vec<Group<'a>>,
    of_user: HashMap<&'a UserId, usize>,
    /// For each list, the groups in it.
    of_list: HashMap<(usize, ListKey), Vec<usize>>,
}

#[derive(Debug)]
struct Group<'a> {
    name: String,
    people: Vec<&'a UserId>,
    rooms: usize,
}

impl<'a> Groups<'a> {
    /// Finds the groups of these rooms. They come in the order in which their rooms do, and are named after the first.
    pub(super) fn common(rooms: &'a [Entry<'_>]) -> Self {
        let mut standings: BTreeMap<&UserId, Standing> = BTreeMap::new();
        for (at, room) in rooms.iter().enumerate() {
            for key in ListKey::ALL {
                for user in room.list(key) {
                    standings.entry(user).or_default().push((at, key));
                }
            }
        }
        let mut together: BTreeMap<Standing, Vec<&UserId>> = BTreeMap::new();
        for (user, standing) in standings {
            if standing.len() >= FEWEST_ROOMS {
                together.entry(standing).or_default().push(user);
            }
        }
        together.retain(|_, people| people.len() >= FEWEST_PEOPLE);
        let mut found = Self::default();
        let mut named: HashMap<usize, usize> = HashMap::new();
        for (standing, people) in together {
            let Some((at, first)) = standing.first().and_then(|(at, _)| Some((*at, rooms.get(*at)?))) else {
                continue;
            };
            let index = found.groups.len();
            let number = named.entry(at).or_default();
            *number += 1;
            // A room stands in one file only, so another export beside this one gives no group the same name.
            let name = match *number {
                1 => format!("common-{}", first.id()),
                number => format!("common-{}-{number}", first.id()),
            };
            found.of_user.extend(people.iter().map(|user| (*user, index)));
            for list in &standing {
                found.of_list.entry(*list).or_default().push(index);
            }
            found.groups.push(Group {
                name,
                people,
                rooms: standing.len(),
            });
        }
        found
    }

    /// The items of a room's list: groups first.
    pub(super) fn items(&self, at: usize, key: ListKey, entry: &Entry<'_>) -> Vec<String> {
        let groups = self.of_list.get(&(at, key)).into_iter().flatten();
        let groups = groups.filter_map(|group| self.groups.get(*group));
        let alone = entry
            .list(key)
            .iter()
            .filter(|user| !self.of_user.contains_key(user));
        groups
            .map(|group| format!("group:{}", group.name))
            .chain(alone.map(|user| name(user.as_str())))
            .collect()
    }

    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        if self.groups.is_empty() {
            return Ok(());
        }
        out.write_str("# People who are the same in several rooms: give each group a name that says who they are.\ngroups:\n")?;
        for group in &self.groups {
            let people: Vec<String> = group.people.iter().map(|user| name(user.as_str())).collect();
            writeln!(out, "  # in {} rooms", group.rooms)?;
            write_list(out, 2, &group.name, &people)?;
        }
        writeln!(out)
    }
}
