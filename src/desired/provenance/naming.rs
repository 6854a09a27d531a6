//! The files that name each user.

use super::super::place::Specs;
use super::super::spec::FileSpec;
use super::users_in;
use crate::model::UserId;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The files that name each user. Each entry is a hash of the name and, in its lower bits, the file's index; they are sorted.
///
/// The names themselves would be held twice. Of millions of names, hardly two have the same hash; if they do, a change of a file
/// that names one of them counts for the other too.
pub(super) struct NamingFiles(Vec<u64>);

impl NamingFiles {
    /// Enough for more files than fit into memory.
    const FILE_BITS: u32 = 24;
    const HASH: u64 = u64::MAX << Self::FILE_BITS;

    pub(super) fn new(specs: &Specs) -> Self {
        let mut entries = Vec::new();
        for (file, spec) in specs {
            let begin = entries.len();
            let file = u64::try_from(*file).unwrap_or_default();
            entries.extend(users_of(spec).map(|user| Self::hash(user) | file));
            // Most files name the same people again and again.
            let mut of_file = entries.split_off(begin);
            of_file.sort_unstable();
            of_file.dedup();
            entries.append(&mut of_file);
        }
        entries.sort_unstable();
        entries.shrink_to_fit();
        Self(entries)
    }

    fn hash(user: &UserId) -> u64 {
        let mut hasher = DefaultHasher::new();
        user.hash(&mut hasher);
        hasher.finish() & Self::HASH
    }

    /// The indexes of the files that name the user, in their order.
    pub(super) fn of(&self, user: &UserId) -> impl Iterator<Item = usize> {
        let hash = Self::hash(user);
        let begin = self.0.partition_point(|entry| *entry < hash);
        let entries = self.0.get(begin..).unwrap_or_default().iter();
        entries
            .take_while(move |entry| *entry & Self::HASH == hash)
            .filter_map(|entry| usize::try_from(entry & !Self::HASH).ok())
    }
}

/// Everybody that the lists of a file name themselves.
fn users_of(spec: &FileSpec) -> impl Iterator<Item = &UserId> {
    let groups = spec.groups.value.iter().flatten().map(|group| &group.items);
    let rooms = spec.rooms.value.iter().flatten().flatten();
    let lists = rooms.flat_map(|room| [&room.admins, &room.members, &room.exclude]);
    let lists = groups.chain(lists.filter_map(|list| list.value.as_ref()));
    lists.flat_map(users_in).map(|(_, user)| user)
}
