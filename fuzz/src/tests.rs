//! The targets themselves: their samples get far, and what they found stays found.

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
