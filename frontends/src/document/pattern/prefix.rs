//! What all texts that match a pattern begin with, so that an index need not be read elsewhere.

/// What all texts that match begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The beginning, never empty.
    pub text: Box<str>,
    /// Whether all texts that begin so match.
    pub decides: bool,
}

impl Prefix {
    /// The literal beginning of a pattern that is anchored, without options that change what
    /// letters mean. Says too little rather than too much.
    pub(super) fn of(pattern: &str) -> Option<Prefix> {
        let anchored = pattern.strip_prefix('^').or_else(|| pattern.strip_prefix("\\A"))?;
        // An alternative need not begin as the others do.
        if pattern.contains('|') || pattern.contains("\\Q") {
            return None;
        }
        let (text, rest) = literal(anchored);
        let decides = matches!(rest, "" | ".*");
        (!text.is_empty()).then(|| Prefix { text: text.into(), decides })
    }
}

/// The letters that stand for themselves, and what follows them.
fn literal(pattern: &str) -> (String, &str) {
    let (mut text, mut rest) = (String::new(), pattern);
    while let Some((letter, after)) = next(rest) {
        match after.chars().next() {
            // May be missing altogether, or be something else that is not looked into.
            Some('*' | '?' | '{') => break,
            Some('+') => {
                text.push(letter);
                return (text, after);
            }
            _ => text.push(letter),
        }
        rest = after;
    }
    (text, rest)
}

/// The letter that a pattern begins with, if it stands for itself.
fn next(pattern: &str) -> Option<(char, &str)> {
    let mut letters = pattern.chars();
    match letters.next()? {
        '\\' => {
            let escaped = letters.next()?;
            (!escaped.is_ascii_alphanumeric()).then_some((escaped, letters.as_str()))
        }
        '^' | '$' | '.' | '[' | ']' | '(' | ')' | '*' | '+' | '?' | '{' | '}' => None,
        letter => Some((letter, letters.as_str())),
    }
}
