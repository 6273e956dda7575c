//! The tokens of JSON (RFC 8259): blanks, strings and their escapes, and where reading has got to.
//!
//! Not for: what values there may be, which who reads decides.

use crate::{Error, Result};

/// Appends a string in quotes.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
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

/// Reads tokens from the front of a text.
#[derive(Debug)]
pub struct Scanner<'l> {
    bytes: &'l [u8],
    at: usize,
}

impl<'l> Scanner<'l> {
    pub fn new(bytes: &'l [u8]) -> Scanner<'l> {
        Scanner { bytes, at: 0 }
    }

    /// The error that something is wrong here.
    pub fn wrong(&self, what: &str) -> Error {
        Error::corrupt(format!("{what} at byte {}", self.at))
    }

    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes past blanks.
    pub fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Takes `byte`, with blanks before it, if it comes next.
    pub fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    /// Goes past what is not looked at.
    pub fn skip(&mut self, count: usize) {
        self.at = self.bytes.len().min(self.at + count);
    }

    /// What has not been read.
    pub fn rest(&self) -> &'l [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes past blanks up to the end.
    ///
    /// # Errors
    /// When something else is there.
    pub fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.rest().is_empty() { Ok(()) } else { Err(self.wrong("something behind the value")) }
    }

    /// A string, of which the opening quote comes next.
    pub fn text(&mut self) -> Result<String> {
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
