//! The whole walk — files, look, plan, apply — through the real client against the emulator, on virtual time.

#![cfg(test)]

mod a_day_offline;
mod absent;
mod applying;
mod approve;
mod approve_random;
mod attention;
mod audit;
mod audit_cost;
mod budget;
mod bulk;
mod cheap_looks;
mod choking;
mod contested;
mod credentials;
mod daemon;
mod daemon_clock;
mod daemon_faults;
mod daemon_search;
mod daemon_traps;
mod daemon_withheld;
mod export;
mod exported;
mod faults;
mod fleet;
mod fleet_model;
mod house;
mod interrupted;
mod kept;
mod learned_limits;
mod line;
mod looks;
mod lost_answers;
mod mutation;
mod named;
mod near;
mod odd_servers;
mod orders;
mod pace;
#[expect(dead_code, reason = "what is not used here is for the bench")]
mod pace_model;
#[expect(dead_code, reason = "what is not used here is for the bench")]
mod pace_scenarios;
mod pace_starts;
mod points;
mod progress;
mod promises;
mod quota;
mod reasons;
mod recorded;
mod removal_check;
mod render;
mod reserves;
mod saved;
mod scale;
#[expect(dead_code, reason = "what is not used here is for the bench")]
mod scale_model;
mod search;
mod service;
mod settings_watch;
mod settling;
mod shortage;
mod slow_disk;
mod unmanaged;
mod until;
mod webhook;
