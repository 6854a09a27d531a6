//! People who must not be touched for now, by room: held names, people set aside, contested ones, and people who come and go. Beside
//! them those who come back, who are named and removed all the same.

mod coming_and_going;
mod coming_back;
mod contested;
mod holds;
mod invitations;
mod removal_budget;
mod set_aside;

pub(crate) use contested::{ContestNews, Contested, ContestedEntry, Standing};
pub(crate) use holds::{Hold, Lists, Roster, Rosters, wanted};
pub(crate) use invitations::{InvitationChange, Invitations};
pub(crate) use removal_budget::RemovalBudgets;
pub(crate) use set_aside::{Entry, Refusal, SetAside};

use crate::clock::{Moment, Moved};
use crate::desired::DesiredRoom;
use crate::model::{Op, RoomId, UserId, log_code};
use crate::plan::{self, NotTried, Withdrawn};
use crate::status;
use coming_and_going::ComingAndGoing;
use coming_back::ComingBack;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::time::Instant;

/// Most held names of a room that are shown.
const NAMES_SHOWN: usize = 100;

/// Everyone who must not be touched for now. Times are on the steady clock.
#[derive(Debug, Default)]
pub(crate) struct Exclusions {
    holds: Rosters,
    set_aside: SetAside,
    coming_and_going: ComingAndGoing,
    contested: Contested,
    coming_back: ComingBack,
}

/// Effects of a new set of files on the holds.
#[derive(Debug)]
#[must_use]
pub(crate) struct HoldChanges {
    /// Rooms in which something is held that was not before, or no longer.
    pub(crate) rooms: BTreeSet<RoomId>,
    /// True if there is something to be kept on the disk that was not before.
    pub(crate) differs: bool,
}

impl Exclusions {
    /// Goes on from what an earlier process kept.
    pub(crate) fn new(
        holds: Rosters,
        mut set_aside: SetAside,
        contested: Vec<ContestedEntry>,
        now: Timestamp,
    ) -> Self {
        set_aside.void_the_future(now);
        Self {
            holds,
            set_aside,
            contested: Contested::from_entries(contested),
            ..Self::default()
        }
    }

    pub(crate) fn rosters(&self) -> &Rosters {
        &self.holds
    }

    pub(crate) fn set_aside(&self) -> &SetAside {
        &self.set_aside
    }

    pub(crate) fn contested(&self) -> &Contested {
        &self.contested
    }

    pub(crate) fn contested_mut(&mut self) -> &mut Contested {
        &mut self.contested
    }

    pub(crate) fn coming_back(&self) -> &ComingBack {
        &self.coming_back
    }

    pub(crate) fn coming_back_mut(&mut self) -> &mut ComingBack {
        &mut self.coming_back
    }

    /// Everyone whom a changed file that names them frees.
    pub(crate) fn freed_by_files(&self) -> BTreeSet<UserId> {
        let mut users = self.set_aside.users();
        users.extend(self.contested.users().cloned());
        users
    }

    /// Lists of a room by the set in force, with their holds.
    pub(crate) fn lists(&self, room: &RoomId) -> Option<&Lists> {
        self.holds.of(room)
    }

    /// Takes a new set of files, and reports what is held by it.
    pub(crate) fn take(&mut self, rooms: &BTreeMap<RoomId, Arc<DesiredRoom>>, now: Timestamp) -> HoldChanges {
        let (changed, mut differs) = self.holds.take(rooms, now);
        differs |= self.contested.forget_others(|id| rooms.contains_key(id));
        for id in &changed {
            if let Some(lists) = self.holds.of(id) {
                report_holds(id, lists);
            }
        }
        HoldChanges {
            rooms: changed.into_iter().collect(),
            differs,
        }
    }

    /// Places in a room have ended, whose entry is this from now on. Nobody is held for that.
    pub(crate) fn end_places(&mut self, room: &DesiredRoom) {
        self.holds.end_places(room);
    }

    /// Somebody went by an approval, or ceased to be an admin by it. `true`: they were held until now.
    pub(crate) fn went_by_approval(&mut self, room: &RoomId, op: Op, user: &UserId) -> bool {
        self.holds.went_by_approval(room, op, user)
    }

    /// People of a room whom the last settled set named and did not want.
    pub(crate) fn withdrawn(&self, room: &RoomId) -> Withdrawn {
        self.holds.withdrawn(room)
    }

    /// The set in force has settled, with the rooms in it of which `is_in_it` is true.
    pub(crate) fn have_settled(&mut self, is_in_it: impl Fn(&RoomId) -> bool) {
        self.holds.settle(is_in_it);
    }

    /// Forgets people set aside or coming and going who are seen in the room after all. A look that is not `complete` proves of nobody
    /// that they are gone. `true`: there were some who were set aside.
    pub(crate) fn see(
        &mut self,
        room: &RoomId,
        is_there: impl Fn(&UserId) -> bool,
        complete: bool,
        now: Timestamp,
    ) -> bool {
        for user in self.coming_and_going.see(room, &is_there, complete, now) {
            tracing::info!(code = log_code::CAME_BACK, %room, %user, "has come back without help: no longer counts as coming and going");
        }
        self.set_aside.seen_in(room, is_there)
    }

    /// Takes in what a look shows of changes that others may undo: see [`Contested::see`]. Whoever is contested from now on does not
    /// count as coming and going.
    pub(crate) fn see_contests(
        &mut self,
        room: &RoomId,
        read_at: Instant,
        standing: impl Fn(&UserId, Op, Option<Instant>) -> Standing,
        named_by: impl Fn(&UserId) -> Option<String>,
        now: Timestamp,
    ) -> ContestNews {
        let news = self.contested.see(room, read_at, standing, named_by, now);
        for (user, _) in news.given_up.iter().filter(|(_, op)| *op == Op::Add) {
            self.coming_and_going.is_put_out(room, user);
        }
        news
    }

    /// Sets somebody aside whom the service refuses. `named_by`: the digest of the files that name them.
    pub(crate) fn refuse(
        &mut self,
        user: &UserId,
        refusal: Refusal<'_>,
        named_by: Option<String>,
        now: Timestamp,
    ) {
        if self.set_aside.put(user, refusal, named_by, now) {
            let Refusal {
                room, code, message, ..
            } = refusal;
            tracing::warn!(code = log_code::SET_ASIDE, %room, %user, reason = %code, "set aside: {message}");
        }
    }

    /// Lets go of people set aside or contested whose files changed, or whom no file names any more. `true`: there were some.
    pub(crate) fn let_go(&mut self, named_by: &BTreeMap<UserId, String>) -> bool {
        let set_aside = self.set_aside.let_go(named_by);
        self.contested.let_go(named_by) || set_aside
    }

    /// Counts somebody who was put back, and reports if they are left alone from now on.
    pub(crate) fn put_back(&mut self, room: &RoomId, user: &UserId, now: Moment) {
        if let Some(ends) = self.coming_and_going.put_back(room, user, now.steady) {
            let until = now.wall_at(ends);
            tracing::info!(code = log_code::COMES_AND_GOES, %room, %user, "comes and goes: left alone until {until:.0}");
        }
    }

    /// Wanted people of a room who are not to be tried now, and why.
    pub(crate) fn waiting_in(&self, desired: &DesiredRoom, now: Moment) -> BTreeMap<UserId, NotTried> {
        let mut waiting = self.coming_and_going.waiting_in(&desired.id, now);
        let wanted: Vec<_> = [&desired.members, &desired.admins]
            .into_iter()
            .flatten()
            .collect();
        waiting.extend(self.contested.waiting_in(&desired.id, Op::Add, now));
        waiting.extend(self.set_aside.waiting_in(&desired.id, &wanted, now));
        waiting.into_iter().collect()
    }

    /// People of a room who are not to be made admins now, and why.
    pub(crate) fn not_promoted_in(&self, room: &RoomId, now: Moment) -> BTreeMap<UserId, NotTried> {
        self.contested
            .waiting_in(room, Op::Promote, now)
            .into_iter()
            .collect()
    }

    /// Removals and demotions that are held in a room.
    pub(crate) fn holds_in(&self, room: &RoomId) -> [Option<plan::HeldNames>; 2] {
        let lists = self.lists(room);
        [
            lists.and_then(|lists| lists.removals.as_ref()),
            lists.and_then(|lists| lists.demotions.as_ref()),
        ]
        .map(|hold| hold.map(plan::HeldNames::from))
    }

    /// Number of names that are held in these rooms.
    pub(crate) fn count_held<'a>(&self, rooms: impl Iterator<Item = &'a RoomId>) -> usize {
        let lists = rooms.filter_map(|id| self.lists(id));
        lists
            .flat_map(|lists| [&lists.removals, &lists.demotions])
            .flatten()
            .map(|hold| hold.users.len() - hold.gone.len())
            .sum()
    }

    /// Holds of a room, to be shown.
    pub(crate) fn shown_holds(&self, room: &RoomId) -> Vec<status::Hold> {
        let Some(lists) = self.lists(room) else {
            return Vec::new();
        };
        let named = lists.by_guard().into_iter();
        let shown = named.filter_map(|(guard, hold)| {
            let hold = hold.as_ref()?;
            let users = hold.users.minus(&hold.gone);
            if users.is_empty() {
                return None;
            }
            Some(status::Hold {
                room: room.clone(),
                guard,
                limit: hold.limit.to_string(),
                dropped: usize::try_from(hold.dropped).unwrap_or(usize::MAX),
                of: usize::try_from(hold.of).unwrap_or(usize::MAX),
                users: users.iter().take(NAMES_SHOWN).cloned().collect(),
                held: users.len(),
                since: hold.since,
            })
        });
        shown.collect()
    }

    /// People who come and go and are left alone now.
    pub(crate) fn shown_coming_and_going(&self, now: Moment) -> Vec<status::ComingAndGoing> {
        self.coming_and_going.shown(now)
    }

    /// Forgets everyone whose time is over.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.coming_and_going.forget(now);
        self.contested.forget(now);
        self.coming_back.forget(now);
    }

    /// Follows a move of the steady time.
    pub(crate) fn moved(&mut self, moved: &Moved) {
        self.set_aside.moved(moved);
        self.coming_and_going.moved(moved);
        self.contested.moved(moved);
        self.coming_back.moved(moved);
    }
}

fn report_holds(room: &RoomId, lists: &Lists) {
    let mut any = false;
    for (guard, hold) in lists.by_guard() {
        let Some(hold) = hold else { continue };
        any = true;
        let (limit, held) = (hold.limit.to_string(), hold.users.len());
        tracing::warn!(code = log_code::HELD, %room, %guard, limit, dropped = hold.dropped, of = hold.of, held,
            "held: more names left the files at once than the guard allows; put them back, or let them go once with `roomsync approve {room}`; a line in the room's own `guards` allows it, too: take it out again afterwards"
        );
    }
    if !any {
        tracing::info!(code = log_code::HOLD_ENDED, %room, "nothing is held any more");
    }
}
