//! Whole segments of ordered keys.
//!
//! ```text
//! input    | switches u8 | detail: length u16, bytes | the segment's bytes
//! switch 0 | checksums are made right
//!        1 | the manifest is made to say what the footer says, of any keys; detail is not used
//!        2 | the segment does not begin at the first byte of its file
//! ```

use cuesta_engine::file::{Extent, FileKind};
use cuesta_engine::id::{FileId, SeqNo};
use cuesta_engine::index::{IndexType, SegmentMeta};
use cuesta_indexes::lsm::{Lsm, Options};

use crate::input::{self, u64_at};
use crate::questions::{self, Answers, Trust};
use crate::segment_file::{self, Entry, FOOTER_BYTES, Summary};

const CHECKSUMS: u32 = 0;
const DETAIL: u32 = 1;
const ELSEWHERE: u32 = 2;

/// The file in which segments lie.
const FILE: FileId = FileId(7);
/// Bytes before a segment that does not begin at the first one.
const BEFORE: u64 = 96;
/// Opens the input as a segment and asks it everything: all keys in both directions, single keys,
/// seeks; once with the file mapped and once without; and has it checked.
///
/// Asserts that a segment in which the check finds nothing answers all questions alike; and that
/// both ways give the same answers and the same kinds of errors. (Not where checksums were made
/// right and the check finds something: whether a mapped block was compared with its checksum is
/// remembered by its number, and of two blocks with one number one passes for the other.)
pub fn bytes_segment(bytes: &[u8]) {
    answers_of(bytes);
}

/// What the input answers, if it can be opened.
pub(crate) fn answers_of(bytes: &[u8]) -> Option<Answers> {
    let (switches, rest) = input::switches(bytes);
    let (detail, segment) = match rest.split_first_chunk::<2>() {
        Some((len, rest)) => rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len())),
        None => (rest, &[][..]),
    };
    let at = if switches.on(ELSEWHERE) { BEFORE } else { 0 };
    let mut segment = segment.to_vec();
    if switches.on(CHECKSUMS) {
        segment_file::seal(&mut segment, FILE, at);
    }
    let footer = segment.len().checked_sub(FOOTER_BYTES)?;
    let count = |offset| u64_at(&segment, footer + offset).unwrap_or_default();
    let summary = Summary::of_anything(count(72), count(80));
    let detail = if switches.on(DETAIL) { summary.detail() } else { detail.to_vec() };
    let trust = if switches.on(CHECKSUMS) { Trust::IfSound } else { Trust::Always };
    check(&segment, at, summary.entries, detail, trust)
}

/// Opens a segment mapped and not mapped and compares what it answers; `None` when it could not be
/// opened.
pub fn check(
    segment: &[u8],
    at: u64,
    entries: u64,
    detail: Vec<u8>,
    trust: Trust,
) -> Option<Answers> {
    let (offset, len, kind) = (at, segment.len() as u64, FileKind::Sealed);
    let meta = SegmentMeta {
        format: Lsm::FORMAT,
        extents: vec![Extent { file: FILE, offset, len, kind }],
        entries,
        newest: SeqNo(7),
        detail,
        ..SegmentMeta::default()
    };
    let before = vec![0xaa; at as usize];
    // Operands are merged as well.
    let options = Options { merge_operator: "append".into(), ..Options::default() };
    questions::check::<Lsm>(&[&before, segment].concat(), &meta, &options.encode(), trust)
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = (0..120).map(|i| format!("fruit/{:03}", i * 7).into_bytes()).collect();
    let entry = |(i, key)| -> Entry<'_> {
        if i % 9 == 4 { (key, 2, b"") } else { (key, 1, b"some value") }
    };
    let entries: Vec<Entry<'_>> = keys.iter().map(Vec::as_slice).enumerate().map(entry).collect();
    let block = |entries: &[Entry<'_>]| {
        let last = entries[entries.len() - 1].0.to_vec();
        (segment_file::data_block(entries, 4), 0, last)
    };
    let blocks: Vec<_> = entries.chunks(10).map(block).collect();
    let summary = Summary::of(&entries);
    let flat = segment_file::segment(&blocks, None, &summary);
    let deep = segment_file::segment(&blocks, Some(5), &summary);
    let mut samples = Vec::new();
    for segment in [flat, deep] {
        samples.push(joined(1 << CHECKSUMS, &summary.detail(), &segment));
        samples.push(joined(1 << CHECKSUMS | 1 << DETAIL | 1 << ELSEWHERE, &[], &segment));
    }
    for segment in [
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1")[..],
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1-lz4")[..],
        &include_bytes!("../../indexes/tests/formats/lsm-segment-v1-lively")[..],
    ] {
        samples.push(joined(1 << DETAIL, &[], segment));
        samples.push(joined(1 << CHECKSUMS | 1 << DETAIL, &[], segment));
    }
    samples
}

fn joined(switches: u8, detail: &[u8], segment: &[u8]) -> Vec<u8> {
    let mut input = input::joined(switches, &[detail.to_vec()]);
    input.extend_from_slice(segment);
    input
}

/// Whether a sample is one in which the check is to find nothing.
#[cfg(test)]
pub(crate) fn is_sound(sample: &[u8]) -> bool {
    sample[0] == 1 << CHECKSUMS
}
