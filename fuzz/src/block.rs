//! Data blocks of ordered keys, compressed or not.
//!
//! ```text
//! input          | switches u8 | content of the block, as it is stored
//! switches 0, 1  | codec: 0 none, 1 LZ4, 2 Zstandard, 3 the content is compressed with LZ4
//! switch 2       | what is said of the block fits any keys, even where its own could be told
//! ```

use cuesta_engine::format::Codec;
use cuesta_engine::format::compress::{compress, decompress};
use cuesta_engine::id::FileId;

use crate::input;
use crate::questions::{Answers, Trust};
use crate::segment;
use crate::segment_file::{self, Entry, Summary};

const LOOSE: u32 = 2;
const FILE: FileId = FileId(7);
/// The most that a compressed input may claim to hold.
const RAW_BYTES_MAX: usize = 1 << 20;

/// Makes a segment of which the input is the only data block, everything else being right, and asks
/// it everything, as `bytes_segment` does.
///
/// Asserts beyond that: the block is in order exactly when a second reader, written after the
/// format's page alone, finds it so, and then both read the same entries.
pub fn bytes_block(bytes: &[u8]) {
    let (switches, stored) = input::switches(bytes);
    let codec = bytes.first().map_or(0, |switches| switches & 3);
    let mut made = Vec::new();
    let (stored, codec) = match codec {
        3 => match compress(Codec::Lz4, stored, &mut made) {
            Ok(Codec::None) => (stored, Codec::None),
            made_by => (&made[..], made_by.expect("compressing")),
        },
        code => (stored, Codec::from_code(code).expect("a codec that is known")),
    };
    let Ok(block) = decompress(codec, stored, RAW_BYTES_MAX) else {
        // As a segment all the same, unless it would take much memory to be refused.
        let claim = input::u32_at(stored, 0).map_or(0, |claim| claim as usize);
        if claim <= RAW_BYTES_MAX {
            wrapped(stored, codec, &Summary::of_anything(1, 0));
        }
        return;
    };
    let entries = segment_file::data_block_entries(&block).filter(|_| !switches.on(LOOSE));
    let Some(entries) = entries else {
        let claimed = input::u32_at(&block, 0).unwrap_or_default();
        wrapped(stored, codec, &Summary::of_anything(u64::from(claimed.max(1)), 0));
        return;
    };
    let entries: Vec<Entry<'_>> =
        entries.iter().map(|(key, kind, value)| (&key[..], *kind, &block[value.clone()])).collect();
    let summary = Summary::of(&entries);
    let answers = wrapped(stored, codec, &summary).expect("opening a segment that is right");
    if !answers.problems.is_empty() {
        return;
    }
    let puts = entries.iter().filter(|(_, kind, _)| *kind == 1);
    let puts: Vec<(Vec<u8>, Vec<u8>)> =
        puts.map(|(key, _, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(answers.forward, Ok(puts), "two readers of a block");
}

fn wrapped(stored: &[u8], codec: Codec, summary: &Summary) -> Option<Answers> {
    let block = (stored.to_vec(), codec.code(), summary.largest.clone());
    let mut file = segment_file::segment(&[block], None, summary);
    segment_file::seal(&mut file, FILE, 0);
    segment::check(&file, 0, summary.entries, summary.detail(), Trust::Always)
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = (0..40).map(|i| format!("fruit/{:03}", i * 7).into_bytes()).collect();
    let puts: Vec<Entry<'_>> = keys.iter().map(|key| (&key[..], 1, &b"value"[..])).collect();
    let mut mixed = puts.clone();
    for entry in mixed.iter_mut().step_by(3) {
        *entry = (entry.0, 2, b"");
    }
    let edges: [Entry<'_>; 4] =
        [(b"", 1, b"of the empty key"), (b"\0", 1, b""), (b"\0\0", 2, b""), (&[0xff; 300], 1, b"")];
    let mut samples = Vec::new();
    for (entries, interval) in [(&puts[..], 16), (&mixed, 4), (&mixed, 1), (&edges, 2)] {
        let block = segment_file::data_block(entries, interval);
        samples.push([&[0][..], &block].concat());
        samples.push([&[3][..], &block].concat());
        for codec in [Codec::Lz4, Codec::Zstd] {
            let mut made = Vec::new();
            if compress(codec, &block, &mut made).expect("compressing a sample") == codec {
                samples.push([&[codec.code()][..], &made].concat());
            }
        }
    }
    samples
}
