//! Places of lists and rooms in a set of files.

use super::spec::{FileSpec, RoomSpec};
use crate::diagnostics::{EntryPart, NodePath, Place, Target};
use crate::yaml::Field;

/// The documents of files, by the files' indexes.
pub(super) type Specs = Vec<(usize, FileSpec)>;

/// A node of a file.
pub(super) fn place(file: usize, steps: &[u32], part: EntryPart) -> Place {
    Place {
        file,
        at: Target::Node(NodePath {
            steps: steps.to_vec(),
            part,
        }),
    }
}

/// Place of a list.
#[derive(Clone)]
pub(super) struct ListAt {
    pub(super) file: usize,
    pub(super) steps: Vec<u32>,
}

impl ListAt {
    pub(super) fn new(file: usize, steps: impl IntoIterator<Item = u32>) -> Self {
        let steps = steps.into_iter().collect();
        Self { file, steps }
    }

    /// The key before the list.
    pub(super) fn key(&self) -> Place {
        place(self.file, &self.steps, EntryPart::Key)
    }

    pub(super) fn item(&self, index: usize) -> Place {
        let mut steps = self.steps.clone();
        // A list of more items than that does not fit into a file.
        steps.push(u32::try_from(index).unwrap_or(u32::MAX));
        place(self.file, &steps, EntryPart::Value)
    }
}

/// Place of a room.
#[derive(Clone, Copy)]
pub(super) struct RoomAt {
    pub(super) file: usize,
    pub(super) steps: [u32; 2],
}

impl RoomAt {
    pub(super) fn steps_to<T>(&self, field: &Field<T>) -> impl Iterator<Item = u32> + use<T> {
        self.steps.into_iter().chain(field.entry)
    }

    pub(super) fn list<T>(&self, field: &Field<T>) -> ListAt {
        ListAt::new(self.file, self.steps_to(field))
    }

    pub(super) fn value<T>(&self, field: &Field<T>) -> Place {
        let steps: Vec<u32> = self.steps_to(field).collect();
        place(self.file, &steps, EntryPart::Value)
    }
}

/// Every room that could be read, with its place and its file.
pub(super) fn rooms(specs: &Specs) -> impl Iterator<Item = (RoomAt, &FileSpec, &RoomSpec)> {
    specs.iter().flat_map(|(file, spec)| {
        let rooms = (0u32..).zip(spec.rooms.value.iter().flatten());
        rooms.filter_map(move |(number, room)| {
            let steps = [spec.rooms.entry?, number];
            Some((RoomAt { file: *file, steps }, spec, room.as_ref()?))
        })
    })
}
