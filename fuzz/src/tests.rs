//! The targets themselves: their samples get far, and what they found stays found.

#[cfg(feature = "planted-bugs")]
use cuesta_engine::planted::{self, Bug};

use crate::{Random, TARGETS, mutated, seeds};

#[test]
fn samples_and_kept_inputs_are_taken_without_complaint() {
    for target in TARGETS {
        let samples = (target.samples)();
        assert!(!samples.is_empty(), "{} begins from nothing", target.name);
        samples.iter().for_each(|bytes| (target.run)(bytes));
        seeds(target.name).iter().for_each(|(_, bytes)| (target.run)(bytes));
    }
}

#[test]
fn the_same_seed_makes_the_same_input() {
    let samples = (TARGETS[0].samples)();
    let make = |seed| mutated(&samples, &mut Random::new(seed));
    let inputs: Vec<Vec<u8>> = (0..50).map(make).collect();
    assert_eq!(inputs, (0..50).map(make).collect::<Vec<_>>());
    assert!(inputs.windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn every_target_has_a_file_for_cargo_fuzz() {
    let manifest = include_str!("../Cargo.toml");
    for target in TARGETS {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.name);
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

#[test]
fn segments_of_the_second_writer_are_in_order_for_the_first_reader() {
    let samples = crate::segment::samples();
    let sound: Vec<_> = samples.iter().filter(|sample| crate::segment::is_sound(sample)).collect();
    assert_eq!(sound.len(), 2);
    for sample in sound {
        let answers = crate::segment::answers_of(sample).expect("a segment");
        assert_eq!(answers.problems, Vec::<String>::new());
        assert_eq!(answers.forward.expect("walking").len(), 120 - 13);
    }
}

#[test]
fn trees_of_samples_are_in_order() {
    for sample in crate::tree::samples() {
        let answers = crate::tree::answers_of(&sample).expect("a tree");
        assert_eq!(answers.problems, Vec::<String>::new());
        assert!(answers.forward.expect("walking").len() >= 20);
    }
}

#[test]
fn damaged_databases_are_used_to_very_different_degrees() {
    use crate::database::{Reached, reached, samples};
    let samples = samples();
    assert_eq!(reached(&samples[0]), Reached::Read);
    let inputs = (0..500).map(|seed| mutated(&samples, &mut Random::new(seed)));
    let all: Vec<Reached> = inputs.map(|input| reached(&input)).collect();
    for far in [Reached::Nothing, Reached::Opened, Reached::Read] {
        let count = all.iter().filter(|reached| **reached == far).count();
        println!("{far:?}: {count} of {}", all.len());
        assert!(count >= all.len() / 20, "{far:?} only {count} times");
    }
}

/// Bugs that only show when several commits are under way, when many operands pile up, in other
/// index types, bulk loads, feeds, watches, transactions or reader processes, or across many
/// deleted keys.
#[cfg(feature = "planted-bugs")]
const HIDDEN: [Bug; 17] = [
    Bug::FlushBeforePublish,
    Bug::MissingCatchUp,
    Bug::OperandLost,
    Bug::ChangeDroppedAtSegmentEnd,
    Bug::WakeUpLost,
    Bug::GapLeftOpen,
    Bug::IngestedUnsynced,
    Bug::BlindRangeValidation,
    Bug::PageReusedTooEarly,
    Bug::RootBeforePages,
    Bug::OverflowPageLost,
    Bug::ReadersForgotten,
    Bug::ReaderRunsAhead,
    Bug::FlushedKeptByReader,
    Bug::LostIndexDelete,
    Bug::DroppedBuildTombstone,
    Bug::UniqueCheckedAgainstOldView,
];

/// Kept inputs first, then made ones.
#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bugs_are_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let samples = crate::model::samples();
    let kept: Vec<Vec<u8>> = seeds("model_api").into_iter().map(|(_, bytes)| bytes).collect();
    let mut missed = Vec::new();
    for bug in Bug::ALL.into_iter().filter(|bug| !HIDDEN.contains(bug)) {
        let made = (0..2000).map(|seed| mutated(&samples, &mut Random::new(seed)));
        let found = kept.iter().cloned().chain(made).position(|input| {
            planted::plant(Some(bug));
            let outcome = std::panic::catch_unwind(|| crate::model_api(&input));
            planted::plant(None);
            outcome.is_err()
        });
        println!("{bug:?}: found by input {found:?}");
        missed.extend(found.is_none().then_some(bug));
    }
    assert_eq!(missed, []);
}

#[test]
fn a_shrunk_input_still_fails() {
    let input: Vec<u8> = (0..=255).collect();
    let small = crate::shrunk(&input, |bytes| bytes.contains(&7) && bytes.contains(&200));
    assert_eq!(small, [7, 200]);
}
