//! One mutant over one pass, and over some passes of the daemon.

use super::mutant::Mutant;
use super::scene::{ODD, ROOMS, Scene, odd_call, which};
use crate::applying::apply_plan;
use crate::house::{House, house};
use crate::service::{BATCH, Sent, Service, config, room_id, virtually};
use roomsync::apply::{Cancel, Outcome, Report};
use roomsync::chat::wire::Method;
use roomsync::chat::{BoxFuture, Client, Rates, Request, Response, Transport, TransportError};
use roomsync::cli::Exit;
use roomsync::desired::{Desired, DesiredRoom};
use roomsync::emulator::State;
use roomsync::plan::FleetPlan;
use roomsync::reconcile::{self, Once, Written};
use roomsync::status::{RoomState, Status};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Longer than any pass over five rooms takes, all tries of all calls in it.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// A service whose answers about the odd room are odd, if there is a mutant.
#[derive(Debug, Clone)]
pub(crate) struct OddService {
    service: Service,
    mutant: Option<Arc<Mutant>>,
    heard: Arc<Mutex<Heard>>,
}

/// Answers about the odd room as the service gave them, by method and by whether they are refusals.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) answers: BTreeMap<(Method, bool), Vec<Vec<u8>>>,
    /// Number of answers that the mutant changed.
    pub(crate) odd: usize,
}

impl OddService {
    fn new(service: Service, mutant: Option<&Mutant>) -> Self {
        let mutant = mutant.cloned().map(Arc::new);
        let heard = Arc::default();
        Self {
            service,
            mutant,
            heard,
        }
    }
}

impl Transport for OddService {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let method = odd_call(&request);
            let mut answer = self.service.send(request).await?;
            let Some(method) = method else {
                return Ok(answer);
            };
            let refused = !(200..300).contains(&answer.status);
            let mut heard = self.heard.lock().unwrap();
            match &self.mutant {
                None => heard
                    .answers
                    .entry((method, refused))
                    .or_default()
                    .push(answer.body.to_vec()),
                Some(mutant) if (mutant.method, mutant.refused) == (method, refused) => {
                    let odd = mutant.of(&answer.body);
                    heard.odd += usize::from(*odd != *answer.body);
                    answer.body = odd.into();
                }
                Some(_) => {}
            }
            Ok(answer)
        })
    }
}

/// How a run went.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    /// Whatever is not as it has to be.
    pub(crate) wrong: Vec<String>,
    pub(crate) heard: Heard,
    /// True if the odd room is as wanted.
    pub(crate) is_done: bool,
    /// Everything sent and reported: two runs that have it in common went the same way.
    pub(crate) trace: Vec<String>,
}

/// Plans and applies once.
pub(crate) fn once(scene: Scene, desired: &Desired, mutant: Option<&Mutant>) -> Trial {
    let service = OddService::new(scene.service(), mutant);
    let ended =
        guarded(|| virtually(async { timeout(AN_HOUR, plan_and_apply(scene, desired, &service)).await }));
    let mut trial = Trial {
        heard: std::mem::take(&mut service.heard.lock().unwrap()),
        ..Trial::default()
    };
    let sent = service.service.take_sent();
    let end = service.service.emulator.state();
    trial.wrong = scene.misdeeds(&sent, &end);
    trial.is_done = scene.is_done(ODD, &end);
    match ended {
        Err(panic) => trial.wrong.push(panic),
        Ok(Err(_)) => trial.wrong.push("the pass has no end".to_owned()),
        Ok(Ok(once)) => {
            trial.wrong.extend(judged(scene, &once, &end));
            trial.trace = trace(&sent, &once);
        }
    }
    trial
}

async fn plan_and_apply(scene: Scene, desired: &Desired, service: &OddService) -> Once {
    let add_many = scene.single.then_some((Method::AddMany, 1));
    let mut config = config(BATCH, 64);
    config.rates = Rates {
        own: add_many.into_iter().collect(),
        ..config.rates
    };
    let client = Client::new(Box::new(service.clone()), config);
    let rooms: Vec<&DesiredRoom> = desired.rooms.iter().collect();
    let planned = reconcile::plan(&client.reader(), &rooms, None, &|| {}).await;
    let report = apply_plan(&client, &rooms, &planned, "test", &Cancel::default()).await;
    Once {
        plan: planned.plan,
        written: Written::Applied(report),
        seconds: 0.0,
    }
}

/// Whatever is not as wanted in the other rooms, and what is said of the odd one and is not so.
fn judged(scene: Scene, once: &Once, end: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    let report = once.written.report().unwrap();
    for number in 0..ROOMS {
        let said = said(number, &once.plan, report);
        let well = matches!(said.as_str(), "converged" | "unchanged");
        match (number == ODD, scene.is_done(number, end)) {
            (false, false) => wrong.push(format!("another room is not as wanted ({said})")),
            (false, true) if !well => wrong.push(format!("another room is as wanted, and said to be {said}")),
            (true, false) if well => {
                wrong.push(format!("the odd room is not as wanted, and said to be {said}"));
            }
            (true, false) if Exit::of_once(once) == Exit::Done => {
                wrong.push(format!(
                    "the odd room is not as wanted ({said}), and the exit code is 0"
                ));
            }
            (false | true, _) => {}
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

/// A room's result in a word, as the report says it, or the plan where the report does not have the room.
fn said(number: usize, plan: &FleetPlan, report: &Report) -> String {
    let id = room_id(number);
    let planned = plan.rooms.iter().find(|room| room.id == id).unwrap();
    let report = report.rooms.iter().find(|room| room.id == id);
    match report.map(|room| room.status) {
        Some(Outcome::Converged | Outcome::Unchanged) if planned.falls_short() => "incomplete".to_owned(),
        Some(status) => format!("{status:?}").to_lowercase(),
        None => format!("{:?}", planned.status).to_lowercase(),
    }
}

/// Runs the daemon for some passes.
pub(crate) fn daemon(scene: Scene, mutant: Option<&Mutant>) -> Trial {
    const SETTINGS: &str = "guards: {max_removals: 100%, max_demotions: 100%, max_removals_total: 100%, \
        removal_budget: off}\nsync: {interval: 1m, settle_removals: 0ms}";
    let limits = if scene.single {
        "\nlimits: {calls_per_second: {default: 50, add_many: 1}}"
    } else {
        ""
    };
    let odd = OddService::new(scene.service(), mutant);
    let service = odd.service.clone();
    let heard = Arc::clone(&odd.heard);
    let mut wrong = Vec::new();
    let ended = guarded(|| {
        house(
            service.clone(),
            &format!("{SETTINGS}{limits}"),
            async |mut house: House| {
                house.through = Some(Arc::new(move |_| Box::new(odd.clone())));
                house.rooms(&scene.file());
                let daemon = house.start();
                sleep(Duration::from_secs(150)).await;
                let (status, end) = (daemon.status(), house.service.emulator.state());
                wrong.extend(shown(scene, &status, &end));
                daemon.stop().await;
            },
        );
    });
    wrong.extend(ended.err());
    wrong.extend(scene.misdeeds(&service.take_sent(), &service.emulator.state()));
    wrong.sort();
    wrong.dedup();
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    Trial {
        wrong,
        heard,
        ..Trial::default()
    }
}

/// Whatever is not as wanted in the other rooms, and what is shown of the odd one and is not so.
fn shown(scene: Scene, status: &Status, end: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, room) in status.rooms.iter().enumerate() {
        let state = format!("{:?}", room.state).to_lowercase();
        let aside = status.aside.len() + status.coming_and_going.len();
        let well = room.state == RoomState::InSync && room.notes == 0 && aside == 0;
        match (number == ODD, scene.is_done(number, end)) {
            (false, false) => wrong.push(format!("{} is not as wanted (shown {state})", which(number))),
            (false, true) if room.state != RoomState::InSync => {
                wrong.push(format!("{} is as wanted, and shown {state}", which(number)));
            }
            (true, false) if well => {
                wrong.push("the odd room is not as wanted, and shown in sync".to_owned());
            }
            (false | true, _) => {}
        }
    }
    if status.rooms.len() != ROOMS {
        wrong.push(format!("{} rooms are shown", status.rooms.len()));
    }
    wrong
}

/// Everything that was sent, without the order in which the rooms came, and the results, without the words.
fn trace(sent: &[Sent], once: &Once) -> Vec<String> {
    let mut trace: Vec<String> = sent.iter().map(|sent| format!("{sent:?}")).collect();
    trace.sort();
    for room in &once.plan.rooms {
        let notes: Vec<_> = room
            .notes
            .iter()
            .chain(&room.error)
            .map(|note| note.code)
            .collect();
        trace.push(format!("{:?} {:?} {notes:?}", room.status, room.steps()));
    }
    for room in once.written.report().into_iter().flat_map(|report| &report.rooms) {
        let failed = room.failed.iter();
        let failed: Vec<_> = failed
            .map(|failed| (failed.op, &failed.user, failed.reason.code))
            .collect();
        trace.push(format!("{:?} {} {failed:?}", room.status, room.calls));
    }
    trace
}

fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        let first = text.and_then(|text| text.lines().next());
        format!("panic: {}", first.unwrap_or_default())
    })
}
