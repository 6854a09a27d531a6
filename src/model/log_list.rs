use serde::Serialize;
use std::fmt;

/// A list in a log event: recorded by `?`, it is joined text for people and an array in JSON lines.
#[derive(Clone, Copy)]
pub struct LogList<'a, T>(pub &'a [T]);

impl<T: fmt::Display + Serialize> fmt::Debug for LogList<'_, T> {
    /// The alternate form is JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let json = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
            return f.write_str(&json);
        }
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        fmt::Debug::fmt(&names.join(", "), f)
    }
}
