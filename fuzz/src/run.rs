//! Files of inputs: those kept in `seeds`, those that libFuzzer begins from, those to be replayed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::target;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target)
}

/// The inputs that are kept for a target, with their paths: finds, and what else is worth running.
pub fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder("seeds", target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()));
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Puts samples and seeds where cargo-fuzz has libFuzzer look for inputs to begin from.
pub fn fill_corpus(name: &str) {
    let corpus = folder("corpus", name);
    fs::create_dir_all(&corpus).expect("making the corpus folder");
    let samples = (target(name).samples)().into_iter().enumerate();
    let samples = samples.map(|(i, bytes)| (format!("sample-{i}"), bytes));
    let file_name = |path: PathBuf| format!("seed-{}", path.file_name().unwrap().display());
    let seeds = seeds(name).into_iter().map(|(path, bytes)| (file_name(path), bytes));
    for (file, bytes) in samples.chain(seeds) {
        fs::write(corpus.join(file), bytes).expect("writing to the corpus folder");
    }
}

/// Runs a target on the files that the command line names.
pub fn replay(name: &str) {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        println!("usage: {name} FILE...");
        println!("Runs the target on files, such as fuzz/artifacts/{name}/crash-*.");
        println!("To fuzz: cargo +nightly fuzz run {name}");
    }
    for path in paths {
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("reading {path}: {e}"));
        (target(name).run)(&bytes);
        println!("{path}: {} bytes, no complaint", bytes.len());
    }
}
