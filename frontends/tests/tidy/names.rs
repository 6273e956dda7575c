//! Words that must not stand where they would tie a layer to one above it, and words that must not
//! stand anywhere.

use crate::mask::is_word;
use crate::repository::{Complaints, Repository};
use crate::source::words;

/// Languages and encodings that only front-ends know.
const MEANINGS: [&str; 4] = ["bson", "cypher", "sql", "promql"];
/// Index types named by words that the engine needs for other things too.
const AMBIGUOUS: [&str; 7] = ["hash", "rows", "series", "vector", "blob", "ordered", "keys"];
/// Names of files and folders that say nothing about what is in them.
const EMPTY_NAMES: [&str; 8] =
    ["utils", "util", "common", "core", "helper", "helpers", "manager", "misc"];
/// Text that belongs to the workshop and not to the product. In pieces, or this file would break
/// its own rule.
const WORKSHOP: [&str; 8] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "brief"),
    concat!("/ro", "ot/"),
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npmjs", ".org"),
    concat!("deb.", "debian.org"),
];

/// The engine names no index type; nothing below the front-ends names a language.
pub fn check_layers(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("words of higher layers");
    let types = index_types(repository);
    for source in repository.shipped_rust() {
        let engine = source.path.starts_with("engine/src/");
        if !engine && !source.path.starts_with("indexes/src/") {
            continue;
        }
        for (line, text) in source.text_lines() {
            for (_, word) in words(text) {
                if engine && types.contains(&word) {
                    let message = format!(
                        "the engine names the index type {word}; speak of index types in \
                         general, or move this to indexes/src/{word}"
                    );
                    complaints.add(&source.path, line, message);
                }
                let lower = word.to_ascii_lowercase();
                let meaning = lower.split('_').find(|part| MEANINGS.contains(part));
                if let Some(meaning) = meaning {
                    let message =
                        format!("{meaning} is a front-end's business; only frontends may know it");
                    complaints.add(&source.path, line, message);
                }
            }
        }
    }
    complaints
}

/// Names of the folders of `indexes/src`, except those that are words of their own.
fn index_types(repository: &Repository) -> Vec<&str> {
    let inside = repository.paths.iter().filter_map(|path| path.strip_prefix("indexes/src/"));
    let mut folders: Vec<&str> = inside.filter_map(|path| Some(path.split_once('/')?.0)).collect();
    folders.dedup();
    folders.retain(|folder| !AMBIGUOUS.contains(folder));
    folders
}

/// No file or folder has a name that says nothing; no text names the workshop it was made in.
pub fn check_words(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("words");
    for path in repository.paths.iter().filter(|path| path.ends_with(".rs")) {
        let empty = path.split(['/', '.']).find(|part| EMPTY_NAMES.contains(part));
        if let Some(empty) = empty {
            let message = format!("{empty} says nothing; name it after its one type or idea");
            complaints.add(path, 1, message);
        }
    }
    for source in repository.files.iter().filter(|source| !source.path.ends_with(".lock")) {
        for (line, text) in source.text_lines() {
            let named = WORKSHOP.iter().find(|word| text.contains(*word));
            let numbered = numbered(text, concat!("ga", "te"));
            if let Some(word) = named.copied().or(numbered) {
                let message = format!("{word:?} means nothing to a reader; say the thing itself");
                complaints.add(&source.path, line, message);
            }
        }
    }
    complaints
}

/// The word, if it stands in the text as a whole word with a number behind it.
fn numbered<'w>(text: &str, word: &'w str) -> Option<&'w str> {
    let lower = text.to_ascii_lowercase();
    let mut places = lower.match_indices(word);
    let hit = places.any(|(at, _)| {
        let before = lower[..at].chars().next_back();
        let behind = lower[at + word.len()..].trim_start_matches([' ', '-', '#']);
        before.is_none_or(|c| !is_word(&c)) && behind.starts_with(|c: char| c.is_ascii_digit())
    });
    hit.then_some(word)
}

#[test]
fn words_of_higher_layers_are_found() {
    let repository = Repository::planted(&[
        ("engine/src/a.rs", "// As in lsm.\nstruct BTree; // hash\nfn parse_sql() {} // SQLite\n"),
        ("engine/src/tests.rs", "use toy::lsm;\n"),
        ("indexes/src/lsm/mod.rs", "//! lsm\n"),
        ("indexes/src/hash/mod.rs", "const B: &str = \"BSON\";\n"),
        ("frontends/src/document.rs", "//! bson\n"),
    ]);
    let found = check_layers(&repository).places();
    assert_eq!(found, ["engine/src/a.rs:1", "engine/src/a.rs:3", "indexes/src/hash/mod.rs:1"]);
}

#[test]
fn words_of_the_workshop_are_found() {
    let repository = Repository::planted(&[
        ("docs/a.md", concat!("Open the ga", "te 3.\nInvestigate 3 gates, aggregate 3.\n")),
        ("docs/b.md", concat!("In /wo", "rk/x\n")),
        ("Cargo.lock", concat!("crates", ".io\n")),
        ("engine/src/utils/mod.rs", "//! x\n"),
    ]);
    let found = check_words(&repository).places();
    assert_eq!(found, ["engine/src/utils/mod.rs:1", "docs/a.md:1", "docs/b.md:1"]);
}
