//! One file a command.

/// Stub.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
