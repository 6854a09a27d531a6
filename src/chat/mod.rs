//! The service's client: typed calls, paced, retried within bounds, over a transport that can be exchanged.
//!
//! [`Connection`] carries what all calls share; a [`Reader`] makes the calls that change nothing, a [`Writer`] the others.
//! Only `apply` makes a `Writer`.

mod backoff;
mod call;
mod connection;
mod error;
mod names;
mod pace;
mod reader;
mod sizes;
mod token;
mod transport;
pub mod wire;
mod writer;

pub use call::{Prefix, recognise};
pub use connection::{Config, Connection, Observer};
pub use error::{CallError, Fault};
pub use pace::{Budget, Rates};
pub use reader::{List, Reader, RoomPage};
pub use sizes::BatchSizes;
pub use token::{BadToken, TokenSource, check_token, read_token};
pub use transport::{
    BoxFuture, HttpTransport, MAX_ANSWER_BYTES, Request, Response, SetupError, Transport, TransportError,
};
pub use writer::Writer;
