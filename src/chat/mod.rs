//! The service's client: typed calls, within its call rate, retried within bounds, over a transport that can be exchanged.
//!
//! A [`Client`] is all that calls share; a [`Reader`] makes the calls that change nothing, a [`Writer`] the others.
//! Only `apply` makes a `Writer`.

mod batch_limits;
mod call;
mod caller;
mod classify;
mod client;
mod credentials;
mod detail_support;
mod error;
mod error_text;
mod http_transport;
mod rate_limit;
mod reader;
mod service_message;
mod transport;
pub mod wire;
mod writer;

pub use batch_limits::BatchLimits;
pub use caller::{Answer, ClientConfig, Observer};
pub use classify::{PathPrefix, classify};
pub use client::Client;
pub use credentials::{
    BadSecret, ClientCredentials, MINTED_LIFE, Secret, TokenExpiry, TokenSource, clean_secret, read_secret,
};
pub use detail_support::{DetailUse, NextDetail};
pub use error::{CallError, CallErrorKind};
pub use http_transport::{HttpTransport, SetupError};
pub use rate_limit::{CallBudget, Rates};
pub use reader::Reader;
pub use service_message::ServiceMessage;
pub use transport::{BoxFuture, MAX_ANSWER_BYTES, Request, Response, Transport, TransportError};
pub use writer::{UserRow, Writer};
