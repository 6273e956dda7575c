//! Settings of one index, and their encoding in the catalog.
//!
//! ```text
//! version 2 │ block bytes 4 │ interval 1 │ filter bits 1 │ codec of each level 7 │ threshold 4
//! ```
//! No bytes at all are the defaults; version 1 ends before the threshold.

use cuesta_engine::Error;
use cuesta_engine::error::Result;
use cuesta_engine::format::{Codec, Reader, put_u32};

use super::LEVELS;
use super::blob::BLOB_BYTES_MIN;
use super::filter;
use super::segment::Shape;

const VERSION: u8 = 2;

/// How an LSM index lays out its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a data block before compression, 256 to 1 MiB.
    pub block_bytes: u32,
    /// Entries from one restart to the next, 1 to 64: fewer make finding a key faster, more make
    /// shared prefixes cheaper.
    pub restart_interval: u8,
    /// Filter bits per key, 0 to 32, on average: small runs get more, the largest gets less. 0 is
    /// no filter.
    pub filter_bits: u8,
    /// Codec of each level, from the newest to the oldest data. Uncompressed blocks of mapped
    /// files are read in place.
    pub codecs: [Codec; LEVELS as usize],
    /// Values of at least so many bytes lie in files of their own, which merges do not move; at
    /// least 1 KiB, or 0 for never.
    pub blob_threshold: u32,
}

/// Values of this length lie apart unless an index says otherwise.
const BLOB_THRESHOLD: u32 = 16 << 10;

/// Which values lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threshold(usize);

impl Threshold {
    /// Whether a value is to lie apart from its key.
    #[inline]
    pub(super) fn is_large(self, value: &[u8]) -> bool {
        value.len() >= self.0
    }
}

impl Default for Options {
    fn default() -> Options {
        let mut codecs = [Codec::Lz4; LEVELS as usize];
        codecs[..3].fill(Codec::None);
        Options {
            block_bytes: 8 << 10,
            restart_interval: 16,
            filter_bits: 10,
            codecs,
            blob_threshold: BLOB_THRESHOLD,
        }
    }
}

impl Options {
    /// The bytes that [`Options::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_u32(&mut out, self.block_bytes);
        out.extend_from_slice(&[self.restart_interval, self.filter_bits]);
        out.extend(self.codecs.map(Codec::code));
        put_u32(&mut out, self.blob_threshold);
        out
    }

    /// Options from their bytes; none at all are the defaults.
    ///
    /// # Errors
    /// `Invalid` for values out of range, `Unsupported` for a version or codec not known here.
    pub fn decode(bytes: &[u8]) -> Result<Options> {
        if bytes.is_empty() {
            return Ok(Options::default());
        }
        let mut reader = Reader::new(bytes, "lsm options");
        let version = reader.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Error::unsupported(format!("lsm options of version {version}")));
        }
        let mut options = Options {
            block_bytes: reader.u32()?,
            restart_interval: reader.u8()?,
            filter_bits: reader.u8()?,
            ..Options::default()
        };
        for codec in &mut options.codecs {
            *codec = Codec::from_code(reader.u8()?)?;
        }
        if version > 1 {
            options.blob_threshold = reader.u32()?;
        }
        reader.finish()?;
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        let limits = [
            ("block_bytes", u64::from(self.block_bytes), 256, 1 << 20),
            ("restart_interval", u64::from(self.restart_interval), 1, 64),
            ("filter_bits", u64::from(self.filter_bits), 0, 32),
        ];
        for (name, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                let message = format!("lsm option {name} is {value}, not {least} to {most}");
                return Err(Error::invalid(message));
            }
        }
        if self.blob_threshold != 0 && self.blob_threshold < BLOB_BYTES_MIN {
            let (value, least) = (self.blob_threshold, BLOB_BYTES_MIN);
            let message =
                format!("lsm option blob_threshold is {value}, not 0 or {least} and more");
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    /// Which values lie apart.
    pub(super) fn threshold(&self) -> Threshold {
        Threshold(if self.blob_threshold == 0 { usize::MAX } else { self.blob_threshold as usize })
    }

    /// How segments of `level` are laid out, in a run of `keys` keys beside runs of `others`.
    pub(super) fn shape(&self, level: u8, keys: u64, others: &[u64]) -> Shape {
        Shape {
            block_bytes: self.block_bytes as usize,
            interval: usize::from(self.restart_interval),
            codec: self.codecs.get(usize::from(level)).copied().unwrap_or_default(),
            filter_bits: filter::bits_per_key(u32::from(self.filter_bits), keys, others),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_and_nonsense_is_refused() {
        let options = Options { block_bytes: 4096, filter_bits: 0, ..Options::default() };
        assert_eq!(Options::decode(&options.encode()).unwrap(), options);
        assert_eq!(Options::decode(&[]).unwrap(), Options::default());
        let bytes = options.encode();
        for end in 1..bytes.len() {
            assert!(Options::decode(&bytes[..end]).is_err());
        }
        let nonsense = Options { restart_interval: 0, ..Options::default() };
        assert!(Options::decode(&nonsense.encode()).is_err());
    }
}
