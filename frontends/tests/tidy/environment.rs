//! Files, time, threads and randomness come from the environment seam, so that a whole run can be
//! simulated and replayed.

use crate::repository::{Complaints, Repository};

/// The one folder that talks to the operating system.
const SEAM: &str = "engine/src/env/";
/// Programs for people at a terminal, and build scripts, live outside the simulation.
const OUTSIDE: [&str; 2] = ["cli/", "build.rs"];

/// Checks every shipped file of the libraries.
pub fn check(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("environment seam");
    for source in repository.shipped_rust() {
        let outside = OUTSIDE.iter().any(|part| source.path.contains(part));
        if outside || source.path.starts_with(SEAM) {
            continue;
        }
        for (offset, path) in source.paths() {
            if let (Some(instead), false) = (replacement(&path), source.in_test(offset)) {
                let message =
                    format!("{} is outside the simulation; use {instead}", path.join("::"));
                complaints.add(&source.path, source.line(offset), message);
            }
        }
    }
    complaints
}

/// What to use in place of a path of the standard library or of a crate.
fn replacement(path: &[&str]) -> Option<&'static str> {
    let rest = path.strip_prefix(&["std"]).unwrap_or(path);
    match rest {
        ["fs", ..] if rest.len() < path.len() => Some("the files of engine::env"),
        ["thread", ..] if rest.len() < path.len() => Some("the background work of engine::env"),
        ["time", "Instant" | "SystemTime" | "UNIX_EPOCH" | "*", ..] => {
            Some("the clock of engine::env")
        }
        ["rand" | "fastrand" | "getrandom", _, ..] => Some("the random numbers of engine::env"),
        _ => None,
    }
}

#[test]
fn a_way_around_the_seam_is_found() {
    let text = "use std::{fs, time::{Duration, Instant}};\nuse std::thread::spawn;\n\
                fn f() { rand::random() }\nuse std::time;\nfn g() { time::SystemTime::now() }\n\
                #[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
    let repository = Repository::planted(&[
        ("engine/src/a.rs", text),
        ("engine/src/env/os.rs", text),
        ("cli/src/main.rs", text),
        ("frontends/tests/it/main.rs", text),
    ]);
    let complaints = check(&repository).found;
    let lines: Vec<usize> = complaints.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [1, 1, 2, 3, 5]);
    assert!(complaints.iter().all(|complaint| complaint.path == "engine/src/a.rs"));
}
