//! PCRE's syntax as that of the engine here, where the two differ.
//!
//! Source: the manual pages pcre2pattern and pcre2syntax.

/// What `$` does with a line feed at the end of the text, before which it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// It becomes part of the match: enough, and fast, to say whether there is one.
    Taken,
    /// It is looked at only, so that matches have their true end.
    LookedAt,
}

const DIGITS: &str = "0-9";
const LETTERS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0b\f\r\x20";
const BLANKS: &str = r"\t\x20\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";

/// The same pattern in the other syntax.
pub fn translate(pattern: &str, options: &str, end: LineEnd) -> String {
    let (pattern, unicode) = without_verbs(pattern);
    let multi_line = options.contains('m') || inline_flags(pattern, 'm');
    let mut translation = Translation {
        rest: pattern,
        made: String::with_capacity(pattern.len() + 16),
        unicode,
        verbose: options.contains('x') || inline_flags(pattern, 'x'),
        end: if multi_line { None } else { Some(end) },
    };
    while translation.step() {}
    translation.made
}

/// The pattern without `(*UTF)` and the like in front, and whether classes are Unicode's.
fn without_verbs(mut pattern: &str) -> (&str, bool) {
    let mut unicode = false;
    loop {
        let verb = ["(*UTF8)", "(*UTF)", "(*UCP)"].iter().find(|verb| pattern.starts_with(**verb));
        let Some(verb) = verb else { return (pattern, unicode) };
        unicode |= *verb == "(*UCP)";
        pattern = pattern.get(verb.len()..).unwrap_or_default();
    }
}

/// Whether a group in the pattern seems to set this option.
fn inline_flags(pattern: &str, flag: char) -> bool {
    pattern.split("(?").skip(1).any(|group| {
        let flags = group.split([')', ':']).next().unwrap_or_default();
        flags.len() < 8 && flags.contains(flag) && flags.chars().all(|c| c.is_alphabetic())
    })
}

struct Translation<'p> {
    rest: &'p str,
    made: String,
    unicode: bool,
    verbose: bool,
    /// What becomes of `$`; `None` leaves it as it is.
    end: Option<LineEnd>,
}

impl Translation<'_> {
    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    /// Translates what comes next, outside of classes.
    fn step(&mut self) -> bool {
        let Some(letter) = self.next() else { return false };
        match letter {
            '\\' => self.escape(),
            '[' => self.class(),
            '$' => self.line_end(),
            '{' if !is_repetition(self.rest) => self.made.push_str("\\{"),
            '{' => self.repetition(),
            '}' | ']' => self.made.extend(['\\', letter]),
            '#' if self.verbose => {
                let (comment, rest) =
                    self.rest.split_at(self.rest.find('\n').unwrap_or(self.rest.len()));
                self.made.push('#');
                self.made.push_str(comment);
                self.rest = rest;
            }
            _ => self.made.push(letter),
        }
        true
    }

    fn repetition(&mut self) {
        let (inside, rest) = self.rest.split_at(self.rest.find('}').unwrap_or(self.rest.len()));
        self.made.push('{');
        self.made.push_str(inside);
        self.rest = rest;
        let closing = self.next();
        self.made.extend(closing);
    }

    fn line_end(&mut self) {
        let last = self.rest.chars().all(|letter| letter == ')');
        self.made.push_str(match self.end {
            None => "$",
            Some(LineEnd::Taken) if last => r"(?:\n?\z)",
            Some(_) => r"(?=\n?\z)",
        });
    }

    /// What follows a backslash, outside of classes.
    fn escape(&mut self) {
        let Some(letter) = self.next() else {
            // A pattern must not end so; the compiler says it.
            self.made.push('\\');
            return;
        };
        if let Some((negated, inside)) = self.set(letter) {
            let not = if negated { "^" } else { "" };
            self.made.push_str(&format!("(?-i:[{not}{inside}])"));
            return;
        }
        match letter {
            'Q' => self.quoted(),
            'E' => {}
            'N' => self.made.push_str(r"[^\n]"),
            'Z' => self.made.push_str(r"(?=\n?\z)"),
            letter if letter.is_ascii_alphanumeric() => self.made.extend(['\\', letter]),
            letter => self.literal(letter),
        }
    }

    /// The class that a letter after a backslash stands for, and whether all else is meant.
    fn set(&self, letter: char) -> Option<(bool, &'static str)> {
        let inside = match letter.to_ascii_lowercase() {
            'h' => BLANKS,
            'd' if !self.unicode => DIGITS,
            'w' if !self.unicode => LETTERS,
            's' if !self.unicode => SPACES,
            _ => return None,
        };
        Some((letter.is_ascii_uppercase(), inside))
    }

    /// Text up to `\E`, in which letters stand for themselves.
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        text.chars().for_each(|letter| self.literal(letter));
        self.rest = rest;
    }

    /// A letter that stands for itself.
    fn literal(&mut self, letter: char) {
        match letter {
            ' ' => self.made.push_str("\\x20"),
            letter if letter.is_ascii_whitespace() => {
                self.made.push_str(&format!("\\x{:02x}", u32::from(letter)));
            }
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
            | '#' | '&' | '-' | '~' => self.made.extend(['\\', letter]),
            letter => self.made.push(letter),
        }
    }

    /// What follows `[`, to the end of the class.
    fn class(&mut self) {
        self.made.push('[');
        for first in ['^', ']'] {
            if self.rest.starts_with(first) {
                self.rest = self.rest.get(1..).unwrap_or_default();
                self.made.push_str(if first == '^' { "^" } else { "\\]" });
            }
        }
        while let Some(letter) = self.next() {
            match letter {
                ']' => {
                    self.made.push(']');
                    return;
                }
                '[' if self.rest.starts_with(':') => self.posix(),
                '\\' => self.escape_in_class(),
                '-' => self.made.push('-'),
                letter => self.literal(letter),
            }
        }
    }

    /// `[:alpha:]`, which both know.
    fn posix(&mut self) {
        match self.rest.find(":]") {
            Some(end) => {
                let (name, rest) = self.rest.split_at(end + 2);
                self.made.push('[');
                self.made.push_str(name);
                self.rest = rest;
            }
            None => self.made.push_str("\\["),
        }
    }

    fn escape_in_class(&mut self) {
        let Some(letter) = self.next() else {
            self.made.push('\\');
            return;
        };
        match self.set(letter) {
            Some((false, inside)) => self.made.push_str(inside),
            Some((true, inside)) => self.made.push_str(&format!("[^{inside}]")),
            None if letter == 'b' => self.made.push_str("\\x08"),
            None if letter.is_ascii_alphanumeric() => self.made.extend(['\\', letter]),
            None => self.literal(letter),
        }
    }
}

/// Whether a text continues a `{` as a repetition: `2}`, `2,}` or `2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some((inside, _)) = text.split_once('}') else { return false };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => !least.is_empty() && digits(least) && digits(most),
        None => !inside.is_empty() && digits(inside),
    }
}
