//! Lints of ends: those that are over, near or without effect, and days on which too many come together.

use super::entry::{Entry, Who};
use super::forecast::guard_forecasts;
use super::groups::{Listed, People, ResolvedGroups};
use super::room::DesiredRoom;
use crate::diagnostics::{Problem, RawDiagnostic, shown};
use crate::model::{Until, UserId};
use jiff::Timestamp;

/// An item with an end.
struct Ending<'a> {
    item: usize,
    who: Who<'a>,
    until: Until,
}

fn endings<'a>(listed: &'a Listed<'_>) -> impl Iterator<Item = Ending<'a>> {
    let items = listed.items.iter().enumerate();
    items.filter_map(|(item, entry)| {
        let entry: &Entry = entry.as_ref()?;
        Some(Ending {
            item,
            who: entry.who(),
            until: entry.until()?,
        })
    })
}

impl Ending<'_> {
    fn shown(&self) -> String {
        match self.who {
            Who::User(user) => shown(user.as_str()),
            Who::Group(name) => format!("the group {}", shown(name.0.as_str())),
        }
    }

    /// The people of it whose place in its list ends by it, as far as it is for the list to say.
    fn ending(&self, groups: &ResolvedGroups<'_>, people: &People) -> Vec<UserId> {
        match self.who {
            Who::User(user) => Some(user)
                .filter(|user| people.until(user) == Some(self.until))
                .into_iter()
                .cloned()
                .collect(),
            Who::Group(name) => {
                let Some(group) = groups.get(name) else {
                    return Vec::new();
                };
                let ends_by_it = |user: &&UserId| {
                    let own = group.until(user);
                    own.is_none_or(|own| own > self.until) && people.until(user) == Some(self.until)
                };
                group.set.iter().filter(ends_by_it).cloned().collect()
            }
        }
    }

    fn without_effect(&self, listed: &Listed<'_>, why: &str) -> Problem {
        let message = format!("this end has no effect: {why}");
        let raw = RawDiagnostic::new("until-without-effect", message)
            .help("take the end or the entry out, or the other place in which they are");
        Problem::warning(listed.at.item(self.item), raw)
    }
}

/// Lints of the ends in a list, which comes to these people.
pub(super) fn of_list(
    groups: &ResolvedGroups<'_>,
    listed: &Listed<'_>,
    people: &People,
    now: Timestamp,
) -> Vec<Problem> {
    let lint = |ending: Ending<'_>| {
        let (at, until) = (listed.at.item(ending.item), ending.until);
        if until.is_over(now) {
            let message = format!("this ended with {until}: nobody is wanted by it any more");
            let raw = RawDiagnostic::new("until-over", message).help("take it out, or give it a later end");
            return Some(Problem::warning(at, raw));
        }
        if !people.open && ending.ending(groups, people).is_empty() {
            let why = why_without_effect(&ending, groups, people)?;
            return Some(ending.without_effect(listed, &why));
        }
        until.is_near(now).then(|| {
            let message = format!("the place of {} ends with {until}", ending.shown());
            let raw =
                RawDiagnostic::new("until-near", message).help("give it a later end if they are to stay");
            Problem::note(at, raw)
        })
    };
    endings(listed).filter_map(lint).collect()
}

fn why_without_effect(ending: &Ending<'_>, groups: &ResolvedGroups<'_>, people: &People) -> Option<String> {
    match ending.who {
        Who::User(user) => Some(match people.until(user) {
            None => format!("{} is in this list without an end, too", shown(user.as_str())),
            Some(later) => format!("{} is in this list until {later}, too", shown(user.as_str())),
        }),
        Who::Group(name) => {
            let group = groups.get(name).filter(|group| !group.set.is_empty())?;
            let ends_before = |user: &UserId| group.until(user).is_some_and(|own| own <= ending.until);
            Some(if group.set.iter().all(ends_before) {
                "everybody in this group has an end that is no later".to_owned()
            } else {
                "everybody in this group whose place would end by it is in this list for longer, too"
                    .to_owned()
            })
        }
    }
}

/// Lints of ends in a room's members: wanted admins are wanted members, too.
pub(super) fn of_room(
    groups: &ResolvedGroups<'_>,
    listed: &Listed<'_>,
    members: &People,
    admins: &People,
) -> Vec<Problem> {
    if members.ends.is_empty() || members.open || admins.open {
        return Vec::new();
    }
    let lint = |ending: Ending<'_>| {
        let stays = |user: &UserId| {
            admins.set.contains(user) && admins.until(user).is_none_or(|until| until > ending.until)
        };
        let ends = ending.ending(groups, members);
        let is_idle = !ends.is_empty() && ends.iter().all(stays);
        is_idle.then(|| {
            let who = match ending.who {
                Who::User(user) => shown(user.as_str()),
                Who::Group(_) => "everybody in this group".to_owned(),
            };
            let why = format!("{who} is an admin here for longer, and admins are members, too");
            ending.without_effect(listed, &why)
        })
    };
    endings(listed).filter_map(lint).collect()
}

/// Lints of days on which more places in a room end than its guards let through.
pub(super) fn of_guards(room: &DesiredRoom, lists: [&Option<Listed<'_>>; 2], now: Timestamp) -> Vec<Problem> {
    let [admins, members] = lists;
    let forecasts = guard_forecasts(room, now).into_iter();
    let problem = |forecast: super::GuardForecast| {
        let list = if forecast.key == "admins" { admins } else { members };
        let raw = RawDiagnostic::new("until-trips-guard", forecast.to_string()).help(forecast.help());
        Some(Problem::warning(list.as_ref()?.at.key(), raw))
    };
    forecasts.filter_map(problem).collect()
}
