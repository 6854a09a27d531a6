//! PURE: plans as text, as Markdown and as JSON.

mod alike;
mod document;
mod markdown;
mod room_states;
mod text;

pub use document::{Document, Meta};
pub use markdown::{MARKDOWN_BYTES, Review, markdown};
pub use text::{people_diff, text};
