use super::room::Inconsistency;
use crate::chat::wire::Rows;
use crate::chat::{Answer, CallError, CallErrorKind, Reader};
use crate::model::{MemberSet, RoomId, UserId};

/// Allow list of a room: whoever is on it stays in the room when they go offline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowList {
    /// No decision needed it, so it was not read.
    #[default]
    NotRead,
    /// Everyone on it whose name keeps to our rules. Owner and admins are on it by themselves.
    Names(MemberSet),
    /// It could not be read, for this reason. The room could.
    Unreadable(String),
}

impl AllowList {
    /// Names on the list, if it was read.
    #[must_use]
    pub fn names(&self) -> Option<&MemberSet> {
        match self {
            Self::Names(names) => Some(names),
            Self::NotRead | Self::Unreadable(_) => None,
        }
    }
}

/// Reads the allow list. A list that cannot be read is no reason to leave the room alone; the error is one.
pub async fn read_allow_list(reader: &Reader, room: &RoomId) -> Result<AllowList, CallError> {
    let answer = match reader.list_allowed(room).await {
        Ok(answer) => answer,
        Err(error) if is_of_the_list(&error.kind) => {
            return Ok(AllowList::Unreadable(error.without_room()));
        }
        Err(error) => return Err(error),
    };
    let Answer {
        data: Rows { rows, unreadable },
        count,
        ..
    } = answer;
    let number = rows.len();
    let inconsistency = match count.filter(|count| *count != number as u64) {
        _ if unreadable > 0 => Some(Inconsistency::UnreadableAllowed(unreadable)),
        None => None,
        Some(count) => Some(Inconsistency::AllowedCount { rows: number, count }),
    };
    Ok(match inconsistency {
        Some(inconsistency) => AllowList::Unreadable(inconsistency.to_string()),
        None => {
            let names = rows.iter().filter_map(|name| UserId::parse(name).ok());
            AllowList::Names(names.collect())
        }
    })
}

fn is_of_the_list(kind: &CallErrorKind) -> bool {
    !kind.stops_the_run() && !matches!(kind, CallErrorKind::NoSuchRoom(_))
}
