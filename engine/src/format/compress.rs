//! Codecs of stored blocks, and how their output is taken back without trust.
//!
//! ```text
//! none             the bytes themselves
//! lz4, zstd        ┌───────────┬──────────────────────┐
//!                  │ raw len 4 │ compressed bytes     │
//!                  └───────────┴──────────────────────┘
//! ```
//!
//! Not for: where the codec of a block is noted, and its checksum.
//!
//! Invariants:
//! 1. A stored length is never trusted: what a codec could not have made of so few bytes is
//!    `Corrupt` before memory is taken for it.
//! 2. Bytes that compress badly are stored as they are, so reading pays only where it gains.

use std::cell::RefCell;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::Reader;

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Not at all: mapped files are read in place.
    #[default]
    None = 0,
    /// LZ4 block format: fast both ways.
    Lz4 = 1,
    /// Zstandard: half the size of LZ4's output in good cases, several times slower.
    Zstd = 2,
}

/// What a codec must save, in parts of 256 of the raw size, or the bytes are stored raw: 12 %.
const SAVING_MIN: usize = 31;
/// Larger inputs are stored raw, so that lengths fit into 32 bits with room to spare.
const RAW_BYTES_MAX: usize = 1 << 30;
/// The most that one byte of LZ4 can stand for: a length byte of 255.
const LZ4_RATIO_MAX: u64 = 255;
/// A Zstandard block of at most 128 KiB takes at least four bytes (RFC 8878, section 3.1.1.2).
const ZSTD_RATIO_MAX: u64 = 32 << 10;
const ZSTD_LEVEL: i32 = 3;

thread_local! {
    static ZSTD: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

impl Codec {
    /// The codec numbered `code`.
    ///
    /// # Errors
    /// `Unsupported` for a number not known here.
    pub fn from_code(code: u8) -> Result<Codec> {
        match code {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Lz4),
            2 => Ok(Codec::Zstd),
            _ => Err(Error::unsupported(format!("codec {code} is not known here"))),
        }
    }

    /// Its number in files.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Replaces the content of `out` with `raw` compressed, and returns the codec to note; `None`, and
/// nothing useful in `out`, where less than an eighth or so would be saved.
///
/// # Errors
/// `Internal` when a codec fails, which it has no reason to.
pub fn compress(codec: Codec, raw: &[u8], out: &mut Vec<u8>) -> Result<Codec> {
    if codec == Codec::None || raw.is_empty() || raw.len() > RAW_BYTES_MAX {
        return Ok(Codec::None);
    }
    let worst = match codec {
        Codec::Zstd => zstd::zstd_safe::compress_bound(raw.len()),
        _ => lz4_flex::block::get_maximum_output_size(raw.len()),
    };
    out.clear();
    out.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    out.resize(4 + worst, 0);
    let body = &mut out[4..];
    let len = match codec {
        Codec::Zstd => compress_zstd(raw, body)?,
        _ => lz4_flex::block::compress_into(raw, body)
            .map_err(|e| Error::internal(format!("lz4 of {} bytes: {e}", raw.len())))?,
    };
    out.truncate(4 + len);
    let most = raw.len() - raw.len() / 256 * SAVING_MIN - raw.len() % 256 * SAVING_MIN / 256;
    Ok(if out.len() <= most { codec } else { Codec::None })
}

fn compress_zstd(raw: &[u8], out: &mut [u8]) -> Result<usize> {
    let failed = |e| Error::internal(format!("zstd of {} bytes: {e}", raw.len()));
    ZSTD.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(failed)?),
        };
        compressor.compress_to_buffer(raw, out).map_err(failed)
    })
}

/// Gives back what [`compress`] was given, at most `raw_bytes_max` of it.
///
/// Allocates once. The bytes may come from anywhere.
///
/// # Errors
/// `Corrupt` when `stored` is not what the codec makes, or claims to be longer than it can be.
pub fn decompress(codec: Codec, stored: &[u8], raw_bytes_max: usize) -> Result<Arc<[u8]>> {
    let ratio = match codec {
        Codec::None => {
            crate::ensure_sound!(stored.len() <= raw_bytes_max, "block longer than its limit");
            return Ok(stored.into());
        }
        Codec::Lz4 => LZ4_RATIO_MAX,
        Codec::Zstd => ZSTD_RATIO_MAX,
    };
    let mut reader = Reader::new(stored, "compressed block");
    let len = reader.u32()?;
    let body = reader.rest();
    crate::ensure_sound!(
        u64::from(len) <= (body.len() as u64 + 16).saturating_mul(ratio)
            && len as usize <= raw_bytes_max.min(RAW_BYTES_MAX),
        "compressed block of {} bytes claims to hold {len}",
        body.len()
    );
    let mut raw: Arc<[u8]> = std::iter::repeat_n(0, len as usize).collect();
    let room = Arc::get_mut(&mut raw).ok_or_else(|| Error::internal("a new block is shared"))?;
    let made = match codec {
        Codec::Zstd => zstd::bulk::decompress_to_buffer(body, room).map_err(|e| e.to_string()),
        _ => lz4_flex::block::decompress_into(body, room).map_err(|e| e.to_string()),
    };
    match made {
        Ok(made) if made == len as usize => Ok(raw),
        Ok(made) => Err(Error::corrupt(format!("block of {len} bytes decompresses to {made}"))),
        Err(e) => Err(Error::corrupt(format!("block of {len} bytes does not decompress: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i / 7 % 13) as u8).collect()
    }

    #[test]
    fn what_is_compressed_comes_back() {
        let mut out = Vec::new();
        for codec in [Codec::Lz4, Codec::Zstd] {
            for len in [100, 1000, 70_000] {
                let raw = text(len);
                assert_eq!(compress(codec, &raw, &mut out).unwrap(), codec);
                assert!(out.len() < len * 88 / 100);
                assert_eq!(&*decompress(codec, &out, len).unwrap(), &raw[..]);
                assert!(decompress(codec, &out, len - 1).is_err());
            }
        }
    }

    #[test]
    fn what_compresses_badly_is_left_alone() {
        let noise: Vec<u8> =
            (1..4096u64).map(|i| (i.wrapping_pow(5).wrapping_mul(K) >> 56) as u8).collect();
        let mut out = Vec::new();
        assert_eq!(compress(Codec::Lz4, &noise, &mut out).unwrap(), Codec::None);
        assert_eq!(compress(Codec::Zstd, &noise, &mut out).unwrap(), Codec::None);
    }

    #[test]
    fn damaged_bytes_never_panic_and_claims_are_not_believed() {
        for codec in [Codec::Lz4, Codec::Zstd] {
            let mut out = Vec::new();
            compress(codec, &text(600), &mut out).unwrap();
            let claim = [&u32::MAX.to_le_bytes(), &out[4..]].concat();
            assert!(decompress(codec, &claim, usize::MAX).is_err());
            for i in 0..out.len() {
                for bit in 0..8 {
                    let mut bad = out.clone();
                    bad[i] ^= 1 << bit;
                    let _ = decompress(codec, &bad, 1 << 20);
                }
                let _ = decompress(codec, &out[..i], 1 << 20);
            }
        }
    }
}
