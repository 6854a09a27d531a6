//! Events of the room files, taken in.

use super::handle::{DaemonHandle, lock};
use crate::diagnostics::{Alike, Diagnostic, fold};
use crate::file_source::Event;
use crate::model::log_code;
use tokio::time::Instant;

/// Takes in what became of the files on the disk, which are as they are since `written`.
pub(super) fn take(daemon: &DaemonHandle, event: Event, written: Instant) {
    let mut controller = lock(&daemon.controller);
    match event {
        Event::Taken(loaded) => {
            daemon.metrics.reloaded(true);
            for Alike { first, more } in fold(&loaded.warnings) {
                let Diagnostic {
                    code,
                    message,
                    location,
                    ..
                } = first;
                let file = location.as_ref().map(|location| location.file.as_str());
                let more = (more > 0).then_some(more);
                tracing::warn!(
                    code = log_code::FILE_WARNING,
                    problem = code,
                    file,
                    more,
                    "{message}"
                );
            }
            controller.take(*loaded, written);
        }
        Event::Bad(problems) => {
            daemon.metrics.reloaded(false);
            let now = controller.now();
            controller.files.refuse(problems, now);
        }
        Event::AsBefore => {
            let now = controller.now();
            controller.files.refuse(Vec::new(), now);
        }
    }
}
