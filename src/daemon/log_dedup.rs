//! One thing is said once: a failure that goes on is counted, not repeated.

use std::collections::BTreeMap;

/// What was said of each subject, and how often it was so since.
#[derive(Debug, Default)]
pub(super) struct LogDedup(BTreeMap<String, (String, u64)>);

impl LogDedup {
    /// Whether this is news of the subject.
    pub(super) fn is_news(&mut self, subject: &str, text: &str) -> bool {
        match self.0.get_mut(subject) {
            Some((said, times)) if said == text => {
                *times += 1;
                false
            }
            _ => {
                self.0.insert(subject.to_owned(), (text.to_owned(), 1));
                true
            }
        }
    }

    /// The subject is in order again; gives how often it was not, if it was said at all.
    pub(super) fn forget(&mut self, subject: &str) -> Option<u64> {
        self.0.remove(subject).map(|(_, times)| times)
    }
}
