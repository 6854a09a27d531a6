//! One file a command.

pub mod emulator;

/// Stub.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
