//! Access control: the requested host, the token of the request, and the headers of every response.

use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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

/// True if a request asks for an IP address, for `localhost` or for one of these names. A page elsewhere can have its own name lead
/// here, but the browser still sends that name.
pub(super) fn is_for_us(head: &Parts, names: &[String]) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
        _ => None,
    };
    let is_ours = |authority: &Authority| is_name_of_us(authority, names);
    named.as_ref().is_some_and(is_ours) && head.uri.authority().is_none_or(is_ours)
}

fn is_name_of_us(authority: &Authority, names: &[String]) -> bool {
    let host = authority.host();
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok()
        || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        || names.iter().any(|name| host.eq_ignore_ascii_case(name))
}

/// The credentials of a request by this scheme.
fn given<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a [u8]> {
    let given = headers.get(AUTHORIZATION)?.as_bytes();
    let (name, given) = given.split_at_checked(scheme.len())?;
    let given = given.strip_prefix(b" ")?;
    name.eq_ignore_ascii_case(scheme.as_bytes()).then_some(given)
}

/// True if the request carries one of these tokens.
pub(super) fn is_admin(headers: &HeaderMap, tokens: &[SecretString]) -> bool {
    given(headers, "Bearer").is_some_and(|given| is_one_of(given, tokens))
}

/// True if the request carries one of these tokens, be it as a password, which a browser asks a person for.
pub(super) fn may_see(headers: &HeaderMap, tokens: &[SecretString]) -> bool {
    let basic = given(headers, "Basic").and_then(|given| BASE64_STANDARD.decode(given).ok());
    let password = basic.as_deref().and_then(|basic| {
        let colon = basic.iter().position(|byte| *byte == b':')?;
        basic.get(colon + 1..)
    });
    let given = given(headers, "Bearer").or(password);
    given.is_some_and(|given| is_one_of(given, tokens))
}

fn is_one_of(given: &[u8], tokens: &[SecretString]) -> bool {
    let is_given = |token: &SecretString| same_bytes(given, token.expose_secret().as_bytes());
    tokens.iter().any(is_given)
}

/// Compares whole digests, so that the time it takes reveals nothing of where the texts differ.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differing = Sha256::digest(a)
        .iter()
        .zip(Sha256::digest(b).iter())
        .fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    differing == 0
}
