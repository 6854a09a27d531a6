//! Users of this machine.

use std::fs;

/// File that names them.
const USERS: &str = "/etc/passwd";

/// Name of the user with this number, or else the number: `user 1000`.
pub(crate) fn user_name(number: u32) -> String {
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let of: u32 = fields.nth(1)?.parse().ok()?;
        (of == number && !name.is_empty()).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {number}"))
}
