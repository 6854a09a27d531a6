//! Time of an apply to a large fleet, against the time that its busiest method's calls take at the least.
//!
//! `cargo bench --bench fleet` runs on virtual time, so that it is the same everywhere. It prints each figure with its bound and
//! fails where one is missed. `cargo bench --bench fleet -- --real` does the same in real time over sockets: four minutes.

#[path = "../sync/applying.rs"]
mod applying;
#[path = "../sync/near.rs"]
mod near;
#[path = "../sync/scale_model.rs"]
mod scale_model;

use near::Outcome;
use scale_model::{Figures, Fleet, run, run_for_real};
use std::io::{Write as _, stdout};

fn main() -> Outcome {
    let real = std::env::args().any(|arg| arg == "--real");
    let apply = if real {
        let _ = rustls::crypto::ring::default_provider().install_default();
        run_for_real
    } else {
        run
    };
    let mut missed = 0;
    let seeds = if real { 1..=1 } else { 1..=5 };
    for seed in seeds {
        let figures = apply(Fleet::mixed(1_000, seed)?)?;
        tell(&format!("mixed fleet of 1,000 rooms, seed {seed}"), &figures)?;
        missed += usize::from(!check(
            "first to last write",
            figures.ratio(),
            1.05,
            "x the bound",
        )?);
        missed += usize::from(!check("answers 429", figures.turned_away as f64, 0.0, "")?);
    }
    let figures = apply(Fleet::to_fill(1_000, 1_000)?)?;
    tell("first fill of 1,000 rooms x 1,000 users", &figures)?;
    missed += usize::from(!check(
        "first to last write",
        figures.writing.as_secs_f64(),
        178.0,
        "s",
    )?);
    missed += usize::from(!check(
        "the whole apply",
        figures.whole.as_secs_f64(),
        195.0,
        "s",
    )?);
    missed += usize::from(!check("answers 429", figures.turned_away as f64, 0.0, "")?);
    match missed {
        0 => Ok(()),
        _ => Err(format!("{missed} missed").into()),
    }
}

fn tell(what: &str, figures: &Figures) -> Outcome {
    let Figures {
        calls,
        turned_away: _,
        writing,
        whole,
        bound,
        not_converged,
    } = figures;
    writeln!(
        stdout(),
        "{what}: bound {:.2} s, first to last write {:.2} s ({:.3} x), the whole apply {:.2} s",
        bound.as_secs_f64(),
        writing.as_secs_f64(),
        figures.ratio(),
        whole.as_secs_f64()
    )?;
    let calls: Vec<String> = calls
        .iter()
        .map(|(method, calls)| format!("{method} {calls}"))
        .collect();
    writeln!(stdout(), "  {}", calls.join(", "))?;
    if *not_converged > 0 {
        return Err(format!("{not_converged} rooms are not as wanted").into());
    }
    Ok(())
}

fn check(what: &str, figure: f64, most: f64, unit: &str) -> Outcome<bool> {
    let kept = figure <= most;
    let word = if kept { "ok" } else { "MISSED" };
    writeln!(stdout(), "  {what}: {figure:.3} {unit} (at most {most}): {word}")?;
    Ok(kept)
}
