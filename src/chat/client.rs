use super::caller::{Caller, ClientConfig};
use super::reader::Reader;
use super::transport::Transport;
use std::sync::Arc;

/// Client of the service. Cheap to clone; all clones share one call rate.
#[derive(Debug, Clone)]
pub struct Client(pub(super) Arc<Caller>);

impl Client {
    /// Makes a client; nothing is sent yet.
    #[must_use]
    pub fn new(transport: Box<dyn Transport>, config: ClientConfig) -> Self {
        Self(Arc::new(Caller::new(Arc::from(transport), config)))
    }

    /// The calls that change nothing.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.0))
    }
}
