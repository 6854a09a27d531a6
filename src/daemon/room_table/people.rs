//! Who is in a room and who is missing, by the looks at it and by what was done since.

use crate::desired::DesiredRoom;
use crate::exclusions::wanted;
use crate::live::LiveRoom;
use crate::model::{MemberSet, UserId};
use crate::seen::Names;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Number of times in a row that somebody is added and not seen after it; then the service does not take them.
const NOT_TAKEN: u32 = 3;

/// People of a room. Those who are there as wanted are not listed a second time.
#[derive(Debug, Default)]
pub(in crate::daemon) struct People {
    /// Wanted people who were missing at the last look, and the entry that wanted them.
    missing: Option<(Arc<DesiredRoom>, MemberSet)>,
    /// Those of them who were there before.
    gone: MemberSet,
    /// Those of them whom nobody is known to have seen there.
    unseen: MemberSet,
    /// Those of them who were added and not seen after it, and how often in a row.
    not_taken: BTreeMap<UserId, u32>,
    /// People who were there at the last look, and whom that entry does not want.
    others: Names,
    /// Time of the first complete look.
    watched: Option<Timestamp>,
}

/// Wanted people who are not in a room.
#[derive(Debug, Clone, Copy)]
pub(in crate::daemon) struct Missing<'a> {
    pub(in crate::daemon) all: &'a MemberSet,
    /// Those of them whom nobody is known to have seen there.
    pub(in crate::daemon) unseen: &'a MemberSet,
    /// Time since which looks would have shown them.
    pub(in crate::daemon) watched: Timestamp,
}

impl People {
    /// Records a complete look, and gives those who were there at the last one and are not any more, the owner and those whom we removed
    /// not among them. Whoever has been added since counts as there.
    pub(super) fn see(&mut self, desired: &Arc<DesiredRoom>, live: &LiveRoom, now: Timestamp) -> MemberSet {
        let not_owner = |user: &UserId| Some(user.as_str()) != live.owner.as_deref();
        let wanted = all_wanted(desired);
        let missing = wanted.minus(&live.members).filter(not_owner);
        let mut left = self.others.minus(&live.members).filter(not_owner);
        if let Some((then, missing_then)) = &self.missing {
            let wanted_who_left = match Arc::ptr_eq(then, desired) {
                true => missing.minus(missing_then),
                false => all_wanted(then)
                    .minus(&live.members)
                    .minus(missing_then)
                    .filter(not_owner),
            };
            self.gone = self.gone.and(&missing).or(&wanted_who_left.and(&missing));
            left = left.or(&wanted_who_left);
        }
        self.not_taken.retain(|user, _| missing.contains(user));
        self.others = Names::from(&live.members.minus(&wanted));
        self.missing = Some((Arc::clone(desired), missing));
        self.watched.get_or_insert(now);
        left
    }

    /// Records whom of those who are missing nobody is known to have seen there.
    pub(in crate::daemon) fn set_unseen(&mut self, is_known: impl Fn(&UserId) -> bool) {
        self.unseen = match &self.missing {
            Some((_, missing)) => missing.filter(|user| !is_known(user)),
            None => MemberSet::default(),
        };
    }

    /// Wanted people who were not there at the last look and have not been added since.
    pub(in crate::daemon) fn missing(&self) -> Option<Missing<'_>> {
        let (_, all) = self.missing.as_ref()?;
        Some(Missing {
            all,
            unseen: &self.unseen,
            watched: self.watched?,
        })
    }

    /// Those of these users who were not there at the last look and have not been added since.
    pub(in crate::daemon) fn others_of(&self, users: &MemberSet) -> MemberSet {
        let not_there = |user: &UserId| match &self.missing {
            Some((then, missing)) => !is_wanted(then, user) || missing.contains(user),
            None => true,
        };
        self.others.others_of(&users.filter(not_there))
    }

    /// Records that people were removed: they did not leave.
    pub(in crate::daemon) fn removed(&mut self, users: &MemberSet) {
        self.others = Names::from(&self.others.minus(users));
    }

    /// Records that these people were added and are not seen after it. Gives those of whom that was so so often that the service
    /// does not take them.
    pub(in crate::daemon) fn not_seen(&mut self, users: &MemberSet) -> MemberSet {
        if let Some((_, missing)) = &mut self.missing {
            // Who was never there cannot come back.
            *missing = missing.or(users);
        }
        for user in users {
            *self.not_taken.entry(user.clone()).or_default() += 1;
        }
        users.filter(|user| self.not_taken.get(user) >= Some(&NOT_TAKEN))
    }

    /// Records that these people were added. Gives those who are put back, because they were there before.
    pub(in crate::daemon) fn added(&mut self, users: &MemberSet) -> MemberSet {
        let put_back = self.gone.and(users);
        self.gone = self.gone.minus(users);
        self.unseen = self.unseen.minus(users);
        if let Some((_, missing)) = &mut self.missing {
            *missing = missing.minus(users);
        }
        put_back
    }
}

/// Everyone whom the files want in a room, admins only if members are not managed.
fn all_wanted(desired: &DesiredRoom) -> MemberSet {
    wanted(desired)
        .or_else(|| desired.admins.clone())
        .unwrap_or_default()
}

/// True if an entry wants somebody in its room.
pub(in crate::daemon) fn is_wanted(desired: &DesiredRoom, user: &UserId) -> bool {
    let lists = [&desired.members, &desired.admins];
    lists.into_iter().flatten().any(|list| list.contains(user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::AllowList;
    use std::collections::BTreeSet;
    use tokio::time::Instant;

    fn users(names: &str) -> MemberSet {
        names
            .split_whitespace()
            .map(|name| UserId::parse(name).unwrap())
            .collect()
    }

    fn desired(admins: &str, members: Option<&str>) -> Arc<DesiredRoom> {
        Arc::new(DesiredRoom {
            admins: Some(users(admins)),
            members: members.map(users),
            ..DesiredRoom::unmanaged("7")
        })
    }

    /// A complete look at a room of `boss`. Gives who has left.
    fn see(people: &mut People, desired: &Arc<DesiredRoom>, here: &str) -> String {
        let live = LiveRoom {
            id: desired.id.clone(),
            name: None,
            owner: Some("boss".to_owned()),
            owner_page: None,
            owner_is_in: true,
            admins: None,
            members: users(here),
            foreign: BTreeSet::new(),
            foreign_admins: BTreeSet::new(),
            allow_list: AllowList::NotRead,
            max_users: None,
            read_at: Instant::now(),
        };
        people.see(desired, &live, Timestamp::UNIX_EPOCH).to_string()
    }

    #[test]
    fn who_is_there_as_wanted_is_not_listed_a_second_time() {
        let mut people = People::default();
        let everybody = desired("mia", Some("mia ann bob"));
        assert_eq!(see(&mut people, &everybody, "ann bob mia"), "");
        assert_eq!(people.others, Names::default());
        assert!(people.missing().unwrap().all.is_empty());
        assert_eq!(people.others_of(&users("ann zed")), users("zed"));
    }

    #[test]
    fn whoever_was_there_and_is_not_has_left_by_whatever_entry() {
        let mut people = People::default();
        let entries = [
            desired("mia", Some("ann bob")),
            desired("mia ann", None),
            desired("", Some("zed boss")),
        ];
        for then in &entries {
            assert_eq!(see(&mut people, then, "ann bob mia eve"), "");
            for now in &entries {
                assert_eq!(see(&mut people, now, "bob eve"), "ann, mia", "{then:?} {now:?}");
                assert_eq!(see(&mut people, now, "bob eve"), "", "they are told once");
                assert_eq!(see(&mut people, then, "ann bob mia eve"), "", "they are back");
            }
        }
    }

    #[test]
    fn whom_we_added_is_there_and_whom_we_removed_did_not_leave() {
        let mut people = People::default();
        let entry = desired("", Some("ann bob carol"));
        assert_eq!(see(&mut people, &entry, "ann eve"), "");
        people.set_unseen(|_| false);
        people.added(&users("bob"));
        people.removed(&users("eve"));
        let missing = people.missing().unwrap();
        assert_eq!(
            (missing.all.to_string(), missing.unseen.to_string()),
            ("carol".into(), "carol".into())
        );
        assert_eq!(see(&mut people, &entry, "ann"), "bob");
    }
}
