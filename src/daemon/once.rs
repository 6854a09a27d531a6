//! One pass over all rooms, for a command that ends after it.

use super::files::{Following, News, RETRY};
use super::passes::{self, Full, Passed};
use super::shared::lock;
use super::written::Written;
use super::{Daemon, end, follow, heard, pass};
use crate::apply::{Reason, Report};
use crate::diagnostics::Invalid;
use crate::model::{ReasonCode, show_duration};
use crate::plan::FleetPlan;
use std::pin::pin;
use tokio::time::{Instant, sleep_until, timeout};

/// Result of one pass over all rooms.
#[derive(Debug)]
#[must_use]
pub struct Once {
    /// Plan of the pass.
    pub plan: FleetPlan,
    /// Error that ended the look before every room was seen.
    pub stopped: Option<crate::chat::CallError>,
    /// Outcome of the plan.
    pub written: Written,
    /// The least time in seconds that the plan's calls take.
    pub seconds: f64,
}

/// Makes the pass, see [`Daemon::once`].
pub(super) async fn run(daemon: Daemon, stop: impl Future<Output = ()>) -> Result<Option<Once>, Invalid> {
    let Daemon {
        shared,
        config,
        way,
        remembered,
    } = &daemon;
    let mut stop = pin!(stop);
    let mut following = Following::start(follow(config, &config.settings, remembered.clone()));
    let stillness = following.stillness();
    let settle = config.settings.sync.settle_removals;
    let mut seen = following.stillness();
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
                end(shared, way);
                break waiting.map(|(planned, _)| interrupted(planned));
            }
            news = following.news() => match news {
                Some(News::Bad(diagnostics)) => return Err(Invalid { diagnostics }),
                Some(news) => {
                    heard(shared, news);
                    waiting = None;
                }
                None => break None,
            },
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                let now = *asked.insert(Instant::now());
                following.look_now();
                // Whatever else the look finds is news.
                let _ = timeout(RETRY, seen.wait_for(|seen| seen.seen_at >= now)).await;
            }
        }
        let sets = lock(&shared.engine).sets;
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
        let turns = {
            let mut engine = lock(&shared.engine);
            // Not earlier: if this process is ended now, the next one must not take the set for a settled one.
            if has_settled {
                engine.files_settled();
            }
            engine.begin_full()
        };
        let may_take_away = || has_settled && is_still();
        let mut pass = pin!(passes::full(shared, way, turns, &may_take_away));
        let full = tokio::select! {
            full = &mut pass => full,
            () = &mut stop => {
                end(shared, way);
                pass.await
            }
        };
        match full {
            None => break None,
            Some(Full::Made(passed)) => break Some(passed),
            Some(Full::Unsettled(planned)) if *shared.ends.borrow() => break Some(interrupted(planned)),
            Some(Full::Unsettled(planned)) => {
                match &stillness.borrow().being_written {
                    Some(file) => tracing::info!(
                        "removals wait until {} is closed by whoever writes it",
                        file.display()
                    ),
                    None => tracing::info!(
                        "removals wait {:.1} s, until the room files have been unchanged for {} (`sync.settle_removals`)",
                        left().as_secs_f64(),
                        show_duration(settle)
                    ),
                }
                waiting = Some((planned, Instant::now() + left()));
            }
        }
    };
    following.stop().await;
    let Some(Passed { planned, mut written }) = passed else {
        return Ok(None);
    };
    let engine = lock(&shared.engine);
    if let Written::Applied(report) = &mut written {
        let interrupted = (*shared.ends.borrow()).then(Reason::interrupted);
        report.stopped = report.stopped.take().or(interrupted);
        let withheld = || engine.withheld().map(|why| Reason::new(why.code, why.message));
        let why = report.stopped.clone().or_else(withheld);
        let why = why.unwrap_or_else(|| Reason::new(ReasonCode::NotBegun, "it was not this room's turn"));
        report.count_not_begun(&planned.plan.rooms, &why);
    }
    let rates = pass::rates(&engine.settings);
    drop(engine);
    Ok(Some(Once {
        seconds: rates.seconds(&planned.plan),
        plan: planned.plan,
        stopped: planned.stopped,
        written,
    }))
}

/// A pass that was ended before its first call.
fn interrupted(planned: pass::Planned) -> Passed {
    let report = Report {
        rooms: Vec::new(),
        stopped: Some(Reason::interrupted()),
    };
    Passed {
        planned,
        written: Written::Applied(report),
    }
}
