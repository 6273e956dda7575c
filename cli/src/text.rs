//! Keys and values as text on a command line and a terminal.
//!
//! Not for files and programs: these get JSON or CSV, see `record.rs`.

use std::fmt::Write as _;

use clap::Args;
use cuesta::{Error, Result};

/// How keys are spelled, on the command line and in what is printed.
#[derive(Clone, Copy, Debug, Args)]
pub struct Spelling {
    /// Keys are hexadecimal digits instead of UTF-8
    #[arg(long)]
    pub hex: bool,
}

impl Spelling {
    /// The bytes of a key.
    ///
    /// # Errors
    /// `Invalid` for an odd number of digits or what is no digit.
    pub fn key(self, text: &str) -> Result<Vec<u8>> {
        if self.hex { from_hex(text) } else { Ok(text.as_bytes().to_vec()) }
    }

    /// A key as it is printed.
    pub fn show(self, key: &[u8]) -> String {
        if self.hex { to_hex(key) } else { escaped(key) }
    }
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Hexadecimal digits, of either case, as bytes.
///
/// # Errors
/// `Invalid`.
pub fn from_hex(text: &str) -> Result<Vec<u8>> {
    let wrong = || Error::invalid(format!("{text:?} is not hexadecimal: two digits for each byte"));
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let byte = |pair: &[u8]| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?);
    digits.chunks(2).map(|pair| byte(pair).ok_or_else(wrong)).collect()
}

/// Bytes as one line: text stays text; control characters, backslashes and what is not UTF-8 are
/// escaped.
pub fn escaped(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => line.push_str("\\\\"),
                c if c.is_control() => line.extend(c.escape_default()),
                c => line.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&all)).unwrap(), all);
        assert_eq!(from_hex("0AfF").unwrap(), [10, 255]);
        for wrong in ["0", "0g", "+1", "\u{e4}"] {
            assert!(from_hex(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_is_one_line() {
        assert_eq!(escaped("a\u{e4}\n\t\\".as_bytes()), "a\u{e4}\\n\\t\\\\");
        assert_eq!(escaped(b"a\xff\0"), "a\\xff\\u{0}");
    }
}
