//! A listener whose failures are known to the daemon.

use super::intake::Intake;
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Time between two tries to accept a connection, after one that failed: mostly for want of file descriptors.
const AGAIN: Duration = Duration::from_secs(1);

/// Listener of the webhook.
#[derive(Debug)]
pub struct WebhookListener {
    listener: TcpListener,
    intake: Arc<Intake>,
}

impl WebhookListener {
    /// Reports what becomes of this listener to the daemon.
    #[must_use]
    pub fn new(listener: TcpListener, intake: Arc<Intake>) -> Self {
        Self { listener, intake }
    }
}

impl Listener for WebhookListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.intake.listens(None);
                    return accepted;
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    self.intake.listens(Some(&error));
                    sleep(AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// True if a client broke off before its connection was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
