//! One file a command.

pub mod validate;

/// Stub.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
