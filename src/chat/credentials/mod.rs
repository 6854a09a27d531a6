//! The token of every call: ready, minted here, or granted for client credentials.

mod access_token;
mod cache;
mod grant;
mod granted;
mod kept;
mod minted;
mod secret;
mod source;

pub(super) use grant::TokenRequests;
pub use minted::MINTED_LIFE;
pub use secret::{BadSecret, Secret, clean_secret, read_secret};
pub use source::{ClientCredentials, TokenExpiry, TokenSource};
