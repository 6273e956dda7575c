//! Shipped code does not panic without saying why it cannot.
//!
//! Clippy knows types and says so first; this rule also sees code that features hide from Clippy,
//! and `unreachable!`.

use crate::repository::{Complaints, Repository};
use crate::source::Source;

const CALLS: [&str; 8] = [
    ".unwrap()",
    ".unwrap_err()",
    ".expect(",
    ".expect_err(",
    "panic!",
    "unreachable!",
    "todo!",
    "unimplemented!",
];
/// How far above a use outside any function its reason may stand.
const LINES_ABOVE: usize = 10;

/// Checks every shipped file.
pub fn check(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("panics");
    for source in repository.shipped_rust() {
        let functions = source.functions();
        for call in CALLS {
            for (offset, _) in source.code.match_indices(call) {
                if source.in_test(offset) || !is_panic(&source.code, offset, call) {
                    continue;
                }
                let enclosing = functions
                    .iter()
                    .filter(|function| (function.attributes..function.end).contains(&offset));
                let mut ranges = enclosing.map(|function| function.attributes..function.end);
                let reasoned = ranges.any(|range| has_reason(&source.code[range]))
                    || has_reason(lines_above(source, offset))
                    || source.code.contains("#![expect(");
                if !reasoned {
                    let message = format!(
                        "{call} outside tests; return an error, or say why it cannot happen with \
                         #[expect(clippy::.., reason = \"..\")] on the statement or function"
                    );
                    complaints.add(&source.path, source.line(offset), message);
                }
            }
        }
    }
    complaints
}

/// Whether a place where a call's name stands is that call, and not a longer name or a parser's
/// own method `expect`.
fn is_panic(code: &str, offset: usize, call: &str) -> bool {
    let (before, behind) = (&code[..offset], code[offset + call.len()..].trim_start());
    match call {
        ".expect(" | ".expect_err(" => behind.starts_with(['"', '&']) && !before.ends_with("self"),
        _ if call.ends_with('!') => !before.ends_with(|c: char| crate::mask::is_word(&c)),
        _ => true,
    }
}

fn has_reason(code: &str) -> bool {
    let mut attributes = code.match_indices("#[expect(");
    attributes.any(|(at, _)| {
        let end = code[at..].find(']').map_or(code.len(), |end| at + end);
        code[at..end].contains("reason")
    })
}

/// The lines right above an offset and its own.
fn lines_above(source: &Source, offset: usize) -> &str {
    let mut starts = source.code[..offset].rmatch_indices('\n').map(|(at, _)| at);
    &source.code[starts.nth(LINES_ABOVE).unwrap_or(0)..offset]
}

#[test]
fn a_panic_without_a_reason_is_found() {
    let repository = Repository::planted(&[
        (
            "engine/src/a.rs",
            "fn a() { x.unwrap() }\nfn b() { x.expect(\"y\") }\nfn c() { self.expect(\"y\"); \
             p.expect(Token::A); x.unwrap_or(1); // .unwrap()\n}\nfn d() { unreachable!() }\n\
             fn e() { debug_panic!() }\n#[test]\nfn t() { x.unwrap() }\n",
        ),
        (
            "engine/src/b.rs",
            "/// Doc.\n#[expect(\n    clippy::panic,\n    reason = \"because\"\n)]\nfn a() {\n    \
             panic!(\"x\")\n}\n\n\n\n\n\n\n\n\n\n\nfn b() {\n    panic!()\n}\n",
        ),
        ("frontends/tests/it/main.rs", "fn a() { x.unwrap() }\n"),
    ]);
    let found = check(&repository).places();
    assert_eq!(
        found,
        ["engine/src/a.rs:1", "engine/src/a.rs:2", "engine/src/a.rs:5", "engine/src/b.rs:20"]
    );
}
