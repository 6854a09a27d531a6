//! `roomsync schema`: what is published, and that a file is judged by it as roomsync itself would, as far as a schema can.

mod files;
mod invalid;
mod judge;
mod published;
mod random;
