//! Settings that are read again while the daemon runs.

use super::handle::{DaemonHandle, lock};
use super::learned_limits::ServiceLink;
use super::settings_watch::SettingsWatch;
use super::{Config, audit_log_of, follow, link};
use crate::desired::Remembered;
use crate::diagnostics::{Diagnostic, Invalid, Severity};
use crate::file_source::FileSource;
use crate::model::log_code;
use crate::settings::{SecretFrom, Settings};
use jiff::Timestamp;

/// Reads settings and files again. Settings that are not valid change nothing.
pub(super) fn reload(daemon: &DaemonHandle, config: &Config, link_now: &mut ServiceLink, files: &FileSource) {
    let before = lock(&daemon.controller).settings.clone();
    // Whoever has moved the log away wants it under its name again, whatever becomes of the settings.
    reopen_audit_log(daemon, config, &before);
    let read = (config.reload)().and_then(|settings| {
        settings.check_secrets()?;
        Ok(settings)
    });
    let settings = match read {
        Ok(settings) => settings,
        Err(invalid) => {
            report(&invalid);
            watch(daemon, |watch, now| watch.refuse(&invalid, now));
            return files.look_now();
        }
    };
    if !same_link(&before, &settings) {
        match link(config, &settings, &daemon.calls) {
            Ok(new) => {
                lock(&daemon.controller).learn(link_now);
                new.begin_with(lock(&daemon.controller).learned.as_ref());
                replace(daemon, link_now, new);
            }
            Err(error) => {
                tracing::error!(code = log_code::SETTINGS_REFUSED, %error, "the settings stay as they are");
                watch(daemon, |watch, now| watch.refuse_for(&error, now));
                return files.look_now();
            }
        }
    }
    if taken_at_start(&before) != taken_at_start(&settings) {
        tracing::warn!(
            code = log_code::SETTINGS_NEED_RESTART,
            "`state_dir`, `listen`, `status_page`, `allowed_hosts`, `status_token_file`, `admin_token_file` and `webhook` are as before \
             until roomsync is started again"
        );
    }
    let refollow = (&before.rooms, &before.room_defaults, before.sync.settle)
        != (&settings.rooms, &settings.room_defaults, settings.sync.settle);
    reopen_audit_log(daemon, config, &settings);
    {
        let mut controller = lock(&daemon.controller);
        controller.change_settings(settings.clone());
        controller.learn(link_now);
    }
    if refollow {
        files.change(follow(config, &settings, Remembered::default()));
    } else {
        files.look_now();
    }
    watch(daemon, |watch, _| watch.taken());
    daemon.metrics.settings_read(daemon.calls.clock.now());
    tracing::info!(
        code = log_code::SETTINGS_READ,
        "settings and files are read again"
    );
}

/// Settings that only a start takes.
fn taken_at_start(settings: &Settings) -> impl PartialEq + '_ {
    (
        (&settings.state_dir, settings.listen, settings.status_page),
        (&settings.allowed_hosts, &settings.status_token_file),
        settings.admin_token.as_ref().and_then(SecretFrom::file),
        &settings.webhook,
    )
}

/// Records what came of the reading.
fn watch(daemon: &DaemonHandle, record: impl FnOnce(&mut SettingsWatch, Timestamp)) {
    let now = daemon.calls.clock.now();
    let watch = &mut lock(&daemon.controller).settings_watch;
    record(watch, now);
    daemon.metrics.settings_valid(watch.are_valid());
}

fn report(invalid: &Invalid) {
    for Diagnostic {
        code,
        message,
        location,
        help,
        severity,
        also: _,
    } in &invalid.diagnostics
    {
        let place = location.as_ref().map(ToString::to_string);
        if *severity != Severity::Error {
            tracing::warn!(
                code = log_code::SETTINGS_WARNING,
                problem = code,
                place,
                help,
                "in the settings that are not valid: {message}"
            );
            continue;
        }
        tracing::error!(
            code = log_code::SETTINGS_REFUSED,
            problem = code,
            place,
            help,
            "the settings are not valid and stay as they are: {message}"
        );
    }
}

fn reopen_audit_log(daemon: &DaemonHandle, config: &Config, settings: &Settings) {
    let path = audit_log_of(config, settings);
    lock(&daemon.controller).audit.reopen(path);
}

/// Goes another way to the service from now on: nothing more goes out over the one before.
fn replace(daemon: &DaemonHandle, link: &mut ServiceLink, new: ServiceLink) {
    *lock(&daemon.reader) = new.reader.clone();
    std::mem::replace(link, new).reader.close();
    let mut controller = lock(&daemon.controller);
    controller.rooms.interrupt_all();
    controller.resync_soon();
}

/// True if both lead to the service in the same way, as fast.
fn same_link(a: &Settings, b: &Settings) -> bool {
    a.service.auth.is_same(&b.service.auth)
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
