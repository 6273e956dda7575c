//! One source file, read just far enough to check it: what is code, what is comment, what is test.
//!
//! Not a Rust parser. It knows comments, literals, balanced brackets, attributes, functions and
//! paths, and nothing of types or macros.
//!
//! Offsets are into `code`, which the module `mask` makes.

use std::ops::Range;

use crate::mask::{is_word, mask};

/// A file of the repository, with its path from the root, written with `/`.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
    pub comments: String,
    /// Whether the whole file is test, bench, example or fuzz code.
    pub is_test: bool,
    /// Parts of `code` that only tests see.
    test_ranges: Vec<Range<usize>>,
    line_starts: Vec<usize>,
}

/// A function with a body: where its attributes begin, where `fn` stands, where its brace closes.
pub struct Function {
    pub name: String,
    pub attributes: usize,
    pub start: usize,
    pub end: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let rust = path.ends_with(".rs");
        let (code, comments) = if rust { mask(text) } else { (String::new(), String::new()) };
        let mut line_starts = vec![0];
        line_starts.extend(code.match_indices('\n').map(|(at, _)| at + 1));
        let test_ranges = test_items(&code);
        let is_test = is_test_path(path) || code.contains("#![cfg(test)]");
        Source {
            path: path.into(),
            text: text.into(),
            code,
            comments,
            is_test,
            test_ranges,
            line_starts,
        }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Line number, from 1, of an offset in `code`.
    pub fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }

    pub fn in_test(&self, offset: usize) -> bool {
        self.is_test || self.test_ranges.iter().any(|range| range.contains(&offset))
    }

    /// Lines of `code`, numbered from 1.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }

    /// Lines of `text`, numbered from 1.
    pub fn text_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// How many lines are not inside an item that only tests see.
    pub fn lines_without_tests(&self) -> usize {
        let tests: usize = self
            .test_ranges
            .iter()
            .map(|range| self.line(range.end) - self.line(range.start) + 1)
            .sum();
        self.text.lines().count().saturating_sub(tests)
    }

    /// Items under `#[cfg(test)]` and the like, with the offsets of their first and last byte.
    pub fn test_ranges(&self) -> &[Range<usize>] {
        &self.test_ranges
    }

    /// Every function that has a body, in order; nested ones too.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (start, word) in words(&self.code) {
            if word != "fn" {
                continue;
            }
            let after = &self.code[start + 2..];
            let name: String = after.trim_start().chars().take_while(is_word).collect();
            if name.is_empty() {
                continue; // A function pointer type.
            }
            if let Some((open, close)) = body(&self.code, start) {
                debug_assert!(open < close);
                let attributes = self.attributes_before(start);
                found.push(Function { name, attributes, start, end: close });
            }
        }
        found
    }

    /// Every path with two segments or more, groups spelled out (`use a::{b, c::d}` is `a::b` and
    /// `a::c::d`), with the offset of its own last part.
    pub fn paths(&self) -> Vec<(usize, Vec<&str>)> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at].1.starts_with(|c: char| is_word(&c)) {
                at = path_tree(&tokens, at, &[], &mut found);
            } else {
                at += 1;
            }
        }
        found.retain(|(_, path)| path.len() > 1);
        found
    }

    /// Offset of the first line of the attributes and comments that belong to the item at `item`.
    fn attributes_before(&self, item: usize) -> usize {
        let mut line = self.line(item) - 1;
        while line > 0 {
            let range = self.line_starts[line - 1]..self.line_starts[line] - 1;
            let (code, comment) = (self.code[range.clone()].trim(), self.comments[range].trim());
            if code.ends_with(['}', ';', '{']) || (code.is_empty() && comment.is_empty()) {
                break;
            }
            line -= 1;
        }
        self.line_starts[line]
    }
}

/// Whether all of a file at this path is test, bench, example or fuzz code.
pub fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = |part: &str| matches!(part, "tests" | "benches" | "examples" | "fuzz");
    name == "tests.rs" || path.split('/').any(folder)
}

/// Identifiers, keywords and numbers, with their offsets.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let words = text.split(|c: char| !is_word(&c)).filter(|word| !word.is_empty());
    words.map(move |word| (offset(word), word))
}

/// Where the body of the item at `start` opens and closes; nothing if it ends with a semicolon.
pub fn body(code: &str, start: usize) -> Option<(usize, usize)> {
    let bytes = code.as_bytes();
    let mut nested = 0_i32;
    let open = (start..bytes.len()).find(|&at| {
        match bytes[at] {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            _ => {}
        }
        nested == 0 && matches!(bytes[at], b'{' | b';')
    })?;
    if bytes[open] == b';' {
        return None;
    }
    let mut depth = 0_i32;
    let close = (open..bytes.len()).find(|&at| {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    Some((open, close))
}

/// Attributes of items that only tests and model checkers build.
const TEST_MARKS: [&str; 5] =
    ["#[cfg(test)]", "#[cfg(all(test", "#[test]", "#[cfg(loom)]", "#[cfg(shuttle)]"];

fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for mark in TEST_MARKS {
        for (start, _) in code.match_indices(mark) {
            let end = match body(code, start) {
                Some((_, close)) => close,
                None => start + code[start..].find(';').unwrap_or(0),
            };
            found.push(start..end + 1);
        }
    }
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    found.retain(|range| {
        let outermost = range.start >= end;
        end = end.max(range.end);
        outermost
    });
    found
}

/// Words, `::` and single other characters, with their offsets; blanks are left out.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let word = code[at..].chars().take_while(is_word).count();
        let len = match word {
            0 if code[at..].starts_with("::") => 2,
            0 => 1,
            _ => word,
        };
        if !bytes[at].is_ascii_whitespace() {
            found.push((at, &code[at..at + len]));
        }
        at += len;
    }
    found
}

/// Reads one path, or a tree of them, that begins at token `at`; returns the token behind it.
fn path_tree<'c>(
    tokens: &[(usize, &'c str)],
    mut at: usize,
    prefix: &[&'c str],
    found: &mut Vec<(usize, Vec<&'c str>)>,
) -> usize {
    let token = |at: usize| tokens.get(at).map_or("", |&(_, text)| text);
    let mut path = prefix.to_vec();
    while token(at).starts_with(|c: char| is_word(&c) || c == '*') {
        path.push(token(at));
        at += 1;
        if token(at) != "::" {
            break;
        }
        at += 1;
    }
    if token(at) != "{" || token(at.wrapping_sub(1)) != "::" {
        let last = tokens.get(at.wrapping_sub(1)).map_or(0, |&(offset, _)| offset);
        found.push((last, path));
        return at;
    }
    at += 1;
    while !matches!(token(at), "}" | "") {
        let next = path_tree(tokens, at, &path, found);
        at = next.max(at + 1);
        while matches!(token(at), "as" | "," | "_") || token(at.wrapping_sub(1)) == "as" {
            at += 1;
        }
    }
    at + 1
}

#[test]
fn paths_are_spelled_out() {
    let text = "use crate::{a, b::{C as D, e}, f::*}; let x = std::fs::read::<u8>(g::h(1));";
    let source = Source::new("engine/src/a.rs", text);
    let paths: Vec<String> = source.paths().iter().map(|(_, path)| path.join("::")).collect();
    assert_eq!(
        paths,
        ["crate::a", "crate::b::C", "crate::b::e", "crate::f::*", "std::fs::read", "g::h"]
    );
}

#[test]
fn test_items_and_functions_are_found() {
    let text = "#[inline]\nfn a(x: [u8; 2]) -> fn() {\n  1\n}\n\n#[cfg(test)]\nmod tests {\n  \
                #[test]\n  fn b() {}\n}\nfn c();\n";
    let source = Source::new("engine/src/a.rs", text);
    let functions = source.functions();
    let names: Vec<&str> = functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!((source.line(functions[0].start), source.line(functions[0].end)), (2, 4));
    assert_eq!(functions[0].attributes, 0);
    assert!(!source.in_test(functions[0].start) && source.in_test(functions[1].start));
    assert_eq!(source.lines_without_tests(), 6);
}
