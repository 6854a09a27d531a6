use super::AllowList;
use crate::model::{MemberSet, RoomId, counted};
use std::collections::BTreeSet;
use std::fmt;
use tokio::time::Instant;

/// A room as one read showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRoom {
    /// The room.
    pub id: RoomId,
    /// Its name on the service.
    pub name: Option<String>,
    /// Owner in lower case, whether or not a row of the list names them.
    pub owner: Option<String>,
    /// Page of the member list on which the owner stood, from 1, if pages were read.
    pub owner_page: Option<u32>,
    /// True if a list of those in the room names the owner. An owner who has left still owns it.
    pub owner_is_in: bool,
    /// The admins, the owner not among them. `None`: no decision needed them, so they were not read.
    pub admins: Option<MemberSet>,
    /// Everyone in the room but the owner, admins included.
    pub members: MemberSet,
    /// The room's allow list.
    pub allow_list: AllowList,
    /// Members whose names break our rules: they are never sent.
    pub foreign: BTreeSet<String>,
    /// Admins whose names break our rules.
    pub foreign_admins: BTreeSet<String>,
    /// Most people in the room, the owner counted, if the service says so.
    pub max_users: Option<u64>,
    /// Time at which the read began.
    pub read_at: Instant,
}

/// A look at a room, and whether it can be trusted to show everyone.
///
/// Only a complete one may lead to a removal or a demotion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Observed {
    /// Nothing in the answers contradicted anything else.
    Complete(LiveRoom),
    /// Every try contradicted itself; the last one, and how.
    Partial(LiveRoom, Inconsistency),
}

impl Observed {
    /// The room as seen, complete or not.
    #[must_use]
    pub fn room(&self) -> &LiveRoom {
        match self {
            Self::Complete(room) | Self::Partial(room, _) => room,
        }
    }

    /// The room as seen, if it can be trusted to be everything.
    #[must_use]
    pub fn complete(&self) -> Option<&LiveRoom> {
        match self {
            Self::Complete(room) => Some(room),
            Self::Partial(..) => None,
        }
    }
}

/// Reason for which the answers of one read cannot all be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inconsistency {
    /// This page has the rows of the page before it.
    PageRepeats(u32),
    /// This page is empty, but the room is said to hold more people than were listed.
    EmptyPage(u32),
    /// This page has `rows` rows and says it has `count`.
    Count {
        /// The page, from 1.
        page: u32,
        /// Rows that it has.
        rows: usize,
        /// Rows that it says it has.
        count: u64,
    },
    /// So many rows of this page name nobody.
    UnreadableRows {
        /// The page, from 1.
        page: u32,
        /// Rows that were not understood.
        rows: usize,
    },
    /// So many rows of the admin list name nobody.
    UnreadableAdmins(usize),
    /// The list shows `listed` people, room detail says `detail`.
    Size {
        /// People that the pages show, the owner counted.
        listed: u64,
        /// People by room detail.
        detail: u64,
    },
    /// Neither the list nor room detail names an owner.
    NoOwner,
    /// The list names one owner, room detail or another row another.
    TwoOwners(String, String),
    /// The admin list has `rows` rows and says it has `count`.
    AdminCount {
        /// Rows that it has.
        rows: usize,
        /// Rows that it says it has.
        count: u64,
    },
    /// Two lists of the admins, one right after the other, differ.
    AdminsDiffer,
    /// So many rows of the allow list name nobody.
    UnreadableAllowed(usize),
    /// The allow list has `rows` rows and says it has `count`.
    AllowedCount {
        /// Rows that it has.
        rows: usize,
        /// Rows that it says it has.
        count: u64,
    },
}

impl Inconsistency {
    /// True if it is about the admin list: the other answers hold.
    #[must_use]
    pub fn is_of_admins(&self) -> bool {
        match self {
            Self::UnreadableAdmins(_) | Self::AdminCount { .. } | Self::AdminsDiffer => true,
            Self::PageRepeats(_)
            | Self::EmptyPage(_)
            | Self::Count { .. }
            | Self::UnreadableRows { .. }
            | Self::Size { .. }
            | Self::NoOwner
            | Self::TwoOwners(..)
            | Self::UnreadableAllowed(_)
            | Self::AllowedCount { .. } => false,
        }
    }
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PageRepeats(page) => write!(f, "page {page} of the member list repeats the page before it"),
            Self::EmptyPage(page) => {
                write!(f, "page {page} of the member list is empty before the list's end")
            }
            Self::Count { page, rows, count } => {
                write!(
                    f,
                    "page {page} of the member list has {} and says it has {count}",
                    counted(*rows, "row")
                )
            }
            Self::UnreadableRows { page, rows } => {
                write!(
                    f,
                    "page {page} of the member list has {} without a name",
                    counted(*rows, "row")
                )
            }
            Self::UnreadableAdmins(rows) => {
                write!(f, "the admin list has {} without a name", counted(*rows, "row"))
            }
            Self::Size { listed, detail } => {
                write!(
                    f,
                    "the member list shows {listed} people, room detail says {detail}"
                )
            }
            Self::NoOwner => f.write_str("neither the member list nor room detail names an owner"),
            Self::TwoOwners(listed, detail) => {
                write!(f, "both {listed:?} and {detail:?} are said to own the room")
            }
            Self::AdminCount { rows, count } => {
                write!(
                    f,
                    "the admin list has {} and says it has {count}",
                    counted(*rows, "row")
                )
            }
            Self::UnreadableAllowed(rows) => {
                write!(f, "the allow list has {} without a name", counted(*rows, "row"))
            }
            Self::AllowedCount { rows, count } => {
                write!(
                    f,
                    "the allow list has {} and says it has {count}",
                    counted(*rows, "row")
                )
            }
            Self::AdminsDiffer => f.write_str("two admin lists, one right after the other, differ"),
        }
    }
}
