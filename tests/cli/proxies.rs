//! Proxies that the environment names: what they are shown, and what is said of those that do not lead on.

use super::service::{STATE, Service, TOKEN};
use super::site::{Run, Site};
use super::tls::{self, Ca, Secured};
use insta::assert_snapshot;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// Reply that opens the tunnel.
const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy that keeps all that it is shown. It ends when dropped.
struct Proxy {
    address: SocketAddr,
    shown: Arc<Mutex<Vec<u8>>>,
    _runtime: Runtime,
}

impl Proxy {
    /// A proxy that answers every CONNECT like this, and leads on after [`OPEN`].
    fn answering(answer: &'static str) -> Self {
        Self::start(answer, None)
    }

    fn start(answer: &'static str, acceptor: Option<TlsAcceptor>) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&shown);
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (all, acceptor) = (Arc::clone(&all), acceptor.clone());
                tokio::spawn(async move {
                    // A client who does not trust us, or hangs up, is none of ours any more.
                    let _ = match acceptor {
                        None => lead(stream, answer, &all).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => lead(stream, answer, &all).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self {
            address,
            shown,
            _runtime: runtime,
        }
    }

    /// All that it was shown.
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// The requests that it was shown, without what went through the tunnels.
    fn requests(&self) -> Vec<String> {
        let shown = self.shown();
        let begins = shown.match_indices("CONNECT ").map(|(begin, _)| begin);
        let head = |begin: usize| shown[begin..].split("\r\n\r\n").next().unwrap().to_owned();
        begins.map(head).collect()
    }
}

/// Reads a request, answers it, and leads on to the host that it names.
async fn lead<S>(mut client: S, answer: &str, all: &Mutex<Vec<u8>>) -> std::io::Result<()>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    all.lock().unwrap().extend_from_slice(&head);
    client.write_all(answer.as_bytes()).await?;
    if answer != OPEN {
        return client.shutdown().await;
    }
    let head = String::from_utf8(head).unwrap();
    let mut server = TcpStream::connect(head.split(' ').nth(1).unwrap()).await?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read? {
                0 => return Ok(()),
                read => {
                    all.lock().unwrap().extend_from_slice(&up[..read]);
                    server.write_all(&up[..read]).await?;
                }
            },
            read = server.read(&mut down) => match read? {
                0 => return client.shutdown().await,
                read => client.write_all(&down[..read]).await?,
            },
        }
    }
}

/// The service with a certificate of a private CA, and a site that trusts it.
fn secured() -> (Secured, Ca, Site) {
    let ca = Ca::new("private");
    let secured = Secured::start(ca.sign(&["127.0.0.1"], |_| {}));
    let site = tls::trusting(secured.site(), &ca);
    (secured, ca, site)
}

fn run(site: &Site, args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = site.command(args);
    Run::of(command.envs(tls::trust(site)).envs(variables.iter().copied()))
}

#[test]
fn a_tunnel_is_all_that_a_proxy_is_asked_for() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (secured, _, site) = secured();
        let proxy = Proxy::answering(OPEN);
        let url = format!("http://ann:hunter22@{}", proxy.address);
        let run = run(&site, &["apply", "--yes", "-vv"], &[(variable, &url)]).ends_with(0);
        assert_eq!(secured.service.people(), "alice bob carol dan mia*");

        let target = secured.service.address;
        let requests = proxy.requests();
        assert!(!requests.is_empty());
        for request in requests {
            // Base64 of `ann:hunter22`.
            let lines: Vec<String> = request.split("\r\n").map(str::to_lowercase).collect();
            assert_eq!(lines[0], format!("connect {target} http/1.1"));
            assert_eq!(lines[1], format!("host: {target}"));
            let mut others = lines[2..].to_vec();
            others.sort();
            assert_eq!(others.len(), 2, "{others:?}");
            assert_eq!(others[0], "proxy-authorization: basic yw5uomh1bnrlcjiy");
            assert!(others[1].starts_with("user-agent: roomsync/"), "{others:?}");
        }
        let shown = proxy.shown();
        assert!(!shown.contains(TOKEN) && !shown.contains("Bearer"), "{variable}");
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains("hunter22"), "{text}");
        }
    }
}

#[test]
fn a_proxy_that_is_spoken_to_over_tls_is_shown_no_more() {
    let (secured, ca, site) = secured();
    let acceptor = tls::acceptor(ca.sign(&["127.0.0.1"], |_| {}));
    let proxy = Proxy::start(OPEN, Some(acceptor));
    let url = format!("https://{}", proxy.address);
    run(&site, &["apply", "--yes"], &[("HTTPS_PROXY", &url)]).ends_with(0);
    assert_eq!(secured.service.people(), "alice bob carol dan mia*");
    assert!(!proxy.requests().is_empty());
    assert!(!proxy.shown().contains(TOKEN) && !proxy.shown().contains("Bearer"));
}

#[test]
fn hosts_of_no_proxy_and_plain_http_go_past_it() {
    let (_secured, _, site) = secured();
    let plain = Service::start(STATE);
    let plain_site = Site::of(&plain);
    let proxy = Proxy::answering(OPEN);
    let url = format!("http://{}", proxy.address);
    for value in [url.as_str(), "http://127.0.0.1:hunter22"] {
        let variables = [("HTTPS_PROXY", value), ("NO_PROXY", "localhost,127.0.0.0/8")];
        run(&site, &["plan"], &variables).ends_with(0);
        let variables = [
            ("ALL_PROXY", value),
            ("HTTP_PROXY", value),
            ("HTTPS_PROXY", value),
        ];
        run(&plain_site, &["plan"], &variables).ends_with(0);
    }
    assert_eq!(proxy.shown(), "");
}

/// Standard error of a plan that a proxy fails, without times and with words in place of hosts and ports.
fn refused(proxy: &str, address: SocketAddr) -> String {
    let (secured, _, site) = secured();
    let proxy = proxy.replace("ADDRESS", &address.to_string());
    let run = run(
        &site,
        &["plan", "--log-format", "text"],
        &[("HTTPS_PROXY", &proxy)],
    )
    .ends_with(1);
    assert_eq!(secured.connections(), 0);
    let text = run
        .stderr
        .replace(&address.to_string(), "[proxy]")
        .replace(&secured.service.address.to_string(), "[host and port]");
    assert!(!text.contains("hunter22"), "{text}");
    let lines = text
        .lines()
        .map(|line| line.split_once("Z ").map_or(line, |(_, line)| line).trim());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_proxy_that_is_not_there() {
    let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_snapshot!(refused("http://ann:hunter22@ADDRESS", address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] refuses the connection; check HTTPS_PROXY, or put 127.0.0.1 into NO_PROXY");
}

#[test]
fn a_proxy_that_wants_a_login_is_asked_once() {
    let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let proxy = Proxy::answering(answer);
    assert_snapshot!(refused("http://ADDRESS", proxy.address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] wants a user and a password (status 407); write them into HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT");
    assert_eq!(proxy.requests().len(), 1);
    assert_snapshot!(refused("http://ann:hunter22@ADDRESS", proxy.address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] does not accept the user and password of HTTPS_PROXY (status 407); correct them there");
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn a_proxy_that_does_not_lead_on() {
    let proxy = Proxy::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_snapshot!(refused("http://ADDRESS", proxy.address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] does not let us through to [host and port]; allow that there, correct HTTPS_PROXY, or put 127.0.0.1 into NO_PROXY");
    let proxy = Proxy::answering("");
    assert_snapshot!(refused("http://ADDRESS", proxy.address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] broke the connection off before it let us through to [host and port]; check HTTPS_PROXY, or put 127.0.0.1 into NO_PROXY");
}

#[test]
fn a_proxy_whose_tls_is_not_trusted_or_not_there() {
    let acceptor = tls::acceptor(Ca::new("other").sign(&["127.0.0.1"], |_| {}));
    let proxy = Proxy::start(OPEN, Some(acceptor));
    assert_snapshot!(refused("https://ADDRESS", proxy.address), @"error: no room was checked: the service cannot be reached: the certificate of the proxy [proxy] is signed by no CA that is trusted here; put its CA's certificate into `service.ca_file`");
    // Played by the service, which answers what is no HTTP with 400.
    let plain = Service::start(STATE);
    assert_snapshot!(refused("https://ADDRESS", plain.address), @"error: no room was checked: the service cannot be reached: the proxy [proxy] does not speak TLS; write http:// in HTTPS_PROXY");
}

#[test]
fn a_malformed_variable_is_named_and_its_password_is_not() {
    let (secured, _, site) = secured();
    let said = |args: &[&str]| {
        let variables = [("https_proxy", "http://ann:hunter22@127.0.0.1:port")];
        let run = run(&site, &[args, &["-vv"]].concat(), &variables).ends_with(5);
        assert!(!run.stderr.contains("hunter22"), "{}", run.stderr);
        let mut lines = run.stderr.lines().filter(|line| line.starts_with("error"));
        lines.next().unwrap().to_owned()
    };
    let plan = said(&["plan"]);
    assert_snapshot!(plan, @"error: https_proxy cannot be used: invalid port number; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, or unset it");
    for args in [
        &["apply", "--yes"][..],
        &["--log-format", "text", "run"],
        &["export", "--all"],
    ] {
        assert_eq!(said(args), plan);
    }
    assert_eq!(secured.connections(), 0);
}
