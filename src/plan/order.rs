//! Write calls of a room, in their order.
//!
//! As a rule adds, allows, promotes, demotes, removes, disallows. Two shortages change that: where promotes would pass the most admins a
//! room can have, as many demotes as needed go first; where a room has no place for its adds, those who leave go first. And
//! one rule stands above both: no demotion before a wanted admin stands, so that a room never loses its last one.

use super::Note;
use super::changes::{Changes, Step};
use super::room_diff::held;
use crate::model::{MemberSet, Op, ReasonCode, UserId};

/// Number of names in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSizes {
    /// Of `add_many`, at least 1.
    pub add_batch: usize,
    /// Of `remove_many`, at least 1.
    pub remove_batch: usize,
    /// Of `allow_many`, at least 1.
    pub allow_batch: usize,
    /// Of `disallow_many`, at least 1.
    pub disallow_batch: usize,
}

/// Free places of a room, and its reliable admins.
#[derive(Debug, Clone)]
pub(super) struct Capacity {
    /// Number of admins that can be added.
    pub(super) admins: usize,
    /// Number of members that can be added; `None` if the service does not say.
    pub(super) members: Option<usize>,
    /// True if there may be a place for one more: the owner has left, and the service may or may not count them.
    pub(super) one_more: bool,
    /// Wanted admins who are admins already.
    pub(super) standing: MemberSet,
    /// True if somebody should be made an admin who is not among the changes.
    pub(super) short_of_admins: bool,
}

/// The calls in order, and what has to be held back.
#[derive(Default)]
pub(super) struct Ordered {
    pub(super) steps: Vec<Step>,
    /// People without a place, in the order in which they get the place of somebody who cannot come.
    pub(super) reserves: Vec<UserId>,
    /// Person who is added last, in a call of their own: there may be no place for them.
    pub(super) last: Option<UserId>,
    pub(super) held: Vec<Note>,
}

/// Puts the changes in order.
pub(super) fn order(changes: &Changes, capacity: &Capacity, sizes: BatchSizes) -> Ordered {
    let mut sequence = Sequence::new(changes, capacity);
    sequence.open_full_room();
    sequence.fit_members();
    let before = sequence.fit_admins();
    sequence.keep_admins();
    sequence.steps(&before, sizes)
}

/// The changes while they are being fitted to the room.
struct Sequence<'a> {
    capacity: &'a Capacity,
    /// True if there is no place for the adds until somebody has left.
    full: bool,
    add: MemberSet,
    allow: MemberSet,
    promote: MemberSet,
    /// Admins who are removed; a demotion each.
    leaving: MemberSet,
    /// The other demotions.
    demote: MemberSet,
    remove: MemberSet,
    disallow: MemberSet,
    /// Goes before everything, so that those who leave may.
    opener: Option<UserId>,
    /// True if somebody should be made an admin who will not be.
    short_of_admins: bool,
    reserves: Vec<UserId>,
    last: Option<UserId>,
    held: Vec<Note>,
}

/// Order of the promotes and demotes: `first`, then `demotes`, then the other promotes and demotes.
struct Before {
    first: MemberSet,
    demotes: MemberSet,
}

impl<'a> Sequence<'a> {
    fn new(changes: &Changes, capacity: &'a Capacity) -> Self {
        let Changes {
            add,
            allow,
            remove,
            promote,
            demote,
            disallow,
        } = changes.clone();
        let leaving = demote.and(&remove);
        Self {
            capacity,
            full: capacity.members.is_some_and(|places| add.len() > places),
            demote: demote.minus(&leaving),
            leaving,
            add,
            allow,
            promote,
            remove,
            disallow,
            opener: None,
            short_of_admins: capacity.short_of_admins,
            reserves: Vec::new(),
            last: None,
            held: Vec::new(),
        }
    }

    /// True if a demotion may go although no promotion has succeeded yet.
    fn may_demote(&self) -> bool {
        !self.capacity.standing.is_empty() || (self.promote.is_empty() && !self.short_of_admins)
    }

    fn hold<'u>(
        &mut self,
        users: impl IntoIterator<Item = &'u UserId>,
        op: Op,
        code: ReasonCode,
        message: &str,
    ) {
        self.held.extend(held(users, op, code, message));
    }

    /// In a full room admins may have to leave before anybody can come in. Before that a wanted admin must stand: one who
    /// is in the room already is promoted first, and where there is none those admins stay for now.
    fn open_full_room(&mut self) {
        if !self.full || self.leaving.is_empty() || self.may_demote() {
            return;
        }
        if self.capacity.admins > 0 {
            self.opener = self.promote.minus(&self.add).iter().next().cloned();
        }
        match &self.opener {
            Some(opener) => self.promote = self.promote.filter(|user| user != opener),
            None => self.keep_leaving(),
        }
    }

    fn keep_leaving(&mut self) {
        let leaving = std::mem::take(&mut self.leaving);
        let why = "no wanted admin stands yet, so this admin stays for now";
        self.hold(&leaving, Op::Demote, ReasonCode::NoOtherAdmin, why);
        self.hold(&leaving, Op::Remove, ReasonCode::NoOtherAdmin, why);
        self.remove = self.remove.minus(&leaving);
        self.disallow = self.disallow.minus(&leaving);
    }

    /// Holds every demotion where nobody stands and nobody is going to be promoted who could take over.
    fn keep_admins(&mut self) {
        if self.may_demote() || self.opener.is_some() || !self.promote.is_empty() {
            return;
        }
        self.keep_leaving();
        let demote = std::mem::take(&mut self.demote);
        // Who stays an admin is on the list anyway.
        self.allow = self.allow.minus(&demote);
        let why = "no wanted admin stands, so this admin keeps the role";
        self.hold(&demote, Op::Demote, ReasonCode::NoOtherAdmin, why);
    }

    /// Holds the adds for which there is no place even after the removals; those who are to be admins come first.
    fn fit_members(&mut self) {
        let Some(places) = self.capacity.members else {
            return;
        };
        let places = if self.full {
            places + self.remove.len()
        } else {
            places
        };
        if self.add.len() <= places {
            return;
        }
        let wanted_admins = self.add.and(&self.promote);
        let others = self.add.minus(&wanted_admins);
        let mut line = wanted_admins.iter().chain(&others).cloned();
        let fit: MemberSet = line.by_ref().take(places).collect();
        self.last = line.next().filter(|_| self.capacity.one_more);
        let fit: MemberSet = fit.iter().chain(&self.last).cloned().collect();
        let out = self.add.minus(&fit);
        let mut in_line = wanted_admins.and(&out).iter().cloned().collect::<Vec<_>>();
        in_line.extend(others.and(&out).iter().cloned());
        let why = "the room has no place for them; they come in if somebody before them cannot";
        self.hold(&in_line, Op::Add, ReasonCode::RoomFull, why);
        let not_promoted = self.promote.and(&out);
        self.hold(&not_promoted, Op::Promote, ReasonCode::RoomFull, why);
        self.reserves = in_line;
        self.allow = self.allow.minus(&self.add.minus(&fit));
        self.add = fit;
        self.promote = self.promote.minus(&not_promoted);
        self.short_of_admins |= !not_promoted.is_empty();
    }

    /// Finds which demotes go before which promotes, and holds the promotes for which there is no place.
    fn fit_admins(&mut self) -> Before {
        let left_before = if self.full { self.leaving.len() } else { 0 };
        let places = (self.capacity.admins + left_before).saturating_sub(usize::from(self.opener.is_some()));
        let missing = self.promote.len().saturating_sub(places);
        let mut before = Before {
            first: MemberSet::default(),
            demotes: MemberSet::default(),
        };
        if missing == 0 {
            return before;
        }
        let may_demote = self.may_demote() || self.opener.is_some();
        if !may_demote && places == 0 {
            let promote = std::mem::take(&mut self.promote);
            let why = "the room has as many admins as it can, and none of them is wanted: demote one by hand";
            self.hold(&promote, Op::Promote, ReasonCode::AdminsFull, why);
            self.short_of_admins = true;
            return before;
        }
        if !may_demote {
            before.first = self.promote.iter().take(places).cloned().collect();
        }
        let none = MemberSet::default();
        let leaving = if self.full { &none } else { &self.leaving };
        before.demotes = leaving
            .iter()
            .chain(&self.demote)
            .take(missing)
            .cloned()
            .collect();
        let fit: MemberSet = self
            .promote
            .iter()
            .take(places + before.demotes.len())
            .cloned()
            .collect();
        let out = self.promote.minus(&fit);
        self.hold(
            &out,
            Op::Promote,
            ReasonCode::AdminsFull,
            "the room has as many admins as it can",
        );
        self.short_of_admins |= !out.is_empty();
        self.promote = fit;
        before
    }

    fn steps(self, before: &Before, sizes: BatchSizes) -> Ordered {
        let mut steps = Vec::new();
        let last: MemberSet = self.last.iter().cloned().collect();
        let sure = self.add.minus(&last);
        let adds = sure.chunks(sizes.add_batch).chain(last.chunks(1)).map(Step::Add);
        let allows = self.allow.chunks(sizes.allow_batch).map(Step::Allow);
        let removes = self.remove.chunks(sizes.remove_batch).map(Step::remove);
        let disallows = self.disallow.chunks(sizes.disallow_batch).map(Step::disallow);
        let demotes = |users: &MemberSet| users.iter().cloned().map(Step::demote).collect::<Vec<_>>();
        let promotes = |users: &MemberSet| users.iter().cloned().map(Step::Promote).collect::<Vec<_>>();

        steps.extend(self.opener.map(Step::Promote));
        let at_the_end = if self.full {
            steps.extend(demotes(&self.leaving));
            steps.extend(removes);
            steps.extend(adds);
            None
        } else {
            steps.extend(adds);
            Some(removes)
        };
        // Only members can be on the allow list, and who comes in while offline is dropped after two minutes unless they are on it: so
        // right after the adds. Who goes loses the place last: if the run ends in between, nobody is in the room without the place that
        // the files want for them; a place of somebody who is gone harms nobody.
        steps.extend(allows);
        steps.extend(promotes(&before.first));
        steps.extend(demotes(&before.demotes));
        steps.extend(promotes(&self.promote.minus(&before.first)));
        let rest = if self.full {
            self.demote
        } else {
            self.demote.or(&self.leaving)
        };
        steps.extend(demotes(&rest.minus(&before.demotes)));
        steps.extend(at_the_end.into_iter().flatten());
        steps.extend(disallows);
        Ordered {
            steps,
            reserves: self.reserves,
            last: self.last,
            held: self.held,
        }
    }
}
