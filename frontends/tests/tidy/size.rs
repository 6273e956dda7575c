//! Files and functions stay short enough to hold in the head.

use crate::repository::{Complaints, Repository};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;
const TEST_MODULE_LINES: usize = 50;

/// A file, or a function in it (by name), that may be longer than the rule: up to so many lines.
pub struct Exception {
    pub path: &'static str,
    pub function: Option<&'static str>,
    pub lines: usize,
}

/// This list may only shrink. To add to it, say in review why the code is clearer in one piece.
pub const EXCEPTIONS: [Exception; 0] = [];

/// Checks files and functions against their limits, and that every exception is still needed.
pub fn check(repository: &Repository, exceptions: &[Exception]) -> Complaints {
    let mut complaints = Complaints::new("size");
    let mut needed = vec![false; exceptions.len()];
    let mut judge = |path: &str, function: Option<&str>, line: usize, lines: usize| {
        let limit = if function.is_some() { FUNCTION_LINES } else { FILE_LINES };
        let excepted = exceptions.iter().position(|it| it.path == path && it.function == function);
        if let Some(at) = excepted {
            needed[at] |= lines > limit;
        }
        let limit = excepted.map_or(limit, |at| exceptions[at].lines.max(limit));
        if lines > limit {
            let what = function.map_or("file".to_string(), |name| format!("function {name}"));
            let message = format!(
                "{what} of {lines} lines, more than {limit}; split it where the ideas part"
            );
            complaints.add(path, line, message);
        }
    };
    for source in repository.files.iter().filter(|source| !source.is_test) {
        if source.path.ends_with(".py") || source.path.ends_with(".pyi") {
            judge(&source.path, None, 1, source.text.lines().count());
        }
    }
    for source in repository.shipped_rust() {
        judge(&source.path, None, 1, source.lines_without_tests());
        for function in source.functions() {
            if !source.in_test(function.start) {
                let (first, last) = (source.line(function.start), source.line(function.end));
                judge(&source.path, Some(&function.name), first, last - first + 1);
            }
        }
    }
    for (exception, _) in exceptions.iter().zip(needed).filter(|(_, needed)| !needed) {
        let message = "exception that is not needed any more; take it out of EXCEPTIONS in \
                       frontends/tests/tidy/size.rs";
        complaints.add(exception.path, 1, message);
    }
    complaints
}

/// Tests inside the file they test stay short; longer ones lie in a file `tests.rs` beside it.
pub fn check_test_modules(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("inline tests");
    for source in repository.shipped_rust() {
        for range in source.test_ranges() {
            let item = &source.code[range.clone()];
            let lines = item.lines().count();
            let is_module = item.contains("mod ") && item.ends_with('}');
            if is_module && lines > TEST_MODULE_LINES {
                let message = format!(
                    "test module of {lines} lines inside the file, more than \
                     {TEST_MODULE_LINES}; move it to tests.rs beside it"
                );
                complaints.add(&source.path, source.line(range.start), message);
            }
        }
    }
    complaints
}

#[test]
fn what_is_too_long_is_found() {
    let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(69));
    let file = "//! x\n".repeat(601);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(599), "\n".repeat(9));
    let repository = Repository::planted(&[
        ("engine/src/a.rs", &long),
        ("engine/src/b.rs", &long.replace("fn f", "#[inline]\nfn h")),
        ("engine/src/c.rs", &file),
        ("engine/src/tests.rs", &file),
        ("engine/src/d.rs", &tested),
    ]);
    let exception = |path, function| Exception { path, function, lines: 80 };
    let exceptions = [exception("engine/src/b.rs", Some("h")), exception("engine/src/d.rs", None)];
    let found = check(&repository, &exceptions).places();
    assert_eq!(found, ["engine/src/a.rs:1", "engine/src/c.rs:1", "engine/src/d.rs:1"]);
}

#[test]
fn a_long_inline_test_module_is_found() {
    let module = |lines| format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(lines));
    let repository = Repository::planted(&[
        ("engine/src/a.rs", &format!("\n{}", module(48))),
        ("engine/src/b.rs", &module(47)),
    ]);
    let found = check_test_modules(&repository).found;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_str(), found[0].line), ("engine/src/a.rs", 2));
}
