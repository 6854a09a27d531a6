use super::Inconsistency;
use crate::chat::{CallError, List, Reader};
use crate::model::{MemberSet, RoomId, UserId};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// The admins of a room, the owner perhaps among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminList {
    /// Their names.
    pub names: MemberSet,
    /// Names that break our rules.
    pub foreign: BTreeSet<String>,
    /// How the list contradicts itself, if it does.
    pub inconsistency: Option<Inconsistency>,
}

/// Reads the admins.
pub async fn read_admins(reader: &Reader, room: &RoomId) -> Result<AdminList, CallError> {
    Ok(read_admins_at(reader, room).await?.0)
}

/// Reads the admins, and gives when the call was sent that told who they are.
pub async fn read_admins_at(reader: &Reader, room: &RoomId) -> Result<(AdminList, Instant), CallError> {
    let (List { rows, count }, sent_at) = reader.list_admins(room).await?;
    let inconsistency =
        count
            .filter(|count| *count != rows.len() as u64)
            .map(|count| Inconsistency::AdminCount {
                rows: rows.len(),
                count,
            });
    let mut foreign = BTreeSet::new();
    let mut names = Vec::new();
    for name in rows {
        match UserId::parse(&name) {
            Ok(user) => names.push(user),
            Err(_) => {
                foreign.insert(name.to_lowercase());
            }
        }
    }
    let admins = AdminList {
        names: names.into_iter().collect(),
        foreign,
        inconsistency,
    };
    Ok((admins, sent_at))
}
