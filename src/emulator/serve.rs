use super::Emulator;
use tokio::net::TcpListener;

/// Serves the emulator until `shutdown` completes and the calls in flight have ended; those that a fault or the latency
/// keeps waiting wait no longer.
pub async fn serve(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let closing = emulator.clone();
    axum::serve(listener, emulator.router())
        .with_graceful_shutdown(async move {
            shutdown.await;
            closing.0.closing.send_replace(true);
        })
        .await
}
