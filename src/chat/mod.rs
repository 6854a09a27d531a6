//! The service's client.

pub mod wire;
