//! Tells code from comments and literals.
//!
//! Invariants:
//! 1. Code and comments are ASCII and hold one byte for each character of the text, so that an
//!    offset in one is the same place in the other; line breaks stand in both.
//! 2. In code, comments and the insides of literals are blanks; the quotes stay.

/// Splits the text of a Rust file into code and comments, of the same length.
pub fn mask(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let mut kinds = vec![Kind::Code; chars.len()];
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = literal_or_comment(&chars, at);
        match kind {
            Kind::Code => {}
            Kind::Comment => kinds[at..end].fill(Kind::Comment),
            // The quotes stay code, so that `.expect("` can be told from `.expect(token)`.
            Kind::Literal => {
                let open = (at..end).find(|&i| matches!(chars[i], '"' | '\'')).unwrap_or(at);
                kinds[(open + 1).min(end)..end.saturating_sub(1).max(open + 1)].fill(Kind::Literal);
            }
        }
        at = end;
    }
    let ascii = |c: char| if c.is_ascii() { c } else { '?' };
    let keep = |wanted: Kind| {
        let pairs = chars.iter().zip(&kinds);
        pairs.map(|(&c, &kind)| if kind == wanted || c == '\n' { ascii(c) } else { ' ' }).collect()
    };
    (keep(Kind::Code), keep(Kind::Comment))
}

/// Letters, digits and `_`.
pub fn is_word(c: &char) -> bool {
    c.is_ascii_alphanumeric() || *c == '_'
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// What begins at `at`, and where it ends; at least one character.
fn literal_or_comment(chars: &[char], at: usize) -> (usize, Kind) {
    let is = |i: usize, c: char| chars.get(i) == Some(&c);
    let in_word = at > 0 && is_word(&chars[at - 1]);
    match chars[at] {
        '/' if is(at + 1, '/') => (line_end(chars, at), Kind::Comment),
        '/' if is(at + 1, '*') => (block_end(chars, at), Kind::Comment),
        '"' => (quote_end(chars, at + 1, '"'), Kind::Literal),
        'r' | 'b' | 'c' if !in_word => match raw_open(chars, at) {
            Some((hashes, open)) => (raw_end(chars, open + 1, hashes), Kind::Literal),
            None => (at + 1, Kind::Code),
        },
        '\'' if is(at + 1, '\\') => (quote_end(chars, at + 1, '\''), Kind::Literal),
        '\'' if is(at + 2, '\'') => (at + 3, Kind::Literal),
        _ => (at + 1, Kind::Code),
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    (at..chars.len()).find(|&i| chars[i] == '\n').unwrap_or(chars.len())
}

fn block_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn quote_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Of `r"`, `br#"` and their like: how many `#`, and where the quote stands.
fn raw_open(chars: &[char], start: usize) -> Option<(usize, usize)> {
    let prefix = chars[start..].iter().take_while(|c| c.is_ascii_lowercase()).count();
    let word: String = chars[start..start + prefix].iter().collect();
    if !matches!(word.as_str(), "r" | "br" | "cr") {
        return None;
    }
    let hashes = chars[start + prefix..].iter().take_while(|&&c| c == '#').count();
    let open = start + prefix + hashes;
    (chars.get(open) == Some(&'"')).then_some((hashes, open))
}

fn raw_end(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let closed = chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
        if chars[at] == '"' && closed {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "let a = \"// x\"; // y \"z\n/* /* n */ */ let b = r#\"q\"u\"#; 'l: loop {} '\\'' ";
    let (code, comments) = mask(text);
    assert_eq!(
        code,
        "let a = \"    \";        \n              let b = r#\"    #; 'l: loop {} '  ' "
    );
    assert!(comments.contains("// y \"z\n/* /* n */ */"));
}
