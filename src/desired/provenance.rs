//! Where in the files each thing is said: found only when somebody asks, by parsing the texts once more.

mod mentions;

pub use mentions::{Mention, Mentions, OtherGroup, Pattern};

use super::groups::ListAt;
use super::spec::{Entry, FileSpec, GroupName, RoomSpec};
use crate::diagnostics::line_index::LineStarts;
use crate::diagnostics::node_spans;
use crate::diagnostics::{NodePath, Place, Target};
use crate::model::{RoomId, UserId};
use crate::source::{FileId, SourceFile, shown_digest};
use crate::yaml::{Field, Items};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// What a valid set of files says, with every place in it. A clone is cheap.
#[derive(Clone)]
pub struct Provenance(Arc<FilesRead>);

/// The files, and what was read in them.
pub(super) struct FilesRead {
    pub(super) files: Arc<[SourceFile]>,
    /// By the index in `files`.
    pub(super) specs: Vec<(usize, FileSpec)>,
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
    NoMember,
    NoAdmin,
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

    /// Who is not listed is not to be in the room: said by the key `members`.
    #[must_use]
    pub fn no_member(room: &'a RoomId) -> Self {
        let what = What::NoMember;
        Self { room, what }
    }

    /// Who is not listed is not to be an admin of the room: said by the key `admins`.
    #[must_use]
    pub fn no_admin(room: &'a RoomId) -> Self {
        let what = What::NoAdmin;
        Self { room, what }
    }

    fn user(&self) -> Option<&'a UserId> {
        match self.what {
            What::Member(user) | What::Admin(user) => Some(user),
            What::NoMember | What::NoAdmin => None,
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
        let FilesRead { files, specs: _ } = &*self.0;
        f.debug_struct("Provenance").field("files", &files.len()).finish()
    }
}

impl Provenance {
    pub(super) fn new(said: FilesRead) -> Self {
        Self(Arc::new(said))
    }

    /// The files themselves, to tell later whether one of them was cut short.
    #[must_use]
    pub fn remember(&self) -> Remembered {
        let of_file =
            |file: &SourceFile| Some((file.identity?, String::from_utf8(file.bytes().to_vec()).ok()?));
        Remembered(self.0.files.iter().filter_map(of_file).collect())
    }

    /// Where each query is said; `None`: the files do not say it. Who is named by way of a group is said where the
    /// group names them. Each file is parsed at most once a call, so ask for all at once.
    #[must_use]
    pub fn find(&self, asked: &[Query<'_>]) -> Vec<Option<Origin>> {
        let index = Index::new(&self.0.specs, asked);
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
    /// differs as soon as one of these files does, or another one names them.
    #[must_use]
    pub fn naming(&self, users: &BTreeSet<UserId>) -> BTreeMap<UserId, String> {
        let mut hashes: BTreeMap<&UserId, (Option<usize>, Sha256)> =
            users.iter().map(|user| (user, (None, Sha256::new()))).collect();
        for (at, spec) in &self.0.specs {
            let Some(file) = self.0.files.get(*at) else {
                continue;
            };
            let content = file.content.as_ref().map(|content| content.digest);
            for user in users_of(spec) {
                if let Some((last, hash)) = hashes.get_mut(user)
                    && *last != Some(*at)
                {
                    *last = Some(*at);
                    // With its length before it, no two names and digests come to the same bytes.
                    hash.update((file.name.len() as u64).to_be_bytes());
                    hash.update(&file.name);
                    hash.update(content.unwrap_or_default());
                }
            }
        }
        hashes
            .into_iter()
            .map(|(user, (_, hash))| (user.clone(), shown_digest(&hash.finalize())))
            .collect()
    }
}

/// Everybody that the lists of a file name themselves.
fn users_of(spec: &FileSpec) -> impl Iterator<Item = &UserId> {
    let groups = spec.groups.value.iter().flatten().map(|group| &group.items);
    let rooms = spec.rooms.value.iter().flatten().flatten();
    let lists = rooms.flat_map(|room| [&room.admins, &room.members]);
    groups
        .chain(lists.filter_map(|list| list.value.as_ref()))
        .flatten()
        .filter_map(|item| match item {
            Some(Entry::User(user)) => Some(user),
            _ => None,
        })
}

/// A group, and what it holds.
struct Group<'s> {
    at: ListAt,
    items: &'s Items<Entry>,
}

/// What is needed to answer the queries of one call.
struct Index<'s> {
    groups: Vec<Group<'s>>,
    /// For each user asked for, the groups that name them and the item that does.
    named: HashMap<&'s UserId, Vec<(usize, usize)>>,
    rooms: HashMap<&'s RoomId, Room<'s>>,
}

struct Room<'s> {
    members: Option<People<'s>>,
    admins: Option<People<'s>>,
}

/// A list of a room.
struct People<'s> {
    at: ListAt,
    /// For each user asked for, the item that names them.
    direct: HashMap<&'s UserId, usize>,
    /// The groups it holds, and those they hold, by how early they are met.
    groups: HashMap<usize, usize>,
}

impl<'s> Index<'s> {
    fn new(specs: &'s [(usize, FileSpec)], asked: &[Query<'_>]) -> Self {
        let users: HashSet<&UserId> = asked.iter().filter_map(Query::user).collect();
        let mut of_rooms: HashMap<&RoomId, HashSet<&UserId>> = HashMap::new();
        for query in asked {
            of_rooms.entry(query.room).or_default().extend(query.user());
        }
        let mut by_name: HashMap<&GroupName, usize> = HashMap::new();
        let mut index = Self {
            groups: Vec::new(),
            named: HashMap::new(),
            rooms: HashMap::new(),
        };
        for (file, spec) in specs {
            for group in spec.groups.value.iter().flatten() {
                let steps = spec.groups.entry.into_iter().chain([group.entry]).collect();
                let at = ListAt { file: *file, steps };
                let number = index.groups.len();
                by_name.insert(&group.key, number);
                for (item, user) in users_in(&group.items).filter(|(_, user)| users.contains(user)) {
                    index.named.entry(user).or_default().push((number, item));
                }
                index.groups.push(Group {
                    at,
                    items: &group.items,
                });
            }
        }
        for (file, spec) in specs {
            let rooms = spec.rooms.value.iter().flatten();
            for (number, room) in (0u32..).zip(rooms) {
                let (Some(room), Some(entry)) = (room, spec.rooms.entry) else {
                    continue;
                };
                if let Some(id) = &room.id.value
                    && let Some(users) = of_rooms.get(id)
                {
                    let steps = [entry, number];
                    let room = index.room(*file, &steps, room, users, &by_name);
                    index.rooms.insert(id, room);
                }
            }
        }
        index
    }

    fn room(
        &self,
        file: usize,
        steps: &[u32],
        room: &'s RoomSpec,
        users: &HashSet<&UserId>,
        by_name: &HashMap<&GroupName, usize>,
    ) -> Room<'s> {
        let people = |list: &'s Field<Items<Entry>>| {
            let items = list.value.as_ref()?;
            let steps = steps.iter().copied().chain(list.entry).collect();
            let mut direct = HashMap::new();
            for (item, user) in users_in(items).filter(|(_, user)| users.contains(user)) {
                direct.entry(user).or_insert(item);
            }
            Some(People {
                at: ListAt { file, steps },
                direct,
                groups: self.reached(items, by_name),
            })
        };
        Room {
            members: people(&room.members),
            admins: people(&room.admins),
        }
    }

    /// The groups that a list comes to, in the order in which they are met.
    fn reached(&self, items: &Items<Entry>, by_name: &HashMap<&GroupName, usize>) -> HashMap<usize, usize> {
        let held = |items: &Items<Entry>| -> Vec<usize> {
            let groups = items.iter().rev().filter_map(|item| match item {
                Some(Entry::Group(name)) => by_name.get(name).copied(),
                _ => None,
            });
            groups.collect()
        };
        let mut reached = HashMap::new();
        // With a stack of its own, because files decide how deep groups nest.
        let mut stack = held(items);
        while let Some(group) = stack.pop() {
            let next = reached.len();
            if let std::collections::hash_map::Entry::Vacant(vacant) = reached.entry(group) {
                vacant.insert(next);
                stack.extend(self.groups.get(group).iter().flat_map(|group| held(group.items)));
            }
        }
        reached
    }

    /// The node that says it.
    fn place(&self, query: &Query<'_>) -> Option<(usize, NodePath)> {
        let Room { members, admins } = self.rooms.get(query.room)?;
        let place = match query.what {
            What::Member(user) => [members, admins]
                .into_iter()
                .flatten()
                .find_map(|people| self.item(people, user))?,
            What::Admin(user) => self.item(admins.as_ref()?, user)?,
            What::NoMember => members.as_ref()?.at.key(),
            What::NoAdmin => admins.as_ref()?.at.key(),
        };
        match place {
            Place {
                file,
                at: Target::Node(node),
            } => Some((file, node)),
            Place { .. } => None,
        }
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
        Some(self.groups.get(group)?.at.item(item))
    }
}

/// The users that a list names itself, each with its item.
fn users_in(items: &Items<Entry>) -> impl Iterator<Item = (usize, &UserId)> {
    items.iter().enumerate().filter_map(|(at, item)| match item {
        Some(Entry::User(user)) => Some((at, user)),
        _ => None,
    })
}
