//! `unsafe` stands in few small files, and each use says why it is sound.

use crate::repository::{Complaints, Repository};
use crate::source::{Source, words};

/// Beginnings of the paths that may hold `unsafe`.
const LISTED: [&str; 5] = [
    "engine/src/blinktree/",
    "engine/src/env/os",
    "bindings/python/src/buffer.rs",
    "benches/peers/src/engines/lmdb.rs",
    "benches/peers/src/engines/rocksdb",
];
/// How far above a use its reason may end.
const LINES_ABOVE: usize = 3;

/// Checks every Rust file, tests too.
pub fn check(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("unsafe code");
    for source in repository.rust() {
        let listed = LISTED.iter().any(|start| source.path.starts_with(start));
        for (offset, _) in words(&source.code).filter(|(_, word)| *word == "unsafe") {
            let line = source.line(offset);
            if !listed {
                let message = "unsafe outside the listed files; do it safely, or put it behind a \
                               safe surface in a small file and list that in \
                               frontends/tests/tidy/unsafety.rs";
                complaints.add(&source.path, line, message);
            } else if !has_reason(source, line) {
                let message = "unsafe without a reason; say in a comment that begins with SAFETY: \
                               right above it what is assumed and who guarantees it";
                complaints.add(&source.path, line, message);
            }
        }
    }
    complaints
}

/// Whether a comment with the reason stands on the line, or ends within three lines above it.
fn has_reason(source: &Source, line: usize) -> bool {
    let comments: Vec<&str> = source.comments.split('\n').collect();
    let says = |comment: &str| comment.contains("SAFETY:") || comment.contains("# Safety");
    let mut at = line - 1;
    let mut above = 0;
    loop {
        if says(comments[at]) {
            return true;
        }
        // Once in the comment, all of it counts.
        let in_comment = at + 1 < line && !comments[at].trim().is_empty();
        above += usize::from(!in_comment);
        if at == 0 || above > LINES_ABOVE {
            return false;
        }
        at -= 1;
    }
}

#[test]
fn unsafe_code_without_list_or_reason_is_found() {
    let block = "fn f() {\n    unsafe { g() }\n}\n";
    let repository = Repository::planted(&[
        ("engine/src/log.rs", "// SAFETY: none.\nunsafe impl Send for X {}\n"),
        ("engine/src/blinktree/tree.rs", block),
        (
            "engine/src/blinktree/arena.rs",
            "fn f() {\n    // SAFETY: one,\n    // two,\n    // three,\n    // four.\n    \
             let x = 1;\n    unsafe { g(x) }\n    let z = \"unsafe\"; // unsafe\n}\n",
        ),
        ("engine/src/env/os.rs", "#![allow(unsafe_code)]\n"),
    ]);
    let found = check(&repository).places();
    assert_eq!(found, ["engine/src/log.rs:2", "engine/src/blinktree/tree.rs:2"]);
}
