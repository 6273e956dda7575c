//! Reads files of which a part cannot be read.
//!
//! Not for: files that must be whole, which are read at once.

use std::fmt;
use std::io;
use std::ops::Range;

use super::VfsFile;

/// Bytes that are read at once: what a disk cannot read is a sector at least.
const PIECE_BYTES: usize = 4096;

/// Bytes of a file that cannot be read, and why.
#[derive(Debug)]
pub struct Unreadable {
    /// Where they lie.
    pub range: Range<usize>,
    error: io::Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.range;
        write!(f, "bytes {start} to {end} are unreadable: {}", self.error)
    }
}

/// Fills `bytes` from the front of `file`, piece by piece, with zeros where it cannot be read;
/// returns where that is, in order.
pub fn read_in_pieces(file: &dyn VfsFile, bytes: &mut [u8]) -> Vec<Unreadable> {
    let mut found: Vec<Unreadable> = Vec::new();
    for (at, piece) in (0..).step_by(PIECE_BYTES).zip(bytes.chunks_mut(PIECE_BYTES)) {
        let end = at + piece.len();
        let Err(error) = file.read_exact_at(at as u64, piece) else { continue };
        piece.fill(0);
        match found.last_mut() {
            Some(last) if last.range.end == at => last.range.end = end,
            _ => found.push(Unreadable { range: at..end, error }),
        }
    }
    found
}
