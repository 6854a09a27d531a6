//! A file of the folder that changes are appended to, and that is written anew once it has doubled.

use super::Folder;
use std::io;

/// Least bytes by which it has to grow before it is written anew.
const LEAST_GROWTH: u64 = 64 * 1024;

/// Such a file, in bytes.
#[derive(Debug)]
pub(super) struct AppendLog {
    name: &'static str,
    /// Length of the part that is whole; what follows is cut off.
    whole: u64,
    /// Length that it had when it was written anew, or would have had.
    least: u64,
}

impl AppendLog {
    pub(super) fn new(name: &'static str, whole: u64, least: u64) -> Self {
        Self { name, whole, least }
    }

    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    pub(super) fn append(&mut self, folder: &Folder, bytes: &[u8]) -> io::Result<()> {
        self.whole = folder.append(self.name, self.whole, bytes)?;
        Ok(())
    }

    pub(super) fn has_doubled(&self) -> bool {
        self.whole > 2 * self.least + LEAST_GROWTH
    }

    pub(super) fn write_anew(&mut self, folder: &Folder, bytes: &[u8]) -> io::Result<()> {
        folder.put(self.name, [bytes, &[]])?;
        self.whole = bytes.len() as u64;
        self.least = self.whole;
        Ok(())
    }
}
