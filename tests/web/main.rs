//! Everything that the daemon shows: routes, metrics, the page in a browser.

mod agree;
mod browser;
mod fixture;
mod gaps;
mod metrics;
mod page;
mod routes;
mod scenes;
mod server;

pub(crate) use metrics::exported;

/// Tells why a test is not run. In CI that is a failure: there everything that is needed is to be installed.
fn skip(what: &str, why: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{what} is not run: {why}"
    );
    println!("skipped: {what}: {why}");
}
