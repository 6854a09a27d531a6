//! `roomsync schema`: what is published, and that a file is judged by it as roomsync itself would, as far as a schema can.

// So that clippy knows the helpers, too, for tests: they may fail by panicking.
#![cfg(test)]

mod files;
mod invalid;
mod judge;
mod published;
mod random;
