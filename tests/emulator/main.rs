//! The emulator against the seed, sentence by sentence, and against the other public documents.
//!
//! Every answer is compared whole with literal JSON: never with the wire types, which the client shares.

mod access_tokens;
mod block_list;
mod callers;
mod conformance;
mod control;
mod faults;
mod grants;
mod limits;
mod lists;
mod members;
mod minted_tokens;
mod odd;
mod paths;
mod presence;
mod profiles;
mod roles;
mod samples;
mod scene;
mod socket;
mod support;
mod tolerance;
mod webhooks;
