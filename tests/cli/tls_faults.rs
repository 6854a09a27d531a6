//! Faults between us and the service: each in one sentence that says what to change, and none tried again that would only end
//! the same way.

use super::service::{STATE, Service};
use super::site::{Run, Site};
use super::tls::{self, Ca, Identity, Secured};
use insta::assert_snapshot;
use rcgen::date_time_ymd;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::{fs, thread};

/// A plan that fails, in the world of [`tls::trust`].
fn plan(site: &Site) -> Run {
    planned(site, &["plan", "--log-format", "text"])
}

fn planned(site: &Site, args: &[&str]) -> Run {
    let mut command = site.command(args);
    command.envs(tls::trust(site));
    // So that a name server that is not there is not waited for.
    command.env("RES_OPTIONS", "timeout:1 attempts:1");
    Run::of(&mut command).ends_with(1)
}

/// Standard error without the times, and with words in place of the host and its port.
fn stderr(run: &Run, address: SocketAddr) -> String {
    let text = run.stderr.replace(&address.to_string(), "[host and port]");
    let lines = text
        .lines()
        .map(|line| line.split_once("Z ").map_or(line, |(_, line)| line).trim());
    lines.collect::<Vec<_>>().join("\n")
}

/// Standard error of a plan against a server with this certificate, which is asked once, and by no call.
fn refused(identity: Identity, ca: Option<&Ca>) -> String {
    let secured = Secured::start(identity);
    let site = secured.site();
    let site = match ca {
        Some(ca) => tls::trusting(site, ca),
        None => site,
    };
    let run = plan(&site);
    assert_eq!(secured.connections(), 1, "{}", run.stderr);
    assert_eq!(secured.service.calls(), [""; 0]);
    stderr(&run, secured.service.address)
}

/// A port at which nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server that treats each of its connections like this.
fn server(treat: fn(std::net::TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| treat(stream.unwrap())));
    address
}

#[test]
fn a_ca_of_ones_own_works_from_end_to_end() {
    let ca = Ca::new("private");
    let secured = Secured::start(ca.sign(&["127.0.0.1"], |_| {}));
    let site = tls::trusting(secured.site(), &ca);
    let mut command = site.command(&["apply", "--yes"]);
    Run::of(command.envs(tls::trust(&site))).ends_with(0);
    assert_eq!(secured.service.people(), "alice bob carol dan mia*");
}

#[test]
fn the_issuer_is_not_trusted() {
    let ca = Ca::new("private");
    let identity = || ca.sign(&["127.0.0.1"], |_| {});
    assert_snapshot!(refused(identity(), None), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] is signed by no CA that is trusted here; put its CA's certificate into `service.ca_file`");
    // A CA that was made anew.
    assert_snapshot!(refused(identity(), Some(&Ca::new("private"))), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] is not signed by the CA of that name that is trusted here; put its CA's certificate into `service.ca_file`");
}

#[test]
fn the_certificate_is_the_cas_own() {
    let ca = Ca::new("private");
    assert_snapshot!(refused(ca.itself(), Some(&ca)), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] is a CA's own, not a server's; make a server certificate signed by it, and name the CA's in `service.ca_file`");
}

#[test]
fn the_certificate_is_for_another_host() {
    let ca = Ca::new("private");
    let refused = |hosts: &[&str]| refused(ca.sign(hosts, |_| {}), Some(&ca));
    assert_snapshot!(refused(&["other.example", "127.0.0.2"]), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] is for other.example, 127.0.0.2 and not for 127.0.0.1; correct `service.url` (or ROOMSYNC_URL), or the certificate");
    assert_snapshot!(refused(&[]), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] names no host (it has no subjectAltName); make one for 127.0.0.1");
}

#[test]
fn the_certificate_is_of_another_time() {
    let ca = Ca::new("private");
    let expired = ca.sign(&["127.0.0.1"], |params| {
        params.not_before = date_time_ymd(2001, 2, 3);
        params.not_after = date_time_ymd(2002, 3, 4);
    });
    assert_snapshot!(refused(expired, Some(&ca)), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] has expired on 2002-03-04; renew it there, or set this machine's clock");
    let too_early = ca.sign(&["127.0.0.1"], |params| {
        params.not_before = date_time_ymd(2901, 2, 3);
        params.not_after = date_time_ymd(2902, 3, 4);
    });
    assert_snapshot!(refused(too_early, Some(&ca)), @"error: no room was checked: the service cannot be reached: the certificate of [host and port] is valid from 2901-02-03 only; correct it there, or set this machine's clock");
}

#[test]
fn plain_http_meets_tls() {
    let secured = Secured::start(Ca::new("private").sign(&["127.0.0.1"], |_| {}));
    let address = secured.service.address;
    let run = plan(&tls::site(&format!("http://{address}")));
    assert_snapshot!(stderr(&run, address), @"error: no room was checked: the service cannot be reached: [host and port] does not answer in HTTP; check `service.url` (or ROOMSYNC_URL), which begins with https:// where TLS is spoken");
    assert_eq!(secured.connections(), 1);
}

#[test]
fn tls_meets_plain_http() {
    let service = Service::start(STATE);
    let run = plan(&tls::site(&format!("https://{}", service.address)));
    assert_snapshot!(stderr(&run, service.address), @"error: no room was checked: the service cannot be reached: [host and port] does not speak TLS; check `service.url` (or ROOMSYNC_URL), which begins with http:// for the emulator");
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn the_name_is_not_found() {
    let site = tls::site("https://nowhere.invalid").with_settings("service:\n", "service:\n  timeout: 1m\n");
    assert_snapshot!(stderr(&plan(&site), closed()), @"error: no room was checked: the service cannot be reached: no address is found for nowhere.invalid; correct `service.url` (or ROOMSYNC_URL), or the name server of this machine");
}

#[test]
fn the_connection_is_refused() {
    let refused = |scheme| {
        let address = closed();
        stderr(&plan(&tls::site(&format!("{scheme}://{address}"))), address)
    };
    assert_snapshot!(refused("https"), @"error: no room was checked: cannot reach https://[host and port] (connection refused). Is `service.url` (or ROOMSYNC_URL) right? Is the emulator running?");
    assert_eq!(refused("http").replace("http:", "https:"), refused("https"));
}

#[test]
fn the_connection_does_not_come_about() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let site = tls::site(&format!("https://{address}"));
    let site = site.with_settings("service:\n", "service:\n  timeout: 200ms\n");
    assert_snapshot!(stderr(&plan(&site), address), @"error: no room was checked: the service cannot be reached: no connection to [host and port] came about within 100ms; check `service.url` (or ROOMSYNC_URL), or name a proxy in HTTPS_PROXY if one is needed");
}

#[test]
fn the_handshake_is_broken_off() {
    // With what was sent unread, the connection is reset.
    let reset = server(|stream| {
        let _ = stream.peek(&mut [0]);
    });
    let run = plan(&tls::site(&format!("https://{reset}")));
    assert_snapshot!(stderr(&run, reset), @"error: no room was checked: the service cannot be reached: [host and port] broke the connection off during the TLS handshake; check `service.url` (or ROOMSYNC_URL), and whether the service is running");
    let closed = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
    });
    let run = plan(&tls::site(&format!("https://{closed}")));
    assert_snapshot!(stderr(&run, closed), @"error: no room was checked: the service cannot be reached: [host and port] broke the connection off during the TLS handshake; check `service.url` (or ROOMSYNC_URL), and whether the service is running");
}

#[test]
fn no_line_of_a_library_is_in_the_log_at_any_level() {
    let ca = Ca::new("private");
    for identity in [ca.itself(), ca.sign(&["127.0.0.1"], |_| {})] {
        let secured = Secured::start(identity);
        let run = planned(&secured.site(), &["plan", "-vv", "--log-format", "json"]);
        assert!(run.stderr.contains("DEBUG"), "{}", run.stderr);
        for line in run.stderr.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["target"].as_str().unwrap().starts_with("roomsync"), "{line}");
        }
        for raw in [
            ".cargo",
            "registry",
            "invalid peer",
            "OtherError",
            "UnknownIssuer",
        ] {
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(!said.contains(raw), "{raw:?} in {said}");
        }
    }
}

/// `roomsync` with these arguments where no system's certificates are found.
fn without_roots(site: &Site, args: &[&str]) -> Run {
    let mut command = site.command(args);
    command
        .env("SSL_CERT_FILE", site.path("none.pem"))
        .env("SSL_CERT_DIR", site.path("empty"));
    fs::write(site.path("none.pem"), "").unwrap();
    Run::of(&mut command)
}

#[test]
fn a_machine_without_certificates_does_without_them_where_it_can() {
    let service = Service::start(STATE);
    without_roots(&tls::site(&service.url()), &["apply", "--yes"]).ends_with(0);

    let ca = Ca::new("private");
    let secured = Secured::start(ca.sign(&["127.0.0.1"], |_| {}));
    let run = without_roots(&secured.site(), &["plan"]).ends_with(5);
    assert_snapshot!(run.stderr, @"error: no root certificates are found on this machine, so no server can be trusted; install `ca-certificates`, or name your CA's certificate in `service.ca_file`");
    let site = tls::trusting(secured.site(), &ca);
    without_roots(&site, &["apply", "--yes"]).ends_with(0);
    assert_eq!(secured.service.people(), "alice bob carol dan mia*");
}

#[test]
fn a_ca_file_that_cannot_be_used_ends_with_5() {
    let ca = Ca::new("private").pem();
    let damaged = ca.replacen("\nMII", "\nMIJ", 1);
    for (text, reason) in [
        ("", "it holds no PEM certificate"),
        (damaged.as_str(), "certificate 1 in it is damaged"),
        (&format!("{ca}{damaged}"), "certificate 2 in it is damaged"),
    ] {
        let site =
            tls::site("https://127.0.0.1:1").with_settings("service:\n", "service:\n  ca_file: ca.pem\n");
        site.write("ca.pem", text);
        let run = site.run(&["plan"]).ends_with(5);
        run.complains(&format!("ca.pem cannot be used: {reason}"));
    }
}
