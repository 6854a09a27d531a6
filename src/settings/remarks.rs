//! Warnings about settings that can be used, and do not do what they look like.

use super::file::SettingsSpec;
use crate::chat::wire::{CALLS_PER_SECOND, LIST_ROOMS_PER_SECOND, MAX_ADD_BATCH, Method};
use crate::desired::{doubtful_pattern, protects_everybody};
use crate::diagnostics::{EntryPart, NodePath, Place, Problem, RawDiagnostic, Target};
use crate::model::Limit;

/// Warnings about these settings.
pub(super) fn remarks(spec: &SettingsSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut warn = |steps: Vec<Option<u32>>, raw| {
        let steps = steps.into_iter().flatten().collect();
        let part = EntryPart::Value;
        let at = Target::Node(NodePath { steps, part });
        problems.push(Problem::warning(Place { file: 0, at }, raw));
    };
    if let Some(guards) = &spec.guards.value {
        let protect = &guards.of_rooms.protect;
        for (item, glob) in (0..).zip(protect.value.iter().flatten()) {
            let found = glob
                .iter()
                .flat_map(|glob| [doubtful_pattern(glob), protects_everybody(glob)]);
            for raw in found.flatten() {
                warn(vec![spec.guards.entry, protect.entry, Some(item)], raw);
            }
        }
    }
    if let Some(limits) = &spec.limits.value {
        let batch = &limits.add_batch;
        if let Some(size @ 1..) = batch.value.filter(|size| *size > MAX_ADD_BATCH) {
            let message = format!(
                "`add_batch: {size}` is more than the {MAX_ADD_BATCH} people a call that the service documents"
            );
            let raw = RawDiagnostic::new("large-batch", message).help(
                "only newer servers accept it; others refuse the first call, and smaller ones are sent after that",
            );
            warn(vec![spec.limits.entry, batch.entry], raw);
        }
        let rates = &limits.calls_per_second;
        let share = limits.share.value.unwrap_or(Limit::ALL);
        for (entry, method, rate) in rates.value.iter().flat_map(|rates| rates.written(share)) {
            let most = most(method);
            if rate > most {
                let of = method.map_or_else(String::new, |method| format!(" of {}", method.as_str()));
                let message =
                    format!("{rate} calls a second{of} are more than the {most} that the service allows");
                let raw = RawDiagnostic::new("high-rate", message).help(format!(
                    "write at most {most}: everything on the App Key shares them, and what is over is refused with 429"
                ));
                warn(vec![spec.limits.entry, rates.entry, entry], raw);
            }
        }
    }
    problems
}

/// Calls a second that the service allows for this method; `None`: for every method without a rate of its own.
fn most(method: Option<Method>) -> u32 {
    match method {
        Some(Method::ListRooms) => LIST_ROOMS_PER_SECOND,
        _ => CALLS_PER_SECOND,
    }
}
