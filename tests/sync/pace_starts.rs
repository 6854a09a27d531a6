//! Commands in a row: at the start of each, the service still counts the calls of the one before.

use crate::applying::apply_plan;
use crate::line::{Dealt, Line, Path, Split, windows};
use crate::near;
use crate::service::{desired, room_id, room_of, state, virtually};
use roomsync::apply::Cancel;
use roomsync::chat::Client;
use roomsync::desired::{Desired, DesiredRoom};
use roomsync::emulator::{Emulator, Options};
use roomsync::reconcile;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const ROOMS: usize = 300;
/// Calls a second of each method that the service takes.
const SERVICE: u32 = 100;
/// Most calls that a start may have turned away.
const FEW: usize = 16;
/// Most time that a start right after another may cost.
const LONGER: Duration = Duration::from_millis(1_500);
/// Time after the last call turned away at which the full rate must be reached.
const BACK: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Plan,
    Apply,
}

/// The circumstances of commands in a row.
#[derive(Debug, Clone, Copy)]
struct Row {
    rate: u32,
    path: Path,
    /// From the end of one to the start of the next.
    gap: Duration,
    /// True if somebody is to be added to each room.
    changes: bool,
    seed: u64,
}

/// What came of a command.
#[derive(Debug)]
struct Done {
    took: Duration,
    turned_away: usize,
    /// From the last call turned away to the full rate. `None`: none was, or there was too little left to do.
    back: Option<Duration>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s, {} × 429", self.took.as_secs_f64(), self.turned_away)?;
        match self.back {
            Some(back) => write!(f, ", full rate {:.2} s after the last", back.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl Row {
    /// Runs commands one after the other, each with a client of its own.
    fn run(self, commands: &[Command]) -> Vec<Done> {
        fastrand::seed(self.seed);
        let members: &[&str] = if self.changes { &[] } else { &["b"] };
        let live = state((0..ROOMS).map(|n| (room_id(n), room_of("boss", &["a"], members))));
        let options = Options {
            calls_per_second: NonZeroU32::new(SERVICE),
            ..Options::default()
        };
        let rooms: Vec<String> = (0..ROOMS)
            .map(|n| format!("{{id: {}, admins: [a], members: [b]}}", room_id(n)))
            .collect();
        let desired = desired(&[&format!("rooms: [{}]", rooms.join(", "))]);
        virtually(async {
            let emulator = Emulator::new(live, options);
            let line = Line::new(emulator.router(), self.path, self.seed);
            let mut all = Vec::new();
            for command in commands {
                let client = near_client(&line, self.rate);
                let begun = Instant::now();
                command.run(&client, &desired).await;
                all.push(self.done(begun.elapsed(), &line.take_dealt()));
                sleep(self.gap).await;
            }
            all
        })
    }

    fn done(self, took: Duration, dealt: &[Dealt]) -> Done {
        let (turned_away, counted): (Vec<Dealt>, Vec<Dealt>) =
            dealt.iter().copied().partition(|call| call.status == 429);
        let last = turned_away.iter().max_by_key(|call| call.counted);
        let back = last.and_then(|last| {
            let full = self.rate as usize * 95 / 100;
            let reached = windows(&counted, last.method)
                .into_iter()
                .find(|(at, calls)| *at > last.counted && *calls >= full);
            reached.map(|(at, _)| at - last.counted)
        });
        Done {
            took,
            turned_away: turned_away.len(),
            back,
        }
    }
}

impl Command {
    async fn run(self, client: &Client, desired: &Desired) {
        let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
        let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
        assert!(planned.plan.rooms.iter().all(|room| room.error.is_none()));
        if self == Self::Plan {
            return;
        }
        let report = apply_plan(client, &rooms, &planned, "test", &Cancel::default()).await;
        let tally = report.tally();
        assert_eq!(tally.converged + tally.unchanged, ROOMS, "{tally:?}");
    }
}

fn near_client(line: &Line, rate: u32) -> Client {
    near::client(near::BASE, Box::new(line.clone()), rate).unwrap()
}

/// Runs `plan`, `apply` and `plan` in a row and each on its own, and prints what came of them.
fn check(row: Row) {
    use Command::{Apply, Plan};
    let in_a_row = row.run(&[Plan, Apply, Plan]);
    let alone = [Plan, Apply, Plan].map(|command| row.run(&[command]).remove(0));
    println!("{row:?}");
    for ((name, done), alone) in ["plan", "apply", "plan"].iter().zip(&in_a_row).zip(&alone) {
        println!("  {name:<6} {done}; alone {alone}");
        assert_eq!(alone.turned_away, 0, "{row:?}: {name} alone: {alone}");
        assert!(done.turned_away <= FEW, "{row:?}: {name}: {done}");
        assert!(
            done.took <= alone.took + LONGER,
            "{row:?}: {name}: {done}, alone {alone}"
        );
        if done.turned_away > 0 {
            assert!(
                done.back.is_some_and(|back| back <= BACK),
                "{row:?}: {name}: {done}"
            );
        }
    }
    if !row.changes {
        assert!(in_a_row[1].took <= in_a_row[0].took + LONGER, "{row:?}");
        assert!(in_a_row[2].took <= in_a_row[0].took + LONGER, "{row:?}");
    }
}

#[test]
fn a_command_right_after_another_takes_little_longer() {
    for rate in [95, 100] {
        for changes in [false, true] {
            check(Row {
                rate,
                path: Path::between(60, 60),
                gap: Duration::ZERO,
                changes,
                seed: 1,
            });
        }
    }
}

#[test]
fn so_it_is_over_any_path_and_after_any_gap() {
    let mut rng = fastrand::Rng::with_seed(1);
    let paths = [(0, 10), (20, 100), (60, 60), (0, 250), (200, 300)];
    for (seed, (shortest, longest)) in (0..).zip([paths, paths].concat()) {
        let split = [Split::Half, Split::AllThere, Split::AllBack][rng.usize(0..3)];
        check(Row {
            rate: *rng.choice(&[95, 100]).unwrap(),
            path: Path::between(shortest, longest).split(split),
            gap: Duration::from_millis(*rng.choice(&[0, 100, 300, 600, 900]).unwrap()),
            changes: rng.bool(),
            seed,
        });
    }
}
