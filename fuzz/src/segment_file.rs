//! Segments of ordered keys, written and sealed after `docs/formats/segment.md` alone: a second
//! writer, which also writes what the first one never would.
//!
//! Not for: reading segments, which is what is fuzzed.

use std::ops::Range;

use cuesta_engine::format::{
    Reader, crc32_seeded, put_bytes, put_u16, put_u32, put_u64, put_varint,
};
use cuesta_engine::id::FileId;

use crate::input::{put_u32_at, u32_at, u64_at};

/// Bytes of the footer.
pub const FOOTER_BYTES: usize = 128;
const TRAILER_BYTES: usize = 8;
const HEADER_BYTES: usize = 16;
/// Blocks of one file that are sealed at most, however many its index lists.
const SEALED_MAX: usize = 4096;

/// A key, what is said of it (1 put, 2 delete), and a value.
pub type Entry<'a> = (&'a [u8], u8, &'a [u8]);

/// A key, what is said of it, and where in the block its value lies.
pub type Placed = (Vec<u8>, u8, Range<usize>);

/// What the manifest and the properties say of a segment.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub entries: u64,
    pub tombstones: u64,
    pub key_bytes: u64,
    pub value_bytes: u64,
    pub smallest: Vec<u8>,
    pub largest: Vec<u8>,
}

impl Summary {
    /// That of some entries, which are in order.
    pub fn of(entries: &[Entry<'_>]) -> Summary {
        let key = |entry: Option<&Entry<'_>>| entry.map(|(key, ..)| key.to_vec());
        Summary {
            entries: entries.len() as u64,
            tombstones: entries.iter().filter(|(_, kind, _)| *kind == 2).count() as u64,
            key_bytes: entries.iter().map(|(key, ..)| key.len() as u64).sum(),
            value_bytes: entries.iter().map(|(.., value)| value.len() as u64).sum(),
            smallest: key(entries.first()).unwrap_or_default(),
            largest: key(entries.last()).unwrap_or_default(),
        }
    }

    /// One that any keys fit.
    pub fn of_anything(entries: u64, tombstones: u64) -> Summary {
        Summary { entries, tombstones, largest: vec![0xff; 300], ..Summary::default() }
    }

    /// The detail that the manifest keeps.
    pub fn detail(&self) -> Vec<u8> {
        let mut out = vec![1, 1, 0];
        put_varint(&mut out, 7);
        put_varint(&mut out, self.tombstones);
        put_bytes(&mut out, &self.smallest);
        put_bytes(&mut out, &self.largest);
        out
    }
}

fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = bytes.len().min(8);
    head[..len].copy_from_slice(&bytes[..len]);
    u64::from_be_bytes(head)
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The content of a data block with a restart every `interval` entries.
pub fn data_block(entries: &[Entry<'_>], interval: usize) -> Vec<u8> {
    let prefix = shared(entries[0].0, entries[entries.len() - 1].0);
    let kinds = entries.iter().any(|(_, kind, _)| *kind != 1);
    let (mut heads, mut starts) = (Vec::new(), Vec::new());
    let (mut keys, mut values): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut last: &[u8] = &[];
    for (i, (key, kind, value)) in entries.iter().enumerate() {
        let key = &key[prefix..];
        let common = if i % interval == 0 { 0 } else { shared(last, key) };
        if i % interval == 0 {
            put_u64(&mut heads, head(key));
            put_u32(&mut starts, keys.len() as u32);
            put_u32(&mut starts, values.len() as u32);
        }
        put_varint(&mut keys, common as u64);
        put_varint(&mut keys, (key.len() - common) as u64);
        if kinds {
            keys.push(*kind);
        }
        put_varint(&mut keys, value.len() as u64);
        keys.extend_from_slice(&key[common..]);
        values.extend_from_slice(value);
        last = key;
    }
    let mut out = Vec::new();
    put_u32(&mut out, entries.len() as u32);
    put_u32(&mut out, (heads.len() / 8) as u32);
    put_u32(&mut out, keys.len() as u32);
    put_u16(&mut out, prefix as u16);
    out.extend_from_slice(&[u8::from(kinds), 0]);
    out.extend_from_slice(&entries[0].0[..prefix]);
    [heads, starts, keys, values].iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// The entries of a data block, with where their values lie, if it is one with its keys in order:
/// each in its place, without gaps.
pub fn data_block_entries(block: &[u8]) -> Option<Vec<Placed>> {
    let number = |at| u32_at(block, at).map(|number| number as usize);
    let (count, restarts, keys_len) = (number(0)?, number(4)?, number(8)?);
    let prefix = block.get(HEADER_BYTES..)?.get(..number(12)? & 0xffff)?;
    let starts = HEADER_BYTES + prefix.len() + restarts.checked_mul(8)?;
    let keys_at = starts.checked_add(restarts * 8)?;
    let keys = block.get(keys_at..)?.get(..keys_len)?;
    let mut value_at = keys_at + keys_len;
    let (mut reader, mut last) = (Reader::new(keys, "keys"), Vec::new());
    let mut entries: Vec<Placed> = Vec::new();
    while !reader.is_empty() {
        let (shared, rest) = (reader.len().ok()?, reader.len().ok()?);
        let kind = if block[14] & 1 == 1 { reader.u8().ok()? } else { 1 };
        let value = reader.len().ok()?;
        last.truncate(Some(shared).filter(|shared| *shared <= last.len())?);
        last.extend_from_slice(reader.take(rest).ok()?);
        let key = [prefix, &last].concat();
        let ascends = entries.last().is_none_or(|(before, ..)| *before < key);
        let end = value_at.checked_add(value).filter(|end| ascends && *end <= block.len())?;
        entries.push((key, kind, value_at..end));
        value_at = end;
    }
    let fills = entries.len() == count && value_at == block.len() && count > 0;
    fills.then_some(entries)
}

/// A block of an index: the number of the first block listed, where each lies and the last ends,
/// and a separator for each.
fn index_block(level: u8, first: u32, offsets: &[u64], separators: &[&[u8]]) -> Vec<u8> {
    let prefix = shared(separators[0], separators[separators.len() - 1]);
    let tails: Vec<&[u8]> = separators.iter().map(|separator| &separator[prefix..]).collect();
    let mut out = Vec::new();
    put_u32(&mut out, tails.len() as u32);
    put_u32(&mut out, first);
    put_u32(&mut out, tails.concat().len() as u32);
    put_u16(&mut out, prefix as u16);
    out.extend_from_slice(&[level, 0]);
    out.extend_from_slice(&separators[0][..prefix]);
    tails.iter().for_each(|tail| put_u64(&mut out, head(tail)));
    offsets.iter().for_each(|offset| put_u64(&mut out, *offset));
    let mut end = 0;
    for tail in &tails {
        end += tail.len() as u32;
        put_u32(&mut out, end);
    }
    out.extend_from_slice(&tails.concat());
    out
}

/// A segment without a filter, its checksums still to be made: data blocks with their codecs and
/// separators, and in two levels of index if `per_leaf` says how many blocks a lower one lists.
pub fn segment(
    blocks: &[(Vec<u8>, u8, Vec<u8>)],
    per_leaf: Option<usize>,
    summary: &Summary,
) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, body: &[u8], codec: u8| {
        let offset = out.len() as u64;
        out.extend_from_slice(body);
        out.extend_from_slice(&[codec, 0, 0, 0, 0, 0, 0, 0]);
        offset
    };
    let mut offsets: Vec<u64> =
        blocks.iter().map(|(body, codec, _)| put(&mut out, body, *codec)).collect();
    offsets.push(out.len() as u64);
    let separators: Vec<&[u8]> = blocks.iter().map(|(.., separator)| &separator[..]).collect();
    let mut root = index_block(0, 0, &offsets, &separators);
    let mut leaves = 0;
    if let Some(per_leaf) = per_leaf {
        let (mut places, mut lasts) = (Vec::new(), Vec::new());
        for (i, listed) in separators.chunks(per_leaf).enumerate() {
            let first = i * per_leaf;
            let within = &offsets[first..=first + listed.len()];
            let leaf = index_block(0, first as u32, within, listed);
            places.push(put(&mut out, &leaf, 0));
            lasts.push(listed[listed.len() - 1]);
        }
        places.push(out.len() as u64);
        leaves = lasts.len();
        root = index_block(1, blocks.len() as u32, &places, &lasts);
    }
    let root_at = put(&mut out, &root, 0);
    let mut properties = Vec::new();
    put_varint(&mut properties, summary.key_bytes);
    put_varint(&mut properties, summary.value_bytes);
    put_bytes(&mut properties, &summary.smallest);
    put_bytes(&mut properties, &summary.largest);
    let properties_at = put(&mut out, &properties, 0);
    let len = out.len() as u64;
    out.extend_from_slice(b"CuestaLs\x01\x00");
    out.extend_from_slice(&[1 + u8::from(leaves > 0), 0, 0, 0, 0, 0]);
    [blocks.len(), leaves, 0, 0].iter().for_each(|count| put_u32(&mut out, *count as u32));
    for number in [
        root_at,
        properties_at - root_at,
        0,
        properties_at,
        len - properties_at,
        summary.entries,
        summary.tombstones,
        len + FOOTER_BYTES as u64,
    ] {
        put_u64(&mut out, number);
    }
    out.resize(len as usize + FOOTER_BYTES, 0);
    out
}

/// Makes the checksums right of all blocks that the footer and the index name, and of the footer.
pub fn seal(segment: &mut [u8], file: FileId, at: u64) {
    let mut sealer = Sealer { segment, file, at, left: SEALED_MAX };
    sealer.seal_all();
}

struct Sealer<'s> {
    segment: &'s mut [u8],
    file: FileId,
    at: u64,
    left: usize,
}

impl Sealer<'_> {
    fn seal_all(&mut self) -> Option<()> {
        let footer_at = self.segment.len().checked_sub(FOOTER_BYTES)?;
        let footer = self.segment[footer_at..].to_vec();
        let crc = crc32_seeded(self.seed(footer_at as u64), &footer[..FOOTER_BYTES - 4]);
        put_u32_at(self.segment, footer_at + FOOTER_BYTES - 4, crc);
        let pair = |at| Some((u64_at(&footer, at)?, u64_at(&footer, at + 8)?));
        let (root, properties) = (pair(32)?, pair(56)?);
        for (offset, len) in self.listed(root) {
            if footer[10] == 2 {
                let below = self.listed((offset, len));
                below.into_iter().for_each(|(offset, len)| self.block(offset, len));
            }
            self.block(offset, len);
        }
        self.block(root.0, root.1);
        self.block(properties.0, properties.1);
        let (mut buckets, mut filter_at) = (u64::from(u32_at(&footer, 24)?), u64_at(&footer, 48)?);
        while buckets > 0 && self.left > 0 {
            let within = buckets.min(2047);
            let len = if buckets > within { 64 << 10 } else { within * 32 + 8 };
            self.block(filter_at, len);
            buckets -= within;
            filter_at = filter_at.saturating_add(64 << 10);
        }
        Some(())
    }

    fn seed(&self, offset: u64) -> u64 {
        self.file.0.rotate_left(40) ^ self.at.wrapping_add(offset)
    }

    fn bytes(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let (offset, len) = (usize::try_from(offset).ok()?, usize::try_from(len).ok()?);
        self.segment.get(offset..offset.checked_add(len)?)
    }

    /// Seals one block; all but the last 4 of its bytes are covered.
    fn block(&mut self, offset: u64, len: u64) {
        let Some(block) = self.bytes(offset, len).filter(|_| len >= TRAILER_BYTES as u64) else {
            return;
        };
        if self.left == 0 || offset + len > (self.segment.len() - FOOTER_BYTES) as u64 {
            return;
        }
        let crc = crc32_seeded(self.seed(offset), &block[..block.len() - 4]);
        self.left -= 1;
        put_u32_at(self.segment, (offset + len) as usize - 4, crc);
    }

    /// The places of the blocks that the index block at this place lists.
    fn listed(&self, (offset, len): (u64, u64)) -> Vec<(u64, u64)> {
        let block = self.bytes(offset, len).unwrap_or_default();
        let (Some(count), Some(prefix)) = (u32_at(block, 0), u32_at(block, 12)) else {
            return Vec::new();
        };
        let at = HEADER_BYTES + (prefix & 0xffff) as usize + count as usize * 8;
        let count = (count as usize).min(self.left);
        let offset = |i: usize| u64_at(block, at + i * 8);
        let place = |i| Some((offset(i)?, offset(i + 1)?.checked_sub(offset(i)?)?));
        (0..count).map_while(place).collect()
    }
}
