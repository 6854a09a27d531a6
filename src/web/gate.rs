//! Access control: the requested host, the token of the request, and the headers of every response.

use axum::response::Response;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Nothing but our own files, and no markup that a script makes out of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Adds what every answer carries.
pub(super) async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// True if a request names this machine by number or as `localhost`. A page elsewhere can have its own name lead to a
/// loopback address, but the browser still sends that name.
pub(super) fn is_local(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
        _ => None,
    };
    named.as_ref().is_some_and(is_local_name) && head.uri.authority().is_none_or(is_local_name)
}

fn is_local_name(authority: &Authority) -> bool {
    let host = authority.host();
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok()
        || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
}

/// True if the request carries this token.
pub(super) fn is_admin(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some((scheme, given)) = given.and_then(|given| given.split_at_checked("Bearer ".len())) else {
        return false;
    };
    let same = same_bytes(given, token.expose_secret().as_bytes());
    scheme.eq_ignore_ascii_case(b"Bearer ") && same
}

/// Compares whole digests, so that the time it takes reveals nothing of where the texts differ.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differing = Sha256::digest(a)
        .iter()
        .zip(Sha256::digest(b).iter())
        .fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    differing == 0
}
