//! What programs say about a commit, as it lies in the notes of its record.
//!
//! ```text
//! notes | entry, entry, ... to the end
//! entry | tag varint | content: byte string
//!
//! tag 1 | what the program says
//! ```
//!
//! Entries with other tags are passed over: each front-end has tags of its own. Notes that are not
//! of this form say nothing.

use cuesta_engine::format::{Reader, put_bytes, put_varint};

/// Tag of what the program says.
const NOTE: u64 = 1;

/// Makes `note` all that `notes` say.
pub(crate) fn set(notes: &mut Vec<u8>, note: &[u8]) {
    notes.clear();
    put_varint(notes, NOTE);
    put_bytes(notes, note);
}

/// What the program has said.
pub(crate) fn get(notes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(notes, "notes");
    while !reader.is_empty() {
        let (tag, content) = (reader.varint().ok()?, reader.bytes().ok()?);
        if tag == NOTE {
            return Some(content);
        }
    }
    None
}

#[cfg(test)]
mod tests;
