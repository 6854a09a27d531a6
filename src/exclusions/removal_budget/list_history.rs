//! One list of a room over the window of a removal budget.

use crate::model::{Limit, MemberSet, RemovalBudget, UserId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One list of a room, its people or its admins, over the last window. Times are on the steady clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListHistory {
    /// Sizes that the list had, each with the time until which it had it, without those that a later one exceeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<(Timestamp, u64)>,
    /// People who left the list and are not wanted again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    left: BTreeMap<UserId, Left>,
}

/// Somebody who left a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    /// Time at which they left.
    at: Timestamp,
    /// Time at which the budget let them go. `None` if they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    let_go: Option<Timestamp>,
    /// True once they went by an approval: they take no room in the window, and are kept as before if they come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    approved: bool,
}

/// The people that a budget keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Their names.
    pub(crate) users: MemberSet,
    /// Those of them who went by an approval: they are kept if they come back.
    pub(crate) approved: MemberSet,
    /// Number of people who left the list within the window, including those who are kept and without those who went by an approval.
    pub(crate) dropped: u64,
    /// The size of the largest list of the window.
    pub(crate) of: u64,
    /// Latest time at which the window has room for the next of them.
    pub(crate) next: Option<Timestamp>,
    /// The most who may go within the window.
    pub(crate) limit: Limit,
}

impl ListHistory {
    /// Takes a new list: who is no longer on it leaves, and is kept for now; who is back is forgotten. `true`: something is to be
    /// kept on the disk.
    pub(crate) fn take(&mut self, old: Option<&MemberSet>, new: &MemberSet, now: Timestamp) -> bool {
        let before = self.clone();
        self.left.retain(|user, _| !new.contains(user));
        let dropped = old.map(|old| old.minus(new)).unwrap_or_default();
        for user in &dropped {
            let left = Left {
                at: now,
                let_go: None,
                approved: false,
            };
            // Who has left already, as where a list was not managed for a while, has left then.
            self.left.entry(user.clone()).or_insert(left);
        }
        if let Some(old) = old.filter(|old| old.len() > new.len()) {
            let size = old.len() as u64;
            self.sizes.retain(|(_, earlier)| *earlier > size);
            self.sizes.push((now, size));
        }
        *self != before
    }

    /// Releases those for whom the window has room by now. `listed` is the size of the list. True if there were some.
    pub(crate) fn advance(&mut self, listed: u64, budget: &RemovalBudget, now: Timestamp) -> bool {
        let is_over = is_over(budget, now);
        self.sizes.retain(|(until, _)| !is_over(*until));
        self.left.retain(|_, left| {
            let may_end = left.let_go.map_or(left.approved, &is_over);
            !may_end || !is_over(left.at)
        });
        if self
            .left
            .values()
            .all(|left| left.let_go.is_some() || left.approved)
        {
            return false;
        }
        if budget.is_off() {
            return self.let_go(u64::MAX, |_| true, now) > 0;
        }
        let long_ago = self.let_long_gone_go(listed, budget, now);
        self.let_new_ones_go(listed, budget, now) || long_ago
    }

    /// Releases people who were kept for a whole window. They go at the rate of a list of their size, not all at once.
    fn let_long_gone_go(&mut self, listed: u64, budget: &RemovalBudget, now: Timestamp) -> bool {
        let is_over = is_over(budget, now);
        let long_gone = self
            .left
            .values()
            .filter(|left| is_over(left.at) && !left.approved);
        let (kept, gone): (Vec<&Left>, Vec<&Left>) = long_gone.partition(|left| left.let_go.is_none());
        let room = budget
            .of(listed + kept.len() as u64)
            .saturating_sub(gone.len() as u64);
        self.let_go(room, |left| is_over(left.at), now) > 0
    }

    /// Each window that ends now or later bounds those who left within it, by the largest list within it: the one that begins
    /// with the earliest of them, and each that begins later.
    fn let_new_ones_go(&mut self, listed: u64, budget: &RemovalBudget, now: Timestamp) -> bool {
        let is_over = is_over(budget, now);
        // Of those who left at a time: how many have been let go.
        let mut gone: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for left in self
            .left
            .values()
            .filter(|left| !is_over(left.at) && !left.approved)
        {
            *gone.entry(left.at).or_default() += u64::from(left.let_go.is_some());
        }
        let mut since_then: u64 = gone.values().sum();
        // What is left in the fullest window that begins with one of the times so far; a time counts in each of them.
        let mut left_over = i128::MAX;
        let mut all = 0;
        for (time, gone) in gone {
            let most = budget.of(self.largest_since(time, listed));
            left_over = left_over.min(i128::from(most) - i128::from(since_then));
            since_then -= gone;
            let room = u64::try_from(left_over).unwrap_or_default();
            if room > 0 {
                let let_go = self.let_go(room, |left| left.at == time, now);
                left_over -= i128::from(let_go);
                all += let_go;
            }
        }
        all > 0
    }

    /// Lets the first so many of these go, by name, and says how many there were.
    fn let_go(&mut self, room: u64, is_meant: impl Fn(&Left) -> bool, now: Timestamp) -> u64 {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let waiting = self.left.values_mut();
        let waiting = waiting.filter(|left| left.let_go.is_none() && !left.approved && is_meant(left));
        waiting.take(room).map(|left| left.let_go = Some(now)).count() as u64
    }

    /// Somebody went by an approval. `true`: they were among those who count.
    pub(crate) fn went_by_approval(&mut self, user: &UserId) -> bool {
        let left = self.left.get_mut(user);
        left.is_some_and(|left| !std::mem::replace(&mut left.approved, true))
    }

    /// People who are kept. `None` if there are none.
    pub(crate) fn kept(&self, listed: u64, budget: &RemovalBudget) -> Option<Kept> {
        // Also while no window passes.
        if budget.is_off() {
            return None;
        }
        let kept = |(user, left): (&UserId, &Left)| left.let_go.is_none().then(|| user.clone());
        let users: MemberSet = self.left.iter().filter_map(kept).collect();
        if users.is_empty() {
            return None;
        }
        // Once the first who left is a whole window away, so are the others that left with them.
        let first = self
            .left
            .values()
            .map(|left| left.let_go.unwrap_or(left.at))
            .min();
        let window = signed(budget);
        let of = self.sizes.iter().map(|(_, size)| *size).fold(listed, u64::max);
        Some(Kept {
            dropped: self.left.values().filter(|left| !left.approved).count() as u64,
            approved: users.filter(|user| self.left.get(user).is_some_and(|left| left.approved)),
            of,
            limit: Limit::Count(budget.of(of)),
            users,
            next: first.and_then(|first| first.checked_add(window).ok()),
        })
    }

    /// Changes every time in it, as where the clock was wrong by which they were kept.
    pub(crate) fn each_time(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        for (until, _) in &mut self.sizes {
            *until = change(*until);
        }
        for left in self.left.values_mut() {
            left.at = change(left.at);
            left.let_go = left.let_go.map(&change);
        }
    }

    /// True if nothing of it matters any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.sizes.is_empty() && self.left.is_empty()
    }

    /// The size of the largest list in force at that time or later, the one that ended with it included.
    fn largest_since(&self, time: Timestamp, listed: u64) -> u64 {
        let sizes = self.sizes.iter().filter(|(until, _)| *until >= time);
        sizes.map(|(_, size)| *size).fold(listed, u64::max)
    }
}

/// Tests whether a time is outside the window that ends now.
fn is_over(budget: &RemovalBudget, now: Timestamp) -> impl Fn(Timestamp) -> bool + use<> {
    let window = signed(budget);
    move |time| now.duration_since(time) >= window
}

fn signed(budget: &RemovalBudget) -> SignedDuration {
    SignedDuration::try_from(budget.window).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
