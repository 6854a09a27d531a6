//! Certificates that are trusted over TLS.

use crate::disk::{self, DiskError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file of certificates that is read, in bytes: several times the system's own.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

/// Reason for which no certificate could be checked.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The extra root certificate cannot be read.
    #[error("`service.ca_file` {path} cannot be used: {reason}; name a PEM file with the CA's certificate")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        reason: String,
    },
    /// Nothing is trusted.
    #[error(
        "no root certificates are found on this machine{}, so no server can be trusted; install `ca-certificates`, or name your CA's certificate in `service.ca_file`",
        reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    )]
    NoRoots {
        /// Fault of the first place that was searched.
        reason: Option<String>,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Trust in the system's root certificates and in those of `ca_file` (PEM); one of the two is enough. A client that speaks
/// plain HTTP, and never meets a certificate, gets no others than those of `ca_file`.
///
/// The system's are read here, and not by reqwest: its verifier logs in the library's words, and fails without them even if
/// no TLS is spoken.
pub(super) fn config(encrypted: bool, ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        add_file(&mut roots, path).map_err(|reason| TlsError::CaFile {
            path: path.into(),
            reason,
        })?;
    }
    if encrypted {
        add_system(&mut roots)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Adds the system's root certificates. Without any there must be others.
fn add_system(roots: &mut RootCertStore) -> Result<(), TlsError> {
    let system = rustls_native_certs::load_native_certs();
    let (_, unusable) = roots.add_parsable_certificates(system.certs);
    let errors: Vec<String> = system.errors.iter().map(ToString::to_string).collect();
    if roots.is_empty() {
        let reason = errors.into_iter().next();
        return Err(TlsError::NoRoots { reason });
    }
    if unusable > 0 || !errors.is_empty() {
        tracing::debug!(
            unusable,
            ?errors,
            "not all of the system's root certificates can be used"
        );
    }
    Ok(())
}

/// Adds the certificates of `service.ca_file`. The error is the reason why there are none.
fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let pem = disk::read(path, MAX_CA_BYTES).map_err(|error| match error {
        DiskError::NotAFile | DiskError::Kernel | DiskError::TooLarge(_) => {
            "it is not a file of certificates".into()
        }
        DiskError::Timeout(_) => error.to_string(),
        DiskError::Io(error) => disk::described(&error),
    })?;
    for (certificate, number) in CertificateDer::pem_slice_iter(&pem).zip(1..) {
        let damaged = || format!("certificate {number} in it is damaged");
        let certificate = certificate.map_err(|_| damaged())?;
        roots.add(certificate).map_err(|_| damaged())?;
    }
    if roots.is_empty() {
        return Err("it holds no PEM certificate".into());
    }
    Ok(())
}
