//! Settings that are read again while the daemon runs.

use super::files::Following;
use super::passes::Way;
use super::{Config, Shared, follow, lock, way};
use crate::desired::Remembered;
use crate::diagnostics::{Diagnostic, Invalid};
use crate::settings::{Auth, Settings};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

/// Reads settings and files again. Settings that are not valid change nothing.
pub(super) fn reload(shared: &Shared, config: &Config, way_now: &mut Way, following: &Following) {
    let before = lock(&shared.engine).settings.clone();
    // Whoever has moved the log away wants it under its name again, whatever becomes of the settings.
    lock(&shared.engine).audit.reopen(before.audit_log.clone());
    let settings = match (config.reload)() {
        Ok(settings) => settings,
        Err(invalid) => {
            tell(&invalid);
            return following.look_now();
        }
    };
    if !same_way(&before, &settings) {
        match way(config, &settings, &shared.counting) {
            Ok(new) => {
                let mut engine = lock(&shared.engine);
                engine.learn(way_now);
                new.begin_with(engine.ledger.learned_limits.as_ref());
                drop(engine);
                replace(shared, way_now, new);
            }
            Err(error) => {
                tracing::error!(%error, "the settings stay as they are");
                return following.look_now();
            }
        }
    }
    if before.state_dir != settings.state_dir
        || before.listen != settings.listen
        || before.status_page != settings.status_page
    {
        tracing::warn!(
            "`state_dir`, `listen` and `status_page` are as before until roomsync is started again"
        );
    }
    let refollow = (&before.rooms, &before.guards, before.sync.settle)
        != (&settings.rooms, &settings.guards, settings.sync.settle);
    {
        let mut engine = lock(&shared.engine);
        engine.audit.reopen(settings.audit_log.clone());
        engine.settings = settings.clone();
        engine.learn(way_now);
        engine.see_withheld();
        engine.probe_now();
        if engine.trouble.is_some() {
            // Whoever changed the settings may have put right what was wrong.
            engine.all_soon();
        }
        engine.full_due = engine.full_due.min(Instant::now() + settings.sync.interval);
    }
    if refollow {
        following.change(follow(config, &settings, Remembered::default()));
    } else {
        following.look_now();
    }
    tracing::info!("settings and files are read again");
}

fn tell(invalid: &Invalid) {
    for Diagnostic {
        code,
        message,
        location,
        help,
        severity: _,
        also: _,
    } in &invalid.diagnostics
    {
        let place = location.as_ref().map(ToString::to_string);
        tracing::error!(
            code,
            place,
            help,
            "the settings are not valid and stay as they are: {message}"
        );
    }
}

/// Goes another way from now on: nothing more goes out over the one before.
fn replace(shared: &Shared, way: &mut Way, new: Way) {
    *lock(&shared.reader) = new.reader.clone();
    std::mem::replace(way, new).reader.close();
    let mut engine = lock(&shared.engine);
    for stop in engine.rooms.values().filter_map(|room| room.applying.as_ref()) {
        stop.interrupt();
    }
    engine.all_soon();
}

/// Whether both lead to the service in the same way, as fast.
fn same_way(a: &Settings, b: &Settings) -> bool {
    let same_auth = match (&a.service.auth, &b.service.auth) {
        (Auth::Token(a), Auth::Token(b)) => a.expose_secret() == b.expose_secret(),
        (Auth::TokenFile(a), Auth::TokenFile(b)) => a == b,
        (Auth::Token(_), Auth::TokenFile(_)) | (Auth::TokenFile(_), Auth::Token(_)) => false,
    };
    same_auth
        && a.limits == b.limits
        && (
            &a.service.url,
            &a.service.app,
            &a.service.ca_file,
            a.service.timeout,
        ) == (
            &b.service.url,
            &b.service.app,
            &b.service.ca_file,
            b.service.timeout,
        )
}
