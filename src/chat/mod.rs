//! The service's client: typed calls, paced, retried within bounds, over a transport that can be exchanged.
//!
//! [`Client`] carries what all calls share; a [`Reader`] makes the calls that change nothing, a [`Writer`] the others.
//! Only `apply` makes a `Writer`.

mod batch_limits;
mod call;
mod client;
mod error;
mod error_text;
mod rate_limit;
mod reader;
mod token;
mod transport;
pub mod wire;
mod writer;

pub use batch_limits::BatchLimits;
pub use call::{PathPrefix, classify};
pub use client::{Client, ClientConfig, Observer};
pub use error::{CallError, CallErrorKind};
pub use rate_limit::{CallBudget, Rates};
pub use reader::{List, Reader, RoomPage};
pub use token::{BadToken, TokenSource, check_token, read_token};
pub use transport::{
    BoxFuture, HttpTransport, MAX_ANSWER_BYTES, Request, Response, SetupError, Transport, TransportError,
};
pub use writer::Writer;
