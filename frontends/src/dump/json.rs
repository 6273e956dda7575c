//! As much of JSON (RFC 8259) as dumps use: objects of strings, whole numbers and such objects.
//!
//! Reading takes blanks between tokens and every escape, so that dumps which other programs have
//! written or passed through are read as well.

use crate::Result;
use crate::json::Scanner;

/// Objects lie in each other no deeper than this.
const DEPTH_MAX: usize = 4;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
    /// A string.
    Text(String),
    /// A whole number that is not negative.
    Number(u64),
    /// An object, in the order of its members.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value of one line.
    ///
    /// # Errors
    /// `Corrupt` names the byte at which something else is.
    pub(super) fn parse(line: &[u8]) -> Result<Json> {
        let mut parser = Parser { tokens: Scanner::new(line) };
        let value = parser.value(DEPTH_MAX)?;
        parser.tokens.end()?;
        Ok(value)
    }
}

struct Parser<'l> {
    tokens: Scanner<'l>,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Json> {
        self.tokens.blanks();
        match self.tokens.peek() {
            Some(b'"') => self.tokens.text().map(Json::Text),
            Some(b'0'..=b'9') => self.number().map(Json::Number),
            Some(b'{') if depth > 0 => self.object(depth - 1),
            _ => Err(self.tokens.wrong("no string, whole number or object")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        self.tokens.skip(1);
        let mut members: Vec<(String, Json)> = Vec::new();
        if self.tokens.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.tokens.blanks();
            if self.tokens.peek() != Some(b'"') {
                return Err(self.tokens.wrong("no name of a member"));
            }
            let name = self.tokens.text()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(self.tokens.wrong("a member that was there before"));
            }
            if !self.tokens.take(b':') {
                return Err(self.tokens.wrong("no colon"));
            }
            members.push((name, self.value(depth)?));
            if self.tokens.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.tokens.take(b',') {
                return Err(self.tokens.wrong("no comma"));
            }
        }
    }

    fn number(&mut self) -> Result<u64> {
        let start = self.tokens.rest();
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.tokens.peek() {
            let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
            number = next.ok_or_else(|| self.tokens.wrong("a number beyond 64 bits"))?;
            self.tokens.skip(1);
        }
        let leading = matches!(start, [b'0', b'0'..=b'9', ..]);
        if leading || matches!(self.tokens.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.tokens.wrong("no whole number"));
        }
        Ok(number)
    }
}
