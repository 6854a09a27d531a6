//! The wire's shapes against literal JSON, so that a mistake in them is not hidden by client and emulator sharing it.

mod samples;
mod shapes;
