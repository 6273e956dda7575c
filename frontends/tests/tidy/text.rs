//! What every text file looks like: plain characters, short lines, one title, nothing left undone.

use std::ops::RangeInclusive;

use crate::repository::{Complaints, Repository};
use crate::source::words;

const COLUMNS: usize = 100;
/// In pieces, or this file would break its own rule.
const UNDONE: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Lines, corners and arrow heads, for drawings of bytes and states in comments.
const DRAWING: RangeInclusive<char> = '\u{2500}'..='\u{25ff}';
/// "And so on" in a drawing.
const ELLIPSIS: char = '\u{2026}';

/// Rust files are ASCII but for drawings in comments, without tabs, at most 100 columns wide.
pub fn check_characters(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("characters");
    for source in repository.rust() {
        for ((line, text), comment) in source.text_lines().zip(source.comments.split('\n')) {
            let mut pairs = text.chars().zip(comment.chars());
            let foreign = pairs.find(|(text, comment)| {
                let drawing = DRAWING.contains(text) || *text == ELLIPSIS;
                let drawn = *comment != ' ' && drawing;
                !text.is_ascii() && !drawn
            });
            if let Some((c, _)) = foreign {
                let code = u32::from(c);
                let message = format!("{c:?} is not ASCII; write \\u{{{code:x}}} or a plain word");
                complaints.add(&source.path, line, message);
            }
            if text.contains('\t') {
                complaints.add(&source.path, line, "tab; indent with four blanks, or write \\t");
            }
            let columns = text.chars().count();
            if columns > COLUMNS {
                let message = format!("{columns} columns, more than {COLUMNS}; break the line");
                complaints.add(&source.path, line, message);
            }
        }
    }
    complaints
}

/// A Markdown page has one title.
pub fn check_titles(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("titles");
    for page in repository.files.iter().filter(|file| file.path.ends_with(".md")) {
        let mut in_code = false;
        let mut titles = Vec::new();
        for (line, text) in page.text_lines() {
            in_code ^= text.trim_start().starts_with("```");
            if text.starts_with("# ") && !in_code {
                titles.push(line);
            }
        }
        match titles[..] {
            [] => complaints.add(&page.path, 1, "page without a title; begin with \"# Title\""),
            [_] => {}
            [_, second, ..] => {
                let message = "second title; make it a section with \"## \", or a page of its own";
                complaints.add(&page.path, second, message);
            }
        }
    }
    complaints
}

/// Nothing is marked as left undone, and no test is switched off.
pub fn check_undone(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("undone");
    let code = |path: &str| !path.ends_with(".md") && !path.ends_with(".lock");
    for source in repository.files.iter().filter(|source| code(&source.path)) {
        for (line, text) in source.text_lines() {
            if let Some((_, word)) = words(text).find(|(_, word)| UNDONE.contains(word)) {
                let message = format!("{word} left in; do it, or open an issue and say it there");
                complaints.add(&source.path, line, message);
            }
        }
        for (line, _) in source.code_lines().filter(|(_, text)| text.contains("#[ignore")) {
            let message = "test switched off; mend it, or bound its time and let it run";
            complaints.add(&source.path, line, message);
        }
    }
    complaints
}

#[test]
fn characters_and_widths_are_found() {
    let wide = format!("// {}\n// {}\n", "x".repeat(97), "x".repeat(98));
    let repository = Repository::planted(&[
        ("engine/src/a.rs", "// caf\u{e9}\n\tlet x;\n"),
        ("engine/src/b.rs", &wide),
        ("engine/src/c.rs", "//! \u{2500}\u{25ba} \u{2026}\nconst C: char = '\u{2500}';\n"),
        ("docs/a.md", "caf\u{e9}\n"),
    ]);
    let found = check_characters(&repository).places();
    assert_eq!(
        found,
        ["engine/src/a.rs:1", "engine/src/a.rs:2", "engine/src/b.rs:2", "engine/src/c.rs:2"]
    );
}

#[test]
fn two_titles_or_none_are_found() {
    let repository = Repository::planted(&[
        ("docs/a.md", "# One\n\n```sh\n# comment\n```\n\n## Section\n"),
        ("docs/b.md", "# One\n\n# Two\n"),
        ("docs/c.md", "none\n"),
    ]);
    let found = check_titles(&repository).places();
    assert_eq!(found, ["docs/b.md:3", "docs/c.md:1"]);
}

#[test]
fn work_left_undone_is_found() {
    let repository = Repository::planted(&[
        (
            "engine/src/a.rs",
            concat!("// TO", "DO: x\n// XX", "XX mastodon\n#[ignore]\nfn f() {}\n"),
        ),
        ("bindings/python/python/cuesta/__init__.py", concat!("# FIX", "ME\n")),
    ]);
    let found = check_undone(&repository).places();
    let python = "bindings/python/python/cuesta/__init__.py:1";
    assert_eq!(found, ["engine/src/a.rs:1", "engine/src/a.rs:3", python]);
}
