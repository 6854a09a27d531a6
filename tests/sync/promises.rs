//! Each kind of fault that the emulator plays, and how a run of the client through it ends: nobody goes who should stay,
//! and either all is as wanted or the report says what is not.

use crate::service::{
    BATCH, Service, desired, failed, members, one_room, pass, people, room, room_id, room_of, set, state,
    virtually,
};
use proptest::prelude::*;
use roomsync::apply::{Outcome, Report};
use roomsync::chat::{Client, ClientConfig, PathPrefix, Rates, TokenSource};
use roomsync::emulator::Fault;
use roomsync::model::{ReasonCode, UserId};
use roomsync::reconcile::Planned;
use std::collections::BTreeMap;
use std::time::Duration;

/// Wanted of a room that holds `a`, `b`, `old` (an admin) and `kept` (another): `c` and `d` come, `b` and `old` go.
const KEYS: &str = "admins: [kept], members: [a, c, d], guards: {max_removals: 100%, max_demotions: 100%}";
const WANTED: [&str; 4] = ["a", "c", "d", "kept"];

/// A pass over this room through these faults.
fn through(faults: &[&str]) -> (Service, Planned, Report) {
    let service = Service::new(room(&["old", "kept"], &["a", "b"]));
    for fault in faults {
        service.emulator.add_fault(Fault::parse(fault).unwrap());
    }
    let desired = desired(&[&format!("rooms: [{{id: {}, {KEYS}}}]", room_id(0))]);
    let (planned, report) = virtually(pass(&service.client(BATCH), &desired, None));
    let now = people(&service.emulator.state().rooms[&room_id(0)]);
    assert!(
        now.members.is_superset(&set(&["a", "kept"])),
        "{faults:?}: {now:?}"
    );
    assert!(now.admins.contains("kept"), "{faults:?}: {now:?}");
    (service, planned, report)
}

#[track_caller]
fn ends_as_wanted(faults: &[&str]) {
    let (service, _, report) = through(faults);
    let struck = service.emulator.faults();
    assert!(struck.iter().all(|fault| fault.struck > 0), "{struck:?}");
    assert_eq!(members(&service), set(&WANTED), "{faults:?}");
    assert_eq!(failed(&report), [], "{faults:?}");
    assert_eq!(report.rooms[0].status, Outcome::Converged, "{faults:?}");
}

const WRITES: [&str; 3] = ["add_many", "demote", "remove_many"];
const READS: [&str; 3] = ["room_detail", "list_members", "list_admins"];
/// Room detail shows nobody: then the pages of the member list are read.
const BY_PAGES: &str = "room_detail:rows=0";

#[test]
fn one_lost_call_or_answer_is_made_up_for() {
    for what in [
        "reset",
        "timeout",
        "502",
        "408",
        "html",
        "html=200",
        "503=reach_limit",
        "slow=30s",
    ] {
        for method in WRITES {
            for phase in ["before", "after"] {
                ends_as_wanted(&[&format!("{method}@1:{what}:{phase}")]);
            }
        }
        for method in READS {
            ends_as_wanted(&[&format!("{method}@1:{what}"), BY_PAGES]);
        }
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_made_up_for() {
    for method in WRITES.iter().chain(&READS) {
        ends_as_wanted(&[&format!("{method}@1:truncated"), BY_PAGES]);
    }
}

#[test]
fn over_the_rate_is_waited_for() {
    for method in WRITES.iter().chain(&READS) {
        ends_as_wanted(&[&format!("{method}@1-2:429"), BY_PAGES]);
        ends_as_wanted(&[&format!("{method}@1-2:429:after"), BY_PAGES]);
    }
}

#[test]
fn the_quota_ends_the_run_and_is_named() {
    let (service, _, report) = through(&["writes:429=resource_limited"]);
    assert_eq!(report.stopped.unwrap().code.as_str(), "quota");
    assert_eq!(members(&service), set(&["a", "b", "kept", "old"]));
    assert_eq!(service.emulator.faults()[0].struck, 1, "never again");

    let (_, planned, _) = through(&["reads:429=resource_limited"]);
    assert_eq!(planned.plan.stopped.unwrap().code.as_str(), "quota");
}

#[test]
fn an_expired_token_is_renewed_or_ends_the_run() {
    for at in 1..=6 {
        let (_, planned, report) = through(&[&format!("any@{at}:expired")]);
        let looking = planned.plan.stopped.map(|error| error.code);
        let stopped = looking.or(report.stopped.map(|reason| reason.code));
        assert_eq!(stopped, Some(ReasonCode::CredentialsRefused), "call {at}");
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    for at in 1..=6 {
        std::fs::write(&file, "secret").unwrap();
        let token = TokenSource::file(file.clone()).unwrap();
        let (file, mut live) = (file.clone(), room(&["old", "kept"], &["a", "b"]));
        live.tokens = Some(["secret".into(), "renewed".into()].into());
        let service = Service::new(live).with_fault(move |_, _, number| {
            // Somebody puts the new token there as the old one expires.
            if number + 1 == at {
                std::fs::write(&file, "renewed").unwrap();
            }
            None
        });
        let fault = format!("any@{at}:expired");
        service.emulator.add_fault(Fault::parse(&fault).unwrap());
        let config = ClientConfig {
            base: "http://127.0.0.1:1".parse().unwrap(),
            prefix: PathPrefix::new("acme", "demo").unwrap(),
            token,
            rates: Rates {
                default: 50,
                own: BTreeMap::new(),
            },
            concurrency: 64,
            timeout: Duration::from_secs(10),
            batch: BATCH,
            bulk_reads: true,
            strict: false,
            observer: None,
        };
        let client = Client::new(Box::new(service.clone()), config);
        let desired = desired(&[&format!("rooms: [{{id: {}, {KEYS}}}]", room_id(0))]);
        let (_, report) = virtually(pass(&client, &desired, None));
        assert_eq!(report.rooms[0].status, Outcome::Converged, "call {at}");
        assert_eq!(members(&service), set(&WANTED), "call {at}");
        assert_eq!(service.emulator.counters().statuses["401"], 1);
    }
}

#[test]
fn an_oversized_answer_is_not_taken_for_an_empty_one() {
    for method in WRITES.iter().chain(&READS) {
        let (service, planned, report) = through(&[&format!("{method}@1:oversized"), BY_PAGES]);
        let said = planned.plan.rooms[0].falls_short() || !failed(&report).is_empty();
        assert!(said || members(&service) == set(&WANTED), "{method}");
    }
}

#[test]
fn a_stale_read_is_never_reported_as_done_where_it_is_not() {
    for at in 1..=6 {
        let stale = format!("reads@{at}-{}:stale=9", at + 1);
        for faults in [
            &["writes@1:join=x", &stale][..],
            &["writes@1:join=x", &stale, BY_PAGES],
        ] {
            let (service, planned, report) = through(faults);
            let silent = failed(&report).is_empty() && !planned.plan.rooms[0].falls_short();
            if silent {
                assert!(members(&service).is_superset(&set(&WANTED)), "{faults:?}");
            }
        }
    }
}

/// A room of three pages. Whoever leaves an early page moves somebody to the page that was read already.
#[test]
fn who_comes_and_goes_between_two_pages_costs_nobody_their_place() {
    let names: Vec<String> = (0..2_500).map(|n| format!("u{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    for change in ["leave=u1+u2+u3", "join=x+y", "leave=u2499", "leave=boss"] {
        for page in ["@2", "@3", "@2-3", ""] {
            for phase in ["before", "after"] {
                let fault = format!("list_members{page}:{change}:{phase}");
                let service = Service::new(room(&[], &all)).showing(0);
                service.emulator.add_fault(Fault::parse(&fault).unwrap());
                let keys = format!("members: [{}], guards: {{max_removals: 100%}}", names.join(", "));
                let (planned, _) = one_room(&service, &keys);
                let people = members(&service);
                // Only who left by themselves can be missing, and x and y are the only ones who may be removed.
                let missing: Vec<_> = names.iter().filter(|name| !people.contains(*name)).collect();
                let gone: Vec<&str> = change.trim_start_matches("leave=").split('+').collect();
                assert!(
                    missing.iter().all(|name| gone.contains(&name.as_str())),
                    "{fault}: {missing:?}"
                );
                let asked: Vec<&str> = planned.plan.rooms[0].remove.iter().map(UserId::as_str).collect();
                assert!(
                    asked.iter().all(|user| ["x", "y"].contains(user)),
                    "{fault}: {asked:?}"
                );
            }
        }
    }
}

#[test]
fn an_eaten_budget_costs_time_and_nothing_else() {
    let rooms = 120;
    let fleet = state((0..rooms).map(|n| (room_id(n), room_of("boss", &[], &["a", "b"]))));
    let service = Service::new(fleet).showing(1);
    for fault in ["add_many:budget=80", "list_members:budget=90"] {
        service.emulator.add_fault(Fault::parse(fault).unwrap());
    }
    let files: String = (0..rooms)
        .map(|n| {
            format!(
                "  - {{id: {}, members: [a, c], guards: {{max_removals: 100%}}}}\n",
                room_id(n)
            )
        })
        .collect();
    let desired = desired(&[&format!("rooms:\n{files}")]);
    let (_, report) = virtually(pass(&service.client(BATCH), &desired, None));
    assert!(report.rooms.iter().all(|room| room.status == Outcome::Converged));
    let counters = service.emulator.counters();
    assert!(counters.statuses["429"] > 0, "{counters:?}");
    for room in service.emulator.state().rooms.values() {
        assert_eq!(people(room).members, set(&["a", "c"]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Everything at once, at random: nobody goes who should stay, and what is not done is said.
    #[test]
    fn whatever_goes_wrong_harms_nobody(seed in any::<u64>(), chance in 0.0..0.5, by_pages in any::<bool>()) {
        let mut faults: Vec<String> = [
            "reset", "reset:after", "timeout", "timeout:after", "502:after", "html", "truncated", "429", "slow=3s",
            "stale=1", "expired=1",
        ]
        .iter()
        .zip(0_u64..)
        .map(|(what, n)| format!("any%{},seed={}:{what}", chance / 11.0, seed.wrapping_add(n)))
        .collect();
        faults.extend(by_pages.then(|| BY_PAGES.to_owned()));
        let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
        let (service, planned, report) = through(&faults);
        let silent = failed(&report).is_empty()
            && report.stopped.is_none()
            && planned.plan.stopped.is_none()
            && !planned.plan.rooms[0].falls_short();
        prop_assert!(!silent || members(&service) == set(&WANTED), "{:?}", service.emulator.journal());
    }
}
