//! Values of flags, each with what the flag takes where it is something else.

use std::net::SocketAddr;
use std::str::FromStr;

/// The kind of value that a flag takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is needed")]
pub(super) struct Takes(pub(super) String);

/// Reads a whole number.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, Takes> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let takes = if is_number {
        "a smaller number"
    } else {
        "a whole number"
    };
    text.parse().map_err(|_| Takes(takes.to_owned()))
}

/// Reads an address with its port.
pub(super) fn address(text: &str) -> Result<SocketAddr, Takes> {
    text.parse().map_err(|_| {
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        let port = port.parse::<u16>().unwrap_or(8080);
        Takes(format!("an IP address with its port, such as 127.0.0.1:{port}"))
    })
}

/// The message about a flag's value that is not of the kind it takes.
pub(super) fn not_taken(error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue};
    use std::error::Error as _;

    let Takes(takes) = error.source()?.downcast_ref::<Takes>()?;
    let text = |kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.as_str()),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg)?.split(' ').next()?;
    let value = match text(ContextKind::InvalidValue)? {
        "" => "an empty text".to_owned(),
        value => format!("`{}`", value.escape_debug()),
    };
    Some(format!("{flag} takes {takes}, not {value}"))
}
