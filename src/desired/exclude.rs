//! People whom a room's `exclude` takes out of what its lists come to.

use super::entry::{Entry, Who};
use super::groups::{Listed, People, ResolvedGroups};
use crate::diagnostics::{Place, Problem, RawDiagnostic, shown};
use crate::model::{MemberSet, UserId};

/// People whom a room's lists come to, and who are not wanted there because the room excludes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excluded {
    /// Those of `admins`.
    pub admins: MemberSet,
    /// Those of `members`.
    pub members: MemberSet,
}

impl Excluded {
    /// Everyone, each once.
    #[must_use]
    pub fn people(&self) -> MemberSet {
        self.admins.or(&self.members)
    }
}

/// A room's `exclude`, and the people it comes to. Whoever a group names is excluded, be their place in it over or not: an end adds
/// nobody.
pub(super) struct Exclude<'s> {
    listed: Listed<'s>,
    people: People,
}

impl<'s> Exclude<'s> {
    /// Records what is wrong with the list.
    pub(super) fn new(listed: Listed<'s>, groups: &ResolvedGroups<'_>, problems: &mut Vec<Problem>) -> Self {
        let people = groups.people_of(&listed, problems);
        Self { listed, people }
    }

    /// Place of the key.
    pub(super) fn at(&self) -> Place {
        self.listed.at.key()
    }

    /// Takes them out of the people of a list, and gives those who were taken out.
    pub(super) fn take_from(&self, people: &mut People) -> MemberSet {
        let taken = people.set.and(&self.people.set);
        if !taken.is_empty() {
            people.set = people.set.minus(&taken);
            people.ends.retain(|(user, _)| !taken.contains(user));
        }
        taken
    }

    /// Errors about those whom a list names itself: the room both wants and excludes them.
    pub(super) fn contradictions<'l>(&self, list: &Listed<'l>, groups: &ResolvedGroups<'_>) -> Vec<Problem> {
        let items = list.items.iter().enumerate();
        let named = items.filter_map(|(item, entry)| Some((item, entry.as_ref()?.user()?)));
        named
            .filter(|(_, user)| self.people.set.contains(user))
            .map(|(item, user)| {
                let message = format!(
                    "{} is both listed and excluded in this room",
                    shown(user.as_str())
                );
                let raw = RawDiagnostic::new("listed-and-excluded", message)
                    .help("take the name out of the list, or out of `exclude`");
                let problem = Problem::error(list.at.item(item), raw);
                match self.place_of(user, groups) {
                    Some(place) => problem.also(place, "excluded here"),
                    None => problem,
                }
            })
            .collect()
    }

    /// Place of the item that excludes somebody.
    fn place_of(&self, user: &UserId, groups: &ResolvedGroups<'_>) -> Option<Place> {
        let item = self.listed.items.iter().position(|entry| {
            entry
                .as_ref()
                .is_some_and(|entry| named_by(entry, groups).contains(user))
        })?;
        Some(self.listed.at.item(item))
    }

    /// Warnings about items that exclude nobody. `taken` are those who were taken out of the lists.
    pub(super) fn without_effect(&self, taken: &MemberSet, groups: &ResolvedGroups<'_>) -> Vec<Problem> {
        let items = self.listed.items.iter().enumerate();
        let entries = items.filter_map(|(item, entry)| Some((item, entry.as_ref()?)));
        entries
            .filter(|(_, entry)| named_by(entry, groups).and(taken).is_empty())
            .map(|(item, entry)| {
                let message = match entry.who() {
                    Who::User(user) => format!(
                        "{} is excluded, but no list of this room comes to them",
                        shown(user.as_str())
                    ),
                    Who::Group(name) => format!(
                        "the group {} is excluded, but no list of this room comes to anybody in it",
                        shown(name.0.as_str())
                    ),
                };
                let raw = RawDiagnostic::new("excludes-nobody", message)
                    .help("check the spelling, or take it out of `exclude`");
                Problem::warning(self.listed.at.item(item), raw)
            })
            .collect()
    }
}

/// The people whom an item comes to.
fn named_by(entry: &Entry, groups: &ResolvedGroups<'_>) -> MemberSet {
    match entry.who() {
        Who::User(user) => [user.clone()].into_iter().collect(),
        Who::Group(name) => groups
            .get(name)
            .map(|people| people.set.clone())
            .unwrap_or_default(),
    }
}
