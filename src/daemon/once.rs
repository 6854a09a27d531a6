//! One pass over all rooms, for a command that ends after it.

use super::handle::lock;
use super::passes::{self, Resync};
use super::{Daemon, end, file_events, follow};
use crate::apply::{Reason, Report};
use crate::diagnostics::Invalid;
use crate::file_source::{Event, FileSource, RETRY};
use crate::model::{ReasonCode, log_code, show_duration};
use crate::reconcile::{self, Once, Planned, Written};
use crate::telemetry::NOTICE;
use std::pin::pin;
use tokio::time::{Instant, sleep_until, timeout};

/// Makes the pass, see [`Daemon::once`].
pub(super) async fn run(daemon: Daemon, stop: impl Future<Output = ()>) -> Result<Option<Once>, Invalid> {
    let Daemon {
        handle,
        config,
        link,
        remembered,
    } = &daemon;
    let mut stop = pin!(stop);
    let mut files = FileSource::start(follow(config, &config.settings, remembered.clone()));
    let stillness = files.stillness();
    let settle = config.settings.sync.settle_removals;
    let mut seen = files.stillness();
    let left = || stillness.borrow().left_of(settle);
    // Time of the last request to read the files: an older read does not show that they are unchanged.
    let mut asked = None;
    // The plan that waits for the files to settle, and the time of the next request.
    let mut waiting = None;
    let passed = loop {
        let until = waiting.as_ref().map(|(_, until)| *until);
        tokio::select! {
            biased;
            () = &mut stop => {
                end(handle, link);
                break waiting.map(|(planned, _)| interrupted(planned));
            }
            news = files.event() => match news {
                Some(Event::Bad(diagnostics)) => return Err(Invalid { diagnostics }),
                Some(news) => {
                    file_events::take(handle, news, stillness.borrow().unchanged_since);
                    waiting = None;
                }
                None => break None,
            },
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                let now = *asked.insert(Instant::now());
                files.look_now();
                // Whatever else the look finds is news.
                let _ = timeout(RETRY, seen.wait_for(|seen| seen.seen_at >= now)).await;
            }
        }
        let sets = lock(&handle.controller).files.sets();
        let is_still = || {
            let now = stillness.borrow();
            // The stillness may be that of a set whose news has not arrived yet.
            let is_known = now.sets == sets && asked.is_none_or(|asked| now.seen_at >= asked);
            config.dry_run || (is_known && now.left_of(settle).is_zero())
        };
        let has_settled = is_still();
        if let Some((_, until)) = &mut waiting
            && !has_settled
            && stillness.borrow().sets == sets
        {
            *until = Instant::now() + left();
            continue;
        }
        let tickets = {
            let mut controller = lock(&handle.controller);
            // Not earlier: if this process is ended now, the next one must not take the set for a settled one.
            if has_settled {
                controller.files_settled();
            }
            controller.safeguards.ends_mut().hold(false);
            controller.end_places();
            controller.begin_resync()
        };
        let may_take_away = || has_settled && is_still();
        let mut pass = pin!(async {
            let tickets = passes::with_the_time(handle, link, tickets).await?;
            // Nobody would come back to a room whose entry changes during the pass.
            lock(&handle.controller).safeguards.ends_mut().hold(true);
            passes::resync(handle, link, tickets, &may_take_away).await
        });
        let full = tokio::select! {
            full = &mut pass => full,
            () = &mut stop => {
                end(handle, link);
                pass.await
            }
        };
        match full {
            None => break None,
            Some(Resync::Made { planned, written }) => break Some((planned, written)),
            Some(Resync::Unsettled(planned)) if *handle.ends.borrow() => break Some(interrupted(planned)),
            Some(Resync::Unsettled(planned)) => {
                match &stillness.borrow().being_written {
                    Some(file) => tracing::info!(
                        target: NOTICE, code = log_code::REMOVALS_WAIT, "removals wait until {} is closed by whoever writes it",
                        file.display()
                    ),
                    None => tracing::info!(
                        target: NOTICE, code = log_code::REMOVALS_WAIT, "removals wait {:.1} s, until the room files have been unchanged for {} (`sync.settle_removals`)",
                        left().as_secs_f64(),
                        show_duration(settle)
                    ),
                }
                waiting = Some((planned, Instant::now() + left()));
            }
        }
    };
    files.stop().await;
    handle.flush().await;
    let Some((mut planned, mut written)) = passed else {
        return Ok(None);
    };
    let controller = lock(&handle.controller);
    planned.add_unseen(controller.rooms.iter().map(|room| &**room.desired()));
    if let Written::Applied(report) = &mut written {
        let interrupted = (*handle.ends.borrow()).then(Reason::interrupted);
        report.stopped = report.stopped.take().or(interrupted);
        let suspended = || {
            controller
                .gate
                .suspended()
                .map(|why| Reason::new(why.code, why.message))
        };
        let why = report.stopped.clone().or_else(suspended);
        let why = why.unwrap_or_else(|| Reason::new(ReasonCode::NotBegun, "it was not this room's turn"));
        report.count_not_begun(&planned.plan.rooms, &why);
    }
    let rates = reconcile::rates(&controller.settings);
    drop(controller);
    Ok(Some(Once {
        seconds: rates.seconds(&planned.plan),
        plan: planned.plan,
        written,
    }))
}

/// A pass that was ended before its first call.
fn interrupted(planned: Planned) -> (Planned, Written) {
    let report = Report {
        rooms: Vec::new(),
        stopped: Some(Reason::interrupted()),
    };
    (planned, Written::Applied(report))
}
