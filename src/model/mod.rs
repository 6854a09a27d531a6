//! The words the rest is written in: who, where, and sets of them. No I/O, and nothing of ours imported.

mod duration;
mod glob;
mod guards;
mod limit;
pub mod log_code;
mod log_list;
mod lookalike;
mod op;
mod reason_code;
mod room;
mod room_text;
pub(crate) mod schema;
mod set;
mod text;
mod unmanaged;
mod until;
mod user;

pub use duration::{BadDuration, parse_duration, show_duration};
pub use glob::{BadGlob, Glob};
pub(crate) use glob::{glob_matches, looks_like_regex, pattern_of_regex};
pub use guards::{Guard, Guards, RemovalBudget};
/// A moment: a plain value, also where nobody may ask for the time.
pub use jiff::Timestamp;
pub use limit::{BadLimit, Limit};
pub use log_list::LogList;
pub(crate) use lookalike::{Lookalike, LookalikeKind, named_char};
pub use op::{Op, PerOp};
pub use reason_code::ReasonCode;
pub use room::{Absent, BadRoomId, Mode, RoomDefaults, RoomId};
pub use room_text::RoomText;
pub use set::MemberSet;
pub(crate) use text::is_harmful;
pub use text::{age_in_words, counted, counted_people, first_few, hex, people_named, printable, room_label};
pub use unmanaged::{Unmanaged, UnmanagedError, UnmanagedRoom};
pub use until::{BadUntil, Until};
pub use user::{BadUserId, UserId};

/// Most admins a room can have, the owner not counted (seed, "Description of chat room member roles").
pub const MAX_ADMINS: usize = 99;
