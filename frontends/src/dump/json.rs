//! As much of JSON (RFC 8259) as dumps use: objects of strings, whole numbers and such objects.
//!
//! Reading takes blanks between tokens and every escape, so that dumps which other programs have
//! written or passed through are read as well.

use crate::{Error, Result};

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
        let mut parser = Parser { bytes: line, at: 0 };
        let value = parser.value(DEPTH_MAX)?;
        parser.blanks();
        if parser.at < line.len() {
            return Err(parser.wrong("something behind the value"));
        }
        Ok(value)
    }
}

/// Appends a string in quotes.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 | 0x7f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

struct Parser<'l> {
    bytes: &'l [u8],
    at: usize,
}

impl Parser<'_> {
    fn wrong(&self, what: &str) -> Error {
        Error::corrupt(format!("{what} at byte {}", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes `byte`, with blanks before it, if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn value(&mut self, depth: usize) -> Result<Json> {
        self.blanks();
        match self.peek() {
            Some(b'"') => self.text().map(Json::Text),
            Some(b'0'..=b'9') => self.number().map(Json::Number),
            Some(b'{') if depth > 0 => self.object(depth - 1),
            _ => Err(self.wrong("no string, whole number or object")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("no name of a member"));
            }
            let name = self.text()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(self.wrong("a member that was there before"));
            }
            if !self.take(b':') {
                return Err(self.wrong("no colon"));
            }
            members.push((name, self.value(depth)?));
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.wrong("no comma"));
            }
        }
    }

    fn number(&mut self) -> Result<u64> {
        let start = self.at;
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
            number = next.ok_or_else(|| self.wrong("a number beyond 64 bits"))?;
            self.at += 1;
        }
        let leading = self.bytes.get(start) == Some(&b'0') && self.at - start > 1;
        if leading || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.wrong("no whole number"));
        }
        Ok(number)
    }

    /// A string, of which the parser stands at the opening quote.
    fn text(&mut self) -> Result<String> {
        self.at += 1;
        let mut text: Vec<u8> = Vec::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let plain = rest.iter().position(special);
            let plain = plain.ok_or_else(|| self.wrong("a string without an end"))?;
            text.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut text)?,
                _ => return Err(self.wrong("a control character in a string")),
            }
        }
        self.at += 1;
        String::from_utf8(text).map_err(|_| self.wrong("a string that is not UTF-8"))
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<()> {
        self.at += 1;
        let letter = self.peek().unwrap_or(0);
        self.at += 1;
        text.push(match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let scalar = self.scalar()?;
                let mut bytes = [0; 4];
                text.extend_from_slice(scalar.encode_utf8(&mut bytes).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong("an unknown escape")),
        });
        Ok(())
    }

    fn scalar(&mut self) -> Result<char> {
        let mut units = vec![self.unit()?];
        let high = (0xd800..0xdc00).contains(&units[0]);
        if high && self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            self.at += 2;
            units.push(self.unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(scalar)) => Ok(scalar),
            _ => Err(self.wrong("half of a surrogate pair")),
        }
    }

    fn unit(&mut self) -> Result<u16> {
        let digits = self.bytes.get(self.at..).and_then(|rest| rest.get(..4));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.wrong("an escape without four digits"))?;
        self.at += 4;
        Ok(unit)
    }
}
