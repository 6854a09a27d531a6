//! Progress for people: a bar on standard error, with the rate, the share of the call budget and the time left.

use super::Globals;
use crate::apply::Cancel;
use crate::chat::Reader;
use crate::model::ReasonCode;
use crate::reconcile::progress::{Progress, outlook, shares};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Time before a bar is shown: shorter work is over before anybody has read one.
const PATIENCE: Duration = Duration::from_secs(1);
/// Interval between two drawings.
const BEAT: Duration = Duration::from_millis(200);

/// A progress bar that goes away with its work.
pub(super) struct BarGuard {
    bar: ProgressBar,
    drawing: Option<AbortHandle>,
}

/// Contents of a bar, and their source.
pub(super) struct Watched {
    pub(super) what: &'static str,
    pub(super) progress: Arc<Progress>,
    pub(super) reader: Reader,
    /// Signal that may stop the work early.
    pub(super) stop: Option<Cancel>,
}

/// A bar on standard error, if people read that, for as long as the value lives.
pub(super) fn progress_bar(globals: &Globals, watched: Watched) -> BarGuard {
    let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_prefix(watched.what);
    let bar = match style {
        Ok(style) => bar.with_style(style.progress_chars("##-")),
        Err(_) => bar,
    };
    let drawing = (!globals.bars.is_hidden()).then(|| {
        let (bars, bar) = (globals.bars.clone(), bar.clone());
        let drawing = async move {
            sleep(PATIENCE).await;
            watched.draw(&bar);
            let bar = bars.add(bar);
            loop {
                watched.draw(&bar);
                sleep(BEAT).await;
            }
        };
        tokio::spawn(drawing).abort_handle()
    });
    BarGuard { bar, drawing }
}

/// The progress of a look at so many rooms, and a bar that shows it.
pub(super) fn looking(globals: &Globals, rooms: usize, reader: &Reader) -> (Arc<Progress>, BarGuard) {
    let progress = Arc::new(Progress::of_rooms(rooms));
    let watched = Watched {
        what: "looking at rooms",
        progress: Arc::clone(&progress),
        reader: reader.clone(),
        stop: None,
    };
    (progress, progress_bar(globals, watched))
}

impl Watched {
    fn draw(&self, bar: &ProgressBar) {
        let outlook = outlook(&self.progress.stand(), &shares(&self.reader));
        let stopped = self.stop.as_ref().and_then(Cancel::reason);
        let told = match stopped {
            None => outlook.to_string(),
            Some(reason) => {
                let why = match reason.code {
                    ReasonCode::Quota => "the quota is used up",
                    ReasonCode::Interrupted => "interrupted",
                    other => other.as_str(),
                };
                let (done, of) = (outlook.done, outlook.of);
                format!("{done}/{of} calls · {why}: no new call is made")
            }
        };
        // Each of these draws; what is as it was is not drawn again.
        if bar.length() != Some(outlook.of as u64) {
            bar.set_length(outlook.of as u64);
        }
        if bar.position() != outlook.done as u64 {
            bar.set_position(outlook.done as u64);
        }
        if bar.message() != told {
            bar.set_message(told);
        }
    }
}

impl Drop for BarGuard {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        self.bar.finish_and_clear();
    }
}
