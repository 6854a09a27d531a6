//! Ways to the service: both prefixes, TLS, a token that changes, answers that are too large.

use super::service::{ROOM, STATE, Service, TOKEN, answer};
use super::site::{Run, Site};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use roomsync::chat::MAX_ANSWER_BYTES;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

#[test]
fn an_app_is_named_by_its_key_or_by_its_id() {
    for (setting, prefix) in [
        ("app_key: \"acme#demo\"", "/acme/demo"),
        ("app_id: 970ca35d", "/app-id/970ca35d"),
    ] {
        let service = Service::start(STATE);
        let site = Site::of(&service).with_settings("app_key: \"acme#demo\"", setting);
        site.run(&["apply", "--yes"]).ends_with(0);
        assert_eq!(service.people(), "alice bob carol dan mia*");
        let expected = [
            format!("POST {prefix}/chatrooms/{ROOM}/users"),
            format!("POST {prefix}/chatrooms/{ROOM}/admin"),
        ];
        assert_eq!(service.writes(), expected);
    }
}

#[test]
fn the_environment_wins_over_the_settings() {
    let service = Service::start(STATE);
    let site = Site::at("http://127.0.0.1:1");
    site.write("token", "not-this-one");
    let mut command = site.command(&["plan"]);
    command
        .env("ROOMSYNC_URL", service.url())
        .env("ROOMSYNC_TOKEN", TOKEN);
    Run::of(&mut command).ends_with(0);
}

#[test]
fn a_token_that_was_replaced_is_read_again() {
    let site = Site::at("http://127.0.0.1:1");
    let token_file = site.path("token");
    let service = Service::hooked(STATE, move |head, emulator| {
        if head.method != http::Method::GET {
            emulator.edit(|state| state.tokens = Some(["renewed".to_owned()].into()));
            fs::write(&token_file, "renewed\n").unwrap();
        }
        None
    });
    let site = site.with_settings("http://127.0.0.1:1", &service.url());
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.people(), "alice bob carol dan mia*");
    let add = format!("POST /acme/demo/chatrooms/{ROOM}/users");
    assert_eq!(
        service.writes()[..2],
        [add.clone(), add],
        "once with the old token, once with the new one"
    );
}

#[test]
fn an_answer_that_never_ends_is_not_read_to_its_end() {
    let service = Service::answering(|| answer(200, vec![b' '; MAX_ANSWER_BYTES + 1]));
    let run = Site::of(&service).run(&["plan"]).ends_with(1);
    assert!(run.stdout.contains("over 16777216 bytes"), "{}", run.stdout);
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let site = Site::at(&url).with_settings("service:\n", "service:\n  timeout: 100ms\n");
    let run = site.run(&["plan"]).ends_with(1);
    assert!(run.stdout.contains("no answer within 100ms"), "{}", run.stdout);
}

#[test]
fn a_certificate_of_ones_own_needs_ca_file() {
    let issuer_key = KeyPair::generate().unwrap();
    let mut issuer = CertificateParams::new([]).unwrap();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(issuer, issuer_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let acceptor = acceptor(certificate.der().clone(), key.serialize_der());
    let service = Service::listening(STATE, Box::new(|_, _| None), |listener| Tls {
        listener,
        acceptor,
    });

    let site = Site::at(&format!("https://{}", service.address));
    let run = site.run(&["plan"]).ends_with(1);
    assert!(run.stdout.contains("certificate"), "{}", run.stdout);
    assert_eq!(service.calls(), [""; 0]);

    site.write("ca.pem", &issuer.pem());
    let site = site.with_settings("service:\n", "service:\n  ca_file: ca.pem\n");
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(service.people(), "alice bob carol dan mia*");
}

fn acceptor(certificate: CertificateDer<'static>, key: Vec<u8>) -> TlsAcceptor {
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
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
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
