//! Names as one text: less than half of what a list of them takes.

use crate::model::{MemberSet, UserId};

/// Names in order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(Box<str>);

impl From<&MemberSet> for Names {
    fn from(users: &MemberSet) -> Self {
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        Self(names.join("\n").into())
    }
}

impl Names {
    fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.lines()
    }

    /// The users who are not among them.
    pub(crate) fn others_of(&self, users: &MemberSet) -> MemberSet {
        let mut names = self.iter().peekable();
        let others = users.iter().filter(|user| {
            while names.next_if(|name| *name < user.as_str()).is_some() {}
            names.peek() != Some(&user.as_str())
        });
        others.cloned().collect()
    }

    /// Those that are not among these users.
    pub(crate) fn minus(&self, users: &MemberSet) -> MemberSet {
        let mut users = users.iter().map(UserId::as_str).peekable();
        let others = self.iter().filter(|name| {
            while users.next_if(|user| user < name).is_some() {}
            users.peek() != Some(name)
        });
        others.filter_map(|name| UserId::parse(name).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn users() -> impl Strategy<Value = MemberSet> {
        let names = prop::collection::vec("[a-c.]{0,2}[a-c]", 0..12);
        names.prop_map(|names| names.iter().map(|name| UserId::parse(name).unwrap()).collect())
    }

    proptest! {
        #[test]
        fn names_are_the_set_that_they_were_made_of(some in users(), others in users()) {
            let names = Names::from(&some);
            prop_assert_eq!(names.minus(&others), some.minus(&others));
            prop_assert_eq!(names.others_of(&others), others.minus(&some));
        }
    }
}
