//! Where in the files each thing is said: found only when somebody asks, by parsing the texts once more.

mod mentions;
mod naming;

pub use mentions::{Mention, Mentions, OtherGroup, Pattern};

use super::entry::Entry;
use super::group_index::GroupIndex;
use super::place::{ListAt, RoomAt, Specs, rooms};
use crate::diagnostics::line_index::LineStarts;
use crate::diagnostics::node_spans;
use crate::diagnostics::{NodePath, Place, Target};
use crate::model::{RoomId, UserId};
use crate::source::{FileId, SourceFile, shown_digest};
use crate::yaml::{Field, Items};
use naming::NamingFiles;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A valid set of files, with every place in it. A clone is cheap.
#[derive(Clone, Default)]
pub struct Provenance(Arc<FilesRead>);

/// The files, and what was read in them.
#[derive(Default)]
struct FilesRead {
    files: Arc<[SourceFile]>,
    specs: Specs,
    groups: GroupIndex,
    /// Made at the first question.
    naming: OnceLock<NamingFiles>,
}

/// Something that the files may say of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    room: &'a RoomId,
    what: What<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    Member(&'a UserId),
    Admin(&'a UserId),
    NoMember(&'a UserId),
    NoAdmin(&'a UserId),
}

impl<'a> Query<'a> {
    /// The user is to be in the room: said by its `members`, or else by its `admins`.
    #[must_use]
    pub fn member(room: &'a RoomId, user: &'a UserId) -> Self {
        let what = What::Member(user);
        Self { room, what }
    }

    /// The user is to be an admin of the room: said by its `admins`.
    #[must_use]
    pub fn admin(room: &'a RoomId, user: &'a UserId) -> Self {
        let what = What::Admin(user);
        Self { room, what }
    }

    /// The user does not belong in the room: said by the item of `exclude`, or by the one whose end is over, or else by the key `members`,
    /// which does not list them.
    #[must_use]
    pub fn no_member(room: &'a RoomId, user: &'a UserId) -> Self {
        let what = What::NoMember(user);
        Self { room, what }
    }

    /// The user is no admin of the room: said by the item of `exclude`, or by the one whose end is over, or else by the key `admins`, which
    /// does not list them.
    #[must_use]
    pub fn no_admin(room: &'a RoomId, user: &'a UserId) -> Self {
        let what = What::NoAdmin(user);
        Self { room, what }
    }

    fn user(&self) -> &'a UserId {
        match self.what {
            What::Member(user) | What::Admin(user) | What::NoMember(user) | What::NoAdmin(user) => user,
        }
    }
}

/// Where something is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file's name as in messages.
    pub file: String,
    /// From 1.
    pub line: usize,
}

/// Files as they were once read.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered(Vec<(FileId, String)>);

impl Remembered {
    /// By which file it is.
    pub(crate) fn bytes(self) -> HashMap<FileId, Vec<u8>> {
        let bytes = |(identity, text): (FileId, String)| (identity, text.into_bytes());
        self.0.into_iter().map(bytes).collect()
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered")
            .field("files", &self.0.len())
            .finish()
    }
}

impl fmt::Debug for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.0.files.len();
        f.debug_struct("Provenance").field("files", &files).finish()
    }
}

impl Provenance {
    pub(super) fn new(files: Arc<[SourceFile]>, specs: Specs, groups: GroupIndex) -> Self {
        let naming = OnceLock::new();
        Self(Arc::new(FilesRead {
            files,
            specs,
            groups,
            naming,
        }))
    }

    /// The files themselves, to tell later whether one of them was cut short.
    #[must_use]
    pub fn remember(&self) -> Remembered {
        let of_file =
            |file: &SourceFile| Some((file.identity?, String::from_utf8(file.bytes().to_vec()).ok()?));
        Remembered(self.0.files.iter().filter_map(of_file).collect())
    }

    /// Everything that the files say of this person in this room.
    #[must_use]
    pub fn mentions(&self, room: &RoomId, user: &UserId) -> Mentions {
        Mentions::of(self, room, user)
    }

    /// Where each query is said; `None`: the files do not say it. Who is named by way of a group is said where the
    /// group names them. Each file is parsed at most once a call, so ask for all at once.
    #[must_use]
    pub fn find(&self, asked: &[Query<'_>]) -> Vec<Option<Origin>> {
        let index = Index::new(&self.0, asked);
        self.at(asked.iter().map(|query| index.place(query)).collect())
    }

    /// The lines of nodes, each being that of the file with this index.
    fn at(&self, places: Vec<Option<(usize, NodePath)>>) -> Vec<Option<Origin>> {
        let mut nodes: BTreeMap<usize, BTreeSet<&NodePath>> = BTreeMap::new();
        for (file, node) in places.iter().flatten() {
            nodes.entry(*file).or_default().insert(node);
        }
        let lines: HashMap<usize, HashMap<NodePath, usize>> = nodes
            .into_iter()
            .filter_map(|(file, nodes)| {
                let text = &self.0.files.get(file)?.text;
                let lines = LineStarts::new(text);
                let found = node_spans::bytes_of(text, nodes.into_iter().cloned());
                let found = found.into_iter().map(|(node, byte)| (node, lines.line(byte)));
                Some((file, found.collect()))
            })
            .collect();
        let origin = |(file, node): (usize, NodePath)| {
            Some(Origin {
                line: *lines.get(&file)?.get(&node)?,
                file: self.0.files.get(file)?.name.clone(),
            })
        };
        places.into_iter().map(|place| origin(place?)).collect()
    }

    /// For each of these users, a digest of the names and contents of all files whose lists or groups name them: it
    /// differs as soon as one of these files does, or another one names them. The names of all files are walked once a set.
    #[must_use]
    pub fn naming(&self, users: &BTreeSet<UserId>) -> BTreeMap<UserId, String> {
        if users.is_empty() {
            return BTreeMap::new();
        }
        let FilesRead {
            files, specs, naming, ..
        } = &*self.0;
        let naming = naming.get_or_init(|| NamingFiles::new(specs));
        let digest = |user: &UserId| {
            let mut hash = Sha256::new();
            for file in naming.of(user).filter_map(|file| files.get(file)) {
                let content = file.digest();
                // With its length before it, no two names and digests come to the same bytes.
                hash.update((file.name.len() as u64).to_be_bytes());
                hash.update(&file.name);
                hash.update(content.unwrap_or_default());
            }
            shown_digest(&hash.finalize())
        };
        users.iter().map(|user| (user.clone(), digest(user))).collect()
    }
}

/// All that is needed to answer the queries of one call.
struct Index<'s> {
    read: &'s FilesRead,
    /// The users asked for.
    users: HashSet<&'s UserId>,
    /// The groups that were walked, and for each user asked for those that name them, with the item that does.
    walked: HashSet<usize>,
    named: HashMap<&'s UserId, Vec<(usize, usize)>>,
    rooms: HashMap<&'s RoomId, Room<'s>>,
}

struct Room<'s> {
    members: Option<People<'s>>,
    admins: Option<People<'s>>,
    exclude: Option<People<'s>>,
}

/// A list of a room.
struct People<'s> {
    at: ListAt,
    /// For each user asked for, the item that names them.
    direct: HashMap<&'s UserId, usize>,
    /// The groups it comes to, by how early they are met.
    groups: HashMap<usize, usize>,
}

impl<'s> Index<'s> {
    fn new(read: &'s FilesRead, asked: &'s [Query<'s>]) -> Self {
        let mut index = Self {
            read,
            users: asked.iter().map(Query::user).collect(),
            walked: HashSet::new(),
            named: HashMap::new(),
            rooms: HashMap::new(),
        };
        let asked: HashSet<&RoomId> = asked.iter().map(|query| query.room).collect();
        for (at, _, room) in rooms(&read.specs) {
            if let Some(id) = &room.id.value
                && asked.contains(id)
            {
                let lists = [&room.members, &room.admins, &room.exclude];
                let [members, admins, exclude] = lists.map(|list| index.people(at, list));
                let lists = Room {
                    members,
                    admins,
                    exclude,
                };
                index.rooms.insert(id, lists);
            }
        }
        index
    }

    fn people(&mut self, at: RoomAt, list: &'s Field<Items<Entry>>) -> Option<People<'s>> {
        let items = list.value.as_ref()?;
        let mut direct = HashMap::new();
        for (item, user) in users_in(items).filter(|(_, user)| self.users.contains(user)) {
            direct.entry(user).or_insert(item);
        }
        let FilesRead { specs, groups, .. } = self.read;
        let mut reached = HashMap::new();
        groups.reach(items, &mut reached);
        for number in reached.keys().copied() {
            if let Some(group) = groups.get(number)
                && self.walked.insert(number)
            {
                let named = users_in(group.items(specs)).filter(|(_, user)| self.users.contains(user));
                for (item, user) in named {
                    self.named.entry(user).or_default().push((number, item));
                }
            }
        }
        Some(People {
            at: at.list(list),
            direct,
            groups: reached,
        })
    }

    /// The node that says it.
    fn place(&self, query: &Query<'_>) -> Option<(usize, NodePath)> {
        let Room {
            members,
            admins,
            exclude,
        } = self.rooms.get(query.room)?;
        let excluded = |user| self.item(exclude.as_ref()?, user);
        let place = match query.what {
            What::Member(user) => [members, admins]
                .into_iter()
                .flatten()
                .find_map(|people| self.item(people, user))?,
            What::Admin(user) => self.item(admins.as_ref()?, user)?,
            What::NoMember(user) => match excluded(user) {
                Some(item) => item,
                None => self.item_or_key(members.as_ref()?, user),
            },
            What::NoAdmin(user) => match excluded(user) {
                Some(item) => item,
                None => self.item_or_key(admins.as_ref()?, user),
            },
        };
        match place {
            Place {
                file,
                at: Target::Node(node),
            } => Some((file, node)),
            Place { .. } => None,
        }
    }

    fn item_or_key(&self, people: &People<'_>, user: &UserId) -> Place {
        self.item(people, user).unwrap_or_else(|| people.at.key())
    }

    /// The item that names the user: the list's own, or that of the first group which does.
    fn item(&self, people: &People<'_>, user: &UserId) -> Option<Place> {
        if let Some(item) = people.direct.get(user) {
            return Some(people.at.item(*item));
        }
        let (_, group, item) = self
            .named
            .get(user)?
            .iter()
            .filter_map(|(group, item)| Some((*people.groups.get(group)?, *group, *item)))
            .min()?;
        Some(self.read.groups.get(group)?.at.item(item))
    }
}

/// The users that a list names itself, each with its item.
fn users_in(items: &Items<Entry>) -> impl Iterator<Item = (usize, &UserId)> {
    items.iter().enumerate().filter_map(|(at, item)| {
        #[cfg(test)]
        tests::WALKED.with(|walked| walked.set(walked.get() + 1));
        Some((at, item.as_ref()?.user()?))
    })
}

#[cfg(test)]
mod tests;
