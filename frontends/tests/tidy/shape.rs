//! Every index type has the same inner shape, every file says what it is for, and every format on
//! disk has a version and a stored sample.

use crate::repository::{Complaints, Repository};

/// What every folder of `indexes/src` holds, as a file or as a folder.
const INNER: [&str; 6] = ["op", "memtable", "segment", "merge", "query", "tests"];
/// What index types of ordered keys share, and the folder that has it.
const SHARED: (&str, [&str; 3]) = ("ordered", ["op", "memtable", "query"]);
/// Folders still being built. This list may only shrink.
pub const UNFINISHED: [&str; 0] = [];

/// Who knows one index type knows all.
pub fn check_index_types(repository: &Repository, unfinished: &[&str]) -> Complaints {
    let mut complaints = Complaints::new("shape of an index type");
    let inside = repository.paths.iter().filter_map(|path| path.strip_prefix("indexes/src/"));
    let mut folders: Vec<&str> = inside.filter_map(|path| Some(path.split_once('/')?.0)).collect();
    folders.dedup();
    for folder in folders.into_iter().filter(|folder| *folder != "tests") {
        let top = format!("indexes/src/{folder}/mod.rs");
        let missing: Vec<&str> =
            INNER.into_iter().filter(|part| !has_part(repository, folder, part)).collect();
        if !unfinished.contains(&folder) {
            for part in missing {
                let message = format!(
                    "index type without its part {part}; add indexes/src/{folder}/{part}.rs"
                );
                complaints.add(&top, 1, message);
            }
        } else if missing.is_empty() {
            let message = format!(
                "{folder} has all its parts; take it out of UNFINISHED in \
                 frontends/tests/tidy/shape.rs"
            );
            complaints.add(&top, 1, message);
        }
    }
    complaints
}

/// Whether a folder has a part, or takes it from what it shares with others.
fn has_part(repository: &Repository, folder: &str, part: &str) -> bool {
    let (shared, parts) = SHARED;
    if folder == shared {
        return !parts.contains(&part) || has_own(repository, folder, part);
    }
    let top = format!("indexes/src/{folder}/mod.rs");
    let top = repository.files.iter().find(|file| file.path == top);
    let shares = top.is_some_and(|top| top.text.contains(&format!("crate::{shared}")));
    shares && parts.contains(&part) || has_own(repository, folder, part)
}

fn has_own(repository: &Repository, folder: &str, part: &str) -> bool {
    let file = format!("indexes/src/{folder}/{part}.rs");
    let inner = format!("indexes/src/{folder}/{part}/mod.rs");
    repository.paths.contains(&file) || repository.paths.contains(&inner)
}

/// The top of every shipped file says what it is for.
pub fn check_tops(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("tops of files");
    for source in repository.shipped_rust() {
        let top = source.text.lines().find(|line| !line.starts_with("#!"));
        if !top.is_some_and(|line| line.starts_with("//!")) {
            let message = "file without a top; say in //! lines what it is for, what it is not \
                           for, and its invariants";
            complaints.add(&source.path, 1, message);
        }
    }
    complaints
}

/// A page of docs/formats has a line `Version: N` and a line `Sample: path` for each stored sample.
pub fn check_formats(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("formats");
    for page in &repository.files {
        let name = page.path.strip_prefix("docs/formats/").unwrap_or("");
        if !name.ends_with(".md") || name == "README.md" {
            continue;
        }
        let version = values(&page.text, "Version:").any(|(_, value)| {
            value.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
        });
        if !version {
            let message = "format without a version; add a line \"Version: 1\"";
            complaints.add(&page.path, 1, message);
        }
        let samples: Vec<(usize, &str)> = values(&page.text, "Sample:").collect();
        if samples.is_empty() {
            let message = "format without a sample; store one that a test reads, as \
                           engine/tests/formats/NAME, and add a line \"Sample: \" with its path";
            complaints.add(&page.path, 1, message);
        }
        for (line, sample) in samples {
            let stored = repository.paths.iter().any(|path| path == sample);
            if !stored || !sample.contains("tests/") {
                let message = format!("sample {sample:?} does not lie in a folder tests/ here");
                complaints.add(&page.path, line, message);
            }
        }
    }
    complaints
}

/// Values of the lines `Label: value` of a Markdown page, without its list and code marks.
fn values<'p>(page: &'p str, label: &'p str) -> impl Iterator<Item = (usize, &'p str)> {
    let marks = [' ', '*', '-', '`', '_'];
    page.lines().enumerate().filter_map(move |(at, line)| {
        let value = line.trim_start_matches(marks).strip_prefix(label)?;
        Some((at + 1, value.trim_matches(marks)))
    })
}

#[test]
fn an_index_type_without_a_part_is_found() {
    let part = |part: &str| format!("indexes/src/btree/{part}");
    let [a, b, c, d, e, f] =
        ["op.rs", "memtable.rs", "segment/mod.rs", "merge.rs", "tests.rs", "mod.rs"].map(part);
    let repository =
        Repository::planted(&[(&a, ""), (&b, ""), (&c, ""), (&d, ""), (&e, ""), (&f, "")]);
    let found = check_index_types(&repository, &[]).found;
    assert_eq!(found.len(), 1);
    assert!(found[0].message.contains("indexes/src/btree/query.rs"), "{}", found[0]);
    assert!(check_index_types(&repository, &["btree"]).found.is_empty());
}

#[test]
fn what_ordered_keys_share_is_nowhere_twice() {
    let shared = ["op", "memtable", "query"].map(|part| format!("indexes/src/ordered/{part}.rs"));
    let own = ["segment", "merge", "tests"].map(|part| format!("indexes/src/lsm/{part}.rs"));
    let mut files: Vec<(&str, &str)> =
        shared.iter().chain(&own).map(|path| (path.as_str(), "")).collect();
    files.push(("indexes/src/lsm/mod.rs", "use crate::ordered::op;"));
    assert!(check_index_types(&Repository::planted(&files), &[]).found.is_empty());
    let without = Repository::planted(&files[1..]);
    assert_eq!(check_index_types(&without, &[]).places(), ["indexes/src/ordered/mod.rs:1"]);
}

#[test]
fn an_index_type_that_is_finished_leaves_the_list() {
    let paths = INNER.map(|part| format!("indexes/src/btree/{part}.rs"));
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    let found = check_index_types(&Repository::planted(&files), &["btree"]).places();
    assert_eq!(found, ["indexes/src/btree/mod.rs:1"]);
}

#[test]
fn a_file_without_a_top_is_found() {
    let repository = Repository::planted(&[
        ("engine/src/a.rs", "#![allow(x)]\n//! Says it.\n"),
        ("engine/src/b.rs", "// Does not.\n"),
        ("engine/src/tests.rs", "use super::*;\n"),
        ("engine/src/c.rs", ""),
    ]);
    let complaints = check_tops(&repository).found;
    let paths: Vec<&str> = complaints.iter().map(|complaint| complaint.path.as_str()).collect();
    assert_eq!(paths, ["engine/src/b.rs", "engine/src/c.rs"]);
}

#[test]
fn a_format_without_version_or_sample_is_found() {
    let repository = Repository::planted(&[
        (
            "docs/formats/log.md",
            "# Log\n\n- **Version:** 1\n- Sample: `engine/tests/formats/log`\n",
        ),
        ("docs/formats/bare.md", "# Bare\n"),
        ("docs/formats/gone.md", "# Gone\nVersion: 2\nSample: engine/tests/formats/gone\n"),
        ("docs/formats/README.md", "# Formats\n"),
        ("engine/tests/formats/log", "x"),
    ]);
    let found = check_formats(&repository).places();
    assert_eq!(
        found,
        ["docs/formats/bare.md:1", "docs/formats/bare.md:1", "docs/formats/gone.md:3"]
    );
}
