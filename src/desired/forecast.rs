//! Guards that the ends of places will trip: a day's ends are said as soon as the files say them.

use super::ends::{Departures, RoomEnds};
use super::room::DesiredRoom;
use crate::model::{Guard, Limit, MemberSet, Mode, counted_people};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fmt;

/// A day on which more places end than a guard lets through at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardForecast {
    /// The guard.
    pub guard: Guard,
    /// The key whose list it is about.
    pub key: &'static str,
    day: Date,
    limit: Limit,
    wanted: u64,
    of: u64,
    /// Number of later days of which the same is true.
    later: usize,
}

impl fmt::Display for GuardForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            guard,
            key,
            day,
            limit,
            wanted,
            of,
            later,
        } = self;
        let people = counted_people(usize::try_from(*wanted).unwrap_or(usize::MAX));
        match guard {
            Guard::AllowEmpty => {
                write!(
                    f,
                    "with {day} (UTC) the last place in `{key}` ends; who has it stays, and the room is blocked"
                )
            }
            Guard::MaxRemovalsTotal => write!(
                f,
                "with {day} (UTC) the places of {people} end, of {of} in all rooms; {guard} allows {limit}, so nobody may be removed then"
            ),
            _ => write!(
                f,
                "with {day} (UTC) the places of {people} in `{key}` end, of {of}; {guard} allows {limit}, so {} then",
                match guard {
                    Guard::MaxDemotions => "nobody is demoted or removed here",
                    Guard::RemovalBudget => "the daemon keeps those beyond it",
                    _ => "nobody is removed or demoted here",
                }
            ),
        }?;
        match later {
            0 => Ok(()),
            1 => write!(f, " (and so on one later day)"),
            more => write!(f, " (and so on {more} later days)"),
        }
    }
}

impl GuardForecast {
    /// What to write if it is meant.
    #[must_use]
    pub fn help(&self) -> String {
        let Self {
            guard, key, wanted, ..
        } = self;
        match guard {
            Guard::AllowEmpty => {
                format!("write `allow_empty: {key}` if nobody is to be left; otherwise list who is")
            }
            Guard::RemovalBudget => format!(
                "write `guards: {{{guard}: {{limit: {wanted}}}}}` in the room's entry if that is meant"
            ),
            Guard::MaxRemovalsTotal => format!(
                "let them end on several days, or write `guards: {{{guard}: {wanted}}}` in the settings"
            ),
            _ => format!(
                "let them end on several days, or write `guards: {{{guard}: {wanted}}}` in the room's entry"
            ),
        }
    }
}

/// Departures from a room by day, those that are over at `now` left out.
fn by_day(room: &DesiredRoom, now: Timestamp) -> BTreeMap<Date, (usize, usize)> {
    let mut days: BTreeMap<Date, (usize, usize)> = BTreeMap::new();
    let departures = room.departures().into_iter();
    for Departures {
        until,
        leave,
        step_down,
    } in departures.filter(|departures| !departures.until.is_over(now))
    {
        let (leaving, stepping_down) = days.entry(until.day()).or_default();
        *leaving += leave.len();
        *stepping_down += step_down.len();
    }
    days
}

/// Number of people in a list, the owner left out.
fn size(room: &DesiredRoom, list: Option<&MemberSet>) -> usize {
    let list = list.into_iter().flatten();
    list.filter(|user| room.owner.as_ref() != Some(*user)).count()
}

/// Everybody whom the room wants.
fn wanted(room: &DesiredRoom) -> MemberSet {
    MemberSet::of_all([&room.admins, &room.members].into_iter().flatten())
}

/// Forecasts for the room's own guards, the soonest day of each.
#[must_use]
pub fn guard_forecasts(room: &DesiredRoom, now: Timestamp) -> Vec<GuardForecast> {
    let Some(ends) = room.ends.as_deref().filter(|_| room.mode == Mode::Authoritative) else {
        return Vec::new();
    };
    let room_now = room.at(now);
    let room = room_now.as_ref().unwrap_or(room);
    let mut found: Vec<GuardForecast> = Vec::new();
    let mut trip = |guard, key, day, limit, wanted: usize, of: usize| match found
        .iter_mut()
        .find(|other| other.guard == guard)
    {
        Some(soonest) => soonest.later += 1,
        None => found.push(GuardForecast {
            guard,
            key,
            day,
            limit,
            wanted: wanted as u64,
            of: of as u64,
            later: 0,
        }),
    };
    let mut people = size(room, Some(&wanted(room)));
    let mut admins = size(room, room.admins.as_ref());
    let (removals, demotions) = (room.guards.max_removals, room.guards.max_demotions);
    let budget = room.guards.removal_budget;
    for (day, (leave, step_down)) in by_day(room, now) {
        if leave as u64 > removals.of(people as u64) {
            trip(Guard::MaxRemovals, "members", day, removals, leave, people);
        } else if !budget.is_off() && leave as u64 > budget.of(people as u64) {
            trip(Guard::RemovalBudget, "members", day, budget.limit, leave, people);
        }
        if step_down as u64 > demotions.of(admins as u64) {
            trip(Guard::MaxDemotions, "admins", day, demotions, step_down, admins);
        }
        people = people.saturating_sub(leave);
        admins = admins.saturating_sub(step_down);
    }
    let RoomEnds {
        admins: of_admins,
        members: of_members,
    } = room_now
        .as_ref()
        .and_then(|room| room.ends.as_deref())
        .unwrap_or(ends);
    for (key, list, ends, may_be_empty) in [
        ("admins", &room.admins, of_admins, room.allow_empty.admins),
        ("members", &room.members, of_members, room.allow_empty.members),
    ] {
        let ending = MemberSet::of_all(ends.to_come().iter().map(|(_, users)| users));
        let left = list.as_ref().map(|list| list.minus(&ending));
        let last = ends.to_come().last().filter(|_| !may_be_empty);
        if let (Some((until, users)), Some(left)) = (last, left)
            && size(room, Some(&left)) == 0
        {
            let guard = Guard::AllowEmpty;
            found.push(GuardForecast {
                guard,
                key,
                day: until.day(),
                limit: Limit::Count(0),
                wanted: users.len() as u64,
                of: users.len() as u64,
                later: 0,
            });
        }
    }
    found
}

/// Departures from all rooms by day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetDepartures {
    days: BTreeMap<Date, u64>,
    people: u64,
}

impl FleetDepartures {
    /// Counts a room. Rooms from which nobody is removed do not count.
    pub fn count(&mut self, room: &DesiredRoom, now: Timestamp) {
        if room.mode == Mode::Observe {
            return;
        }
        self.people += size(room, Some(&wanted(room))) as u64;
        if room.mode == Mode::Authoritative {
            for (day, (leave, _)) in by_day(room, now) {
                *self.days.entry(day).or_default() += leave as u64;
            }
        }
    }

    /// The forecast for `max_removals_total`.
    #[must_use]
    pub fn forecast(&self, limit: Limit) -> Option<GuardForecast> {
        let mut people = self.people;
        let mut found: Option<GuardForecast> = None;
        for (day, leave) in self.days.iter().filter(|_| limit != Limit::ALL) {
            if *leave > limit.of(people) {
                match &mut found {
                    Some(soonest) => soonest.later += 1,
                    None => {
                        found = Some(GuardForecast {
                            guard: Guard::MaxRemovalsTotal,
                            key: "members",
                            day: *day,
                            limit,
                            wanted: *leave,
                            of: people,
                            later: 0,
                        });
                    }
                }
            }
            people = people.saturating_sub(*leave);
        }
        found
    }
}
