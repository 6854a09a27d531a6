//! Log lines that are written once: a failure that goes on is counted, not repeated.

use crate::model::RoomId;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// Subject of log lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// State of a room.
    Room(RoomId),
    /// Plan of a room.
    Plan(RoomId),
    /// Plan that would be carried out if anything were written.
    Would(RoomId),
    /// Report of a pass.
    Report,
}

/// Digest of the last line on each subject, and the number of times it has applied since.
#[derive(Debug, Default)]
pub(super) struct LogDedup {
    said: BTreeMap<Subject, (u64, u64)>,
    keys: RandomState,
}

impl LogDedup {
    /// True if the last line on this subject was another one.
    pub(super) fn is_news(&mut self, subject: Subject, line: &impl Hash) -> bool {
        let digest = self.keys.hash_one(line);
        match self.said.get_mut(&subject) {
            Some((said, times)) if *said == digest => {
                *times += 1;
                false
            }
            _ => {
                self.said.insert(subject, (digest, 1));
                true
            }
        }
    }

    /// Forgets the subject, which is in order again. Returns the number of times it was not, if there was a line on it.
    pub(super) fn forget(&mut self, subject: &Subject) -> Option<u64> {
        self.said.remove(subject).map(|(_, times)| times)
    }

    /// Forgets the room's state and plans. Returns the number of times that the room was not in order.
    pub(super) fn forget_room(&mut self, id: &RoomId) -> Option<u64> {
        self.forget(&Subject::Plan(id.clone()));
        self.forget(&Subject::Would(id.clone()));
        self.forget(&Subject::Room(id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_news_once_and_is_counted_until_its_subject_is_in_order() {
        let mut log = LogDedup::default();
        let id = RoomId::parse("7").unwrap();
        let room = Subject::Room(id.clone());
        assert!(log.is_news(room.clone(), &"failed"));
        assert!(!log.is_news(room.clone(), &"failed"));
        assert!(log.is_news(Subject::Plan(id.clone()), &"failed"));
        assert!(log.is_news(room.clone(), &"blocked"));
        assert!(!log.is_news(room.clone(), &"blocked"));
        assert_eq!(log.forget_room(&id), Some(2));
        assert_eq!(log.forget(&room), None);
        assert!(log.is_news(Subject::Plan(id), &"failed"));
    }

    #[test]
    fn a_hundred_thousand_names_leave_a_few_bytes() {
        let mut names: Vec<String> = (0..100_000).map(|n| format!("user{n}")).collect();
        let mut log = LogDedup::default();
        let plan = || Subject::Plan(RoomId::parse("7").unwrap());
        assert!(log.is_news(plan(), &names));
        assert!(!log.is_news(plan(), &names));
        names.pop();
        assert!(log.is_news(plan(), &names));
        assert_eq!(log.said.len(), 1);
        assert!(size_of::<(Subject, (u64, u64))>() <= 64);
    }
}
