//! The examples for proxies in front of the webhook.

use super::{checker, passed};
use std::fs;
use std::net::TcpListener;

const NGINX: &str = "deploy/nginx/roomsync-webhook.conf";
const CADDY: &str = "deploy/caddy/Caddyfile";

#[test]
fn the_examples_lead_to_where_the_daemon_listens_by_default() {
    for example in [NGINX, CADDY] {
        let text = fs::read_to_string(example).unwrap();
        assert!(text.contains("127.0.0.1:9465"), "{example}");
        assert!(text.contains(" /hooks/agora {"), "{example}");
    }
}

/// The very example, but for the certificate and for ports that may be taken here.
#[test]
fn nginx_takes_its_example() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let names = vec!["hooks.example.com".to_owned()];
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    fs::write(path("cert.pem"), cert.pem()).unwrap();
    fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let example = fs::read_to_string(NGINX).unwrap();
    let here = example
        .replace("/etc/ssl/certs/hooks.example.com.pem", &path("cert.pem"))
        .replace("/etc/ssl/private/hooks.example.com.key", &path("key.pem"))
        .replace("listen 443 ssl", &format!("listen {free} ssl"))
        .replace("    listen [::]:443 ssl;\n", "");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
        .concat();
    let config = format!(
        "pid {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{here}}}\n",
        path("pid")
    );
    fs::write(path("nginx.conf"), config).unwrap();
    let (log, main) = (path("error.log"), path("nginx.conf"));
    let args = [
        "-t",
        "-e",
        &log,
        "-p",
        folder.path().to_str().unwrap(),
        "-c",
        &main,
    ];
    if let Some(checked) = checker("nginx", &args) {
        let said = passed(&checked);
        assert!(
            said.contains("test is successful") && !said.contains("[warn]"),
            "{said}"
        );
    }
}

#[test]
fn caddy_takes_its_example() {
    let args = ["validate", "--adapter", "caddyfile", "--config", CADDY];
    if let Some(checked) = checker("caddy", &args) {
        assert!(passed(&checked).contains("Valid configuration"));
    }
}
