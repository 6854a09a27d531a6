use super::{Glob, Limit, UserId};

/// The bounds on what one pass may do in a room, with everything that was left out filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// Removals, against the room's live members.
    pub max_removals: Limit,
    /// Demotions (of admins who are removed too), against the room's live admins.
    pub max_demotions: Limit,
    /// Adds, against the room's live members; `None` is no bound.
    pub max_additions: Option<Limit>,
    /// Who is never removed or demoted.
    pub protect: Vec<Glob>,
}

impl Guards {
    /// Whether this person is never removed or demoted.
    #[must_use]
    pub fn protects(&self, user: &UserId) -> bool {
        self.protect.iter().any(|glob| glob.matches(user.as_str()))
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            max_removals: Limit::Share(2_500),
            max_demotions: Limit::Share(5_000),
            max_additions: None,
            protect: Vec::new(),
        }
    }
}
