use super::room::Inconsistency;
use crate::chat::wire::Rows;
use crate::chat::{Answer, CallError, Reader};
use crate::model::{MemberSet, RoomId, UserId};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// Admins of a room, perhaps with the owner among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminList {
    /// Their names.
    pub names: MemberSet,
    /// Names that break our rules.
    pub foreign: BTreeSet<String>,
    /// Contradiction within the list, if there is one.
    pub inconsistency: Option<Inconsistency>,
}

/// Reads the admins.
pub async fn read_admins(reader: &Reader, room: &RoomId) -> Result<AdminList, CallError> {
    Ok(read_admins_at(reader, room).await?.0)
}

/// Reads the admins, and gives the time at which the call was sent.
pub async fn read_admins_at(reader: &Reader, room: &RoomId) -> Result<(AdminList, Instant), CallError> {
    let Answer {
        data: Rows { rows, unreadable },
        count,
        sent_at,
        ..
    } = reader.list_admins(room).await?;
    let other_count = count.filter(|count| *count != rows.len() as u64);
    let inconsistency = match other_count {
        _ if unreadable > 0 => Some(Inconsistency::UnreadableAdmins(unreadable)),
        None => None,
        Some(count) => Some(Inconsistency::AdminCount {
            rows: rows.len(),
            count,
        }),
    };
    let mut foreign = BTreeSet::new();
    let parse = |name: String| {
        let user = UserId::parse(&name).ok();
        if user.is_none() {
            foreign.insert(name.to_lowercase());
        }
        user
    };
    let names = rows.into_iter().filter_map(parse).collect();
    let admins = AdminList {
        names,
        foreign,
        inconsistency,
    };
    Ok((admins, sent_at))
}
