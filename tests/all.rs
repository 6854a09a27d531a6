//! Tests that need neither real time nor the program as a daemon: files, plans, schemas, the emulator. One binary, so that the
//! crate is linked once for all of it. What is in which folder: `tests/README.md`.

// So that clippy knows the helpers, too, for tests: they may fail by panicking.
#![cfg(test)]

mod architecture;
#[path = "desired/main.rs"]
mod desired;
#[path = "emulator/main.rs"]
mod emulator;
#[path = "plan/main.rs"]
mod plan;
#[path = "schema/main.rs"]
mod schema;
mod settings;
#[path = "validate/main.rs"]
mod validate;
#[path = "wire/main.rs"]
mod wire;
