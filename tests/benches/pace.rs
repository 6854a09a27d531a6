//! Distance of calls from the call limit, and a check that they do not run into it.
//!
//! `cargo bench --bench pace` runs on virtual time, so that it is quick and the same everywhere. It prints each figure, the worst
//! where a scenario is played several times, with what is wanted, and fails where that is missed. `cargo bench --bench pace
//! -- --real` makes the calls of the first three in real time, over sockets, with the emulator on a thread of its own: 20
//! seconds each.

#[path = "../sync/line.rs"]
mod line;
#[path = "../sync/near.rs"]
mod near;
#[path = "../sync/pace_model.rs"]
mod pace_model;
#[path = "../sync/pace_scenarios.rs"]
mod pace_scenarios;

use near::Outcome;
use pace_model::{Figures, Scenario, run, run_for_real};
use pace_scenarios::{PATHS, more_scenarios, plain, scenarios};
use std::io::{Write as _, stdout};

fn main() -> Outcome {
    writeln!(
        stdout(),
        "{:<42} {:>7} {:>8} {:>6} {:>4} {:>7} {:>8}  wanted",
        "",
        "calls/s",
        "of bound",
        "window",
        "429",
        "",
        "others/s"
    )?;
    let mut missed = 0;
    if std::env::args().any(|arg| arg == "--real") {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (path, name, rate) in PATHS {
            let scenario = plain(name, path, rate);
            let figures = run_for_real(&scenario)?;
            missed += usize::from(!tell(&scenario, &figures)?);
        }
    } else {
        let all: Vec<_> = scenarios().into_iter().chain(more_scenarios()).collect();
        for same in all.chunk_by(|one, next| one.name == next.name) {
            let mut worst: Option<Figures> = None;
            for scenario in same {
                let figures = run(scenario)?;
                worst = Some(worst.map_or(figures.clone(), |worst| worst.or_worse(&figures)));
            }
            if let Some((figures, scenario)) = worst.zip(same.first()) {
                missed += usize::from(!tell(scenario, &figures)?);
            }
        }
    }
    match missed {
        0 => Ok(()),
        _ => Err(format!("{missed} missed").into()),
    }
}

/// Prints a line, and says whether what is wanted is kept.
fn tell(scenario: &Scenario, figures: &Figures) -> Outcome<bool> {
    let Figures {
        rate,
        worst_window,
        turned_away,
        percent,
        others,
        found_again,
    } = figures;
    let kept = figures.keep(scenario);
    writeln!(
        stdout(),
        "{:<42} {rate:>7.2} {:>8.3} {worst_window:>6} {turned_away:>4} {percent:>5.2} % {others:>8.1}  {}{}: {}",
        scenario.name,
        rate / scenario.bound(),
        scenario.wants(),
        found_again.map_or(String::new(), |seconds| format!(
            ", is found after {seconds:.1} s"
        )),
        if kept { "ok" } else { "MISSED" },
    )?;
    Ok(kept)
}
