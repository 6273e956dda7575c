//! A key being read: bytes the right way round, and errors that say where they are wrong.

use super::Direction;
use crate::{Error, Result};

/// What is left of a key.
pub struct Input<'k, 'b> {
    rest: &'k mut &'b [u8],
    len: usize,
    mask: u8,
}

impl<'k, 'b> Input<'k, 'b> {
    pub fn new(rest: &'k mut &'b [u8], direction: Direction) -> Input<'k, 'b> {
        let mask = if direction == Direction::Descending { 0xff } else { 0 };
        Input { len: rest.len(), rest, mask }
    }

    /// From here on bytes are inverted once more: for what follows the sign of a negative number.
    pub fn inverted(&mut self) -> Input<'_, 'b> {
        Input { rest: self.rest, len: self.len, mask: !self.mask }
    }

    /// The error that `what` is wrong here.
    pub fn wrong(&self, what: &str) -> Error {
        let offset = self.len - self.rest.len();
        Error::corrupt(format!("{what} is wrong at byte {offset} of a key's component"))
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(self.wrong("the end"));
        };
        *self.rest = rest;
        Ok(bytes.map(|byte| byte ^ self.mask))
    }

    pub fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        let Some((bytes, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.wrong("a length"));
        };
        *self.rest = rest;
        Ok(bytes.iter().map(|byte| byte ^ self.mask).collect())
    }

    pub fn length(&mut self) -> Result<usize> {
        match self.byte()? {
            0xff => Ok(u32::from_be_bytes(self.array()?) as usize),
            len => Ok(len.into()),
        }
    }

    /// Text up to its end.
    pub fn text(&mut self) -> Result<String> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    1 => break,
                    0xff => text.push(0),
                    _ => return Err(self.wrong("a zero in a text")),
                },
                byte => text.push(byte),
            }
        }
        String::from_utf8(text).map_err(|_| self.wrong("the UTF-8 of a text"))
    }
}
