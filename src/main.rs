//! The `roomsync` command: installs the TLS provider and hands over to [`roomsync::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    roomsync::cli::main()
}
