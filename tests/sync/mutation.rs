//! Odd answers: every field of every answer about one of five rooms, absent, null, of another type, cut or doubled.
//!
//! The other rooms converge, nobody who is wanted is removed, no owner is touched, and nothing is said to be done that is not.

mod mutant;
mod run;
mod scene;

use crate::service::desired;
use mutant::{Failures, Mutant, mutants};
use roomsync::chat::wire::Method;
use roomsync::desired::Desired;
use run::{Trial, daemon, once};
use scene::Scene;
use std::collections::BTreeMap;
use std::time::Instant;

/// Every mutant of a scene's answers, as one pass without an oddity hears them; and that pass.
fn mutants_of(scene: Scene, desired: &Desired, methods: &[Method]) -> (Vec<Mutant>, Trial) {
    let clean = once(scene, desired, None);
    let refused = scene.refuses();
    let of_method = |method| {
        let answers = clean.heard.answers.get(&(method, refused));
        let answers = answers.unwrap_or_else(|| panic!("{scene:?} has no answer to {method}"));
        mutants(method, refused, answers)
    };
    let mutants = methods.iter().copied().flat_map(of_method).collect();
    (mutants, clean)
}

#[test]
fn without_an_oddity_all_is_well_and_every_call_is_made() {
    for (scene, methods) in Scene::all() {
        let desired = desired(&[&scene.file()]);
        let (mutants, clean) = mutants_of(scene, &desired, &methods);
        assert!(!mutants.is_empty(), "{scene:?}");
        assert_eq!(clean.wrong, [""; 0], "{scene:?}");
        assert_eq!(daemon(scene, None).wrong, [""; 0], "{scene:?}");
    }
}

#[test]
fn odd_answers_about_one_room_harm_no_other_and_nobody() {
    let begun = Instant::now();
    let [mut in_a_pass, mut in_the_daemon] = [Failures::default(), Failures::default()];
    let (mut passes, mut short, mut daemons) = (0, 0, 0);
    for (scene, methods) in Scene::all() {
        let desired = desired(&[&scene.file()]);
        let (mutants, clean) = mutants_of(scene, &desired, &methods);
        let mut alike: BTreeMap<_, Vec<Mutant>> = BTreeMap::new();
        for mutant in mutants {
            let trial = once(scene, &desired, Some(&mutant));
            passes += 1;
            short += usize::from(!trial.is_done);
            assert!(trial.heard.odd > 0, "{mutant} in {scene:?} never met");
            in_a_pass.add(&mutant, &trial.wrong);
            // What makes no difference to a pass makes none to the daemon's, but for the time.
            let differs = trial.trace != clean.trace;
            if differs || mutant.is_of_time() {
                let time = (!differs).then(|| mutant.kind());
                alike.entry((trial.trace, time)).or_default().push(mutant);
            }
        }
        for mutants in alike.values() {
            daemons += 1;
            let wrong = daemon(scene, mutants.first()).wrong;
            for mutant in mutants {
                in_the_daemon.add(mutant, &wrong);
            }
        }
    }
    let took = begun.elapsed();
    println!(
        "{passes} mutants in a pass each, {short} of which leave the odd room other than wanted; \
         {daemons} kinds of them in the daemon; in {took:.0?}"
    );
    assert!(
        in_a_pass.is_empty() && in_the_daemon.is_empty(),
        "in a pass:\n{in_a_pass}\nin the daemon:\n{in_the_daemon}"
    );
}
