//! Settings of one index, and their encoding in the catalog.
//!
//! ```text
//! version 3 │ block bytes 4 │ interval 1 │ filter bits 1 │ codec of each level 7 │ threshold 4 │
//! fields
//! ```
//! No bytes at all are the defaults; version 1 ends before the threshold, version 2 before the
//! fields. Field 1 is the time to live (varint, in milliseconds), field 2 the name of the merge
//! operator.

use cuesta_engine::Error;
use cuesta_engine::error::Result;
use cuesta_engine::format::{Codec, Reader, put_u32, put_varint};

use super::blob::BLOB_BYTES_MIN;
use super::segment::Shape;
use super::{LEVELS, filter};
use crate::ordered::fields;
use crate::ordered::threshold::Threshold;

const VERSION: u8 = 3;
const FIELD_TTL: u64 = 1;
const FIELD_OPERATOR: u64 = 2;
/// The longest name of a merge operator, in bytes.
const OPERATOR_BYTES_MAX: usize = 255;

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
    /// How long values live unless they say otherwise, in milliseconds; 0 is for ever.
    pub ttl_ms: u64,
    /// Name of the merge operator; empty is none.
    pub merge_operator: String,
}

/// Values of this length lie apart unless an index says otherwise.
const BLOB_THRESHOLD: u32 = 16 << 10;

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
            ttl_ms: 0,
            merge_operator: String::new(),
        }
    }
}

impl Options {
    /// The bytes that [`Options::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        let plain = self.ttl_ms == 0 && self.merge_operator.is_empty();
        let mut out = vec![if plain { 2 } else { VERSION }];
        put_u32(&mut out, self.block_bytes);
        out.extend_from_slice(&[self.restart_interval, self.filter_bits]);
        out.extend(self.codecs.map(Codec::code));
        put_u32(&mut out, self.blob_threshold);
        if self.ttl_ms > 0 {
            let mut ttl = Vec::new();
            put_varint(&mut ttl, self.ttl_ms);
            fields::put(&mut out, FIELD_TTL, &ttl);
        }
        if !self.merge_operator.is_empty() {
            fields::put(&mut out, FIELD_OPERATOR, self.merge_operator.as_bytes());
        }
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
        if version > 2 {
            options.decode_fields(&mut reader)?;
        }
        reader.finish()?;
        options.check()?;
        Ok(options)
    }

    fn decode_fields(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let mut last = 0;
        while let Some((number, bytes)) = fields::take(reader, &mut last)? {
            match number {
                FIELD_TTL => {
                    let mut ttl = Reader::new(bytes, "time to live");
                    self.ttl_ms = ttl.varint()?;
                    ttl.finish()?;
                }
                FIELD_OPERATOR => {
                    let name = std::str::from_utf8(bytes);
                    let name = name.map_err(|_| reader.corrupt("a name that is not UTF-8"))?;
                    name.clone_into(&mut self.merge_operator);
                }
                other => return Err(fields::unknown("lsm options", other)),
            }
        }
        // What is written again must be the same bytes.
        if self.ttl_ms == 0 && self.merge_operator.is_empty() {
            return Err(reader.corrupt("fields that say nothing"));
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let limits = [
            ("block_bytes", u64::from(self.block_bytes), 256, 1 << 20),
            ("restart_interval", u64::from(self.restart_interval), 1, 64),
            ("filter_bits", u64::from(self.filter_bits), 0, 32),
        ];
        if self.merge_operator.len() > OPERATOR_BYTES_MAX {
            let len = self.merge_operator.len();
            let message = format!("a merge operator's name of {len} bytes; at most 255");
            return Err(Error::invalid(message));
        }
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
        Threshold::at(self.blob_threshold as usize)
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
        let lively = Options { ttl_ms: 77, merge_operator: "add".into(), ..options.clone() };
        assert_eq!(Options::decode(&lively.encode()).unwrap(), lively);
        assert!(Options::decode(&[lively.encode(), vec![3, 0]].concat()).is_err());
        let bytes = options.encode();
        for end in 1..bytes.len() {
            assert!(Options::decode(&bytes[..end]).is_err());
        }
        let nonsense = Options { restart_interval: 0, ..Options::default() };
        assert!(Options::decode(&nonsense.encode()).is_err());
    }
}
