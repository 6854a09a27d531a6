//! A private CA, and the service over TLS with certificates of it.

use super::service::{STATE, Service};
use super::site::Site;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// A certificate and its key.
pub(crate) type Identity = (CertificateDer<'static>, Vec<u8>);

/// A CA of one's own.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    /// A CA of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for these hosts, as `edit` leaves it.
    pub(crate) fn sign(&self, hosts: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key.serialize_der())
    }

    /// The CA's own certificate, as if it were a server's.
    pub(crate) fn itself(&self) -> Identity {
        (self.0.der().clone(), self.0.key().serialize_der())
    }
}

/// The service behind TLS, with the number of connections that were made to it.
pub(crate) struct Secured {
    pub(crate) service: Service,
    connections: Arc<AtomicUsize>,
}

impl Secured {
    /// Plays the service from [`STATE`] with this certificate.
    pub(crate) fn start(identity: Identity) -> Self {
        let acceptor = acceptor(identity);
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let service = Service::listening(STATE, Box::new(|_, _| None), |listener| Tls {
            listener,
            acceptor,
            connections: counter,
        });
        Self { service, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A site for it, which does not trust it, in a world that trusts only a stranger.
    pub(crate) fn site(&self) -> Site {
        site(&format!("https://{}", self.service.address))
    }
}

/// A site for the service at this address, in a world that trusts only a stranger: see [`trust`].
pub(crate) fn site(url: &str) -> Site {
    let site = Site::at(url);
    site.write("stranger.pem", &Ca::new("stranger").pem());
    fs::create_dir(site.path("empty")).unwrap();
    site
}

/// The site's settings with this CA beside what the world trusts.
pub(crate) fn trusting(site: Site, ca: &Ca) -> Site {
    site.write("ca.pem", &ca.pem());
    site.with_settings("service:\n", "service:\n  ca_file: ca.pem\n")
}

/// The environment of that world, whatever certificates this machine has.
pub(crate) fn trust(site: &Site) -> [(&'static str, std::path::PathBuf); 1] {
    [("SSL_CERT_FILE", site.path("stranger.pem"))]
}

/// An acceptor of TLS connections.
pub(crate) fn acceptor((certificate, key): Identity) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.into()))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// TLS on top of a plain listener.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    connections: Arc<AtomicUsize>,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            self.connections.fetch_add(1, Ordering::Relaxed);
            // A client who does not trust us hangs up here.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
