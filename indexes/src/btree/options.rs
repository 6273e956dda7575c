//! Settings of one index, and their encoding in the catalog.
//!
//! ```text
//! version u8 = 1 │ page bytes 4 │ fill percent 1 │ fields
//! ```
//! No bytes at all are the defaults. Field 1 is the time to live (varint, in milliseconds), field 2
//! the name of the merge operator.

use cuesta_engine::Error;
use cuesta_engine::error::Result;
use cuesta_engine::format::{Reader, put_u32, put_varint};

use crate::ordered::fields;

const VERSION: u8 = 1;
const FIELD_TTL: u64 = 1;
const FIELD_OPERATOR: u64 = 2;
/// The longest name of a merge operator, in bytes.
const OPERATOR_BYTES_MAX: usize = 255;

/// How a B+tree lays out its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a page, a power of two from 1 KiB to 64 KiB.
    pub page_bytes: u32,
    /// How full nodes are written that are written in order, 50 to 100 percent: fuller ones make a
    /// smaller file, emptier ones leave room for keys between.
    pub fill_percent: u8,
    /// How long values live unless they say otherwise, in milliseconds; 0 is for ever.
    pub ttl_ms: u64,
    /// Name of the merge operator; empty is none.
    pub merge_operator: String,
}

impl Default for Options {
    fn default() -> Options {
        Options { page_bytes: 4 << 10, fill_percent: 90, ttl_ms: 0, merge_operator: String::new() }
    }
}

impl Options {
    /// The bytes that [`Options::decode`] takes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_u32(&mut out, self.page_bytes);
        out.push(self.fill_percent);
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
    /// `Invalid` for values out of range, `Unsupported` for a version not known here.
    pub fn decode(bytes: &[u8]) -> Result<Options> {
        if bytes.is_empty() {
            return Ok(Options::default());
        }
        let mut reader = Reader::new(bytes, "btree options");
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::unsupported(format!("btree options of version {version}")));
        }
        let mut options =
            Options { page_bytes: reader.u32()?, fill_percent: reader.u8()?, ..Options::default() };
        let mut last = 0;
        while let Some((number, bytes)) = fields::take(&mut reader, &mut last)? {
            match number {
                FIELD_TTL => {
                    let mut ttl = Reader::new(bytes, "time to live");
                    options.ttl_ms = ttl.varint()?;
                    ttl.finish()?;
                }
                FIELD_OPERATOR => {
                    let name = std::str::from_utf8(bytes);
                    let name = name.map_err(|_| reader.corrupt("a name that is not UTF-8"))?;
                    name.clone_into(&mut options.merge_operator);
                }
                other => return Err(fields::unknown("btree options", other)),
            }
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        let Options { page_bytes, fill_percent, .. } = *self;
        if !page_bytes.is_power_of_two() || !(1 << 10..=64 << 10).contains(&page_bytes) {
            return Err(Error::invalid(format!(
                "btree option page_bytes is {page_bytes}, not a power of two from 1024 to 65536"
            )));
        }
        if !(50..=100).contains(&fill_percent) {
            return Err(Error::invalid(format!(
                "btree option fill_percent is {fill_percent}, not 50 to 100"
            )));
        }
        if self.merge_operator.len() > OPERATOR_BYTES_MAX {
            let len = self.merge_operator.len();
            let message = format!("a merge operator's name of {len} bytes; at most 255");
            return Err(Error::invalid(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_and_nonsense_is_refused() {
        let options = Options { page_bytes: 8192, fill_percent: 70, ..Options::default() };
        assert_eq!(Options::decode(&options.encode()).unwrap(), options);
        assert_eq!(Options::decode(&[]).unwrap(), Options::default());
        let lively = Options { ttl_ms: 77, merge_operator: "add".into(), ..options.clone() };
        assert_eq!(Options::decode(&lively.encode()).unwrap(), lively);
        assert!(Options::decode(&[lively.encode(), vec![3, 0]].concat()).is_err());
        let bytes = options.encode();
        for end in 1..bytes.len() {
            assert!(Options::decode(&bytes[..end]).is_err());
        }
        for page_bytes in [0, 512, 5000, 1 << 17] {
            let nonsense = Options { page_bytes, ..Options::default() };
            assert!(Options::decode(&nonsense.encode()).is_err());
        }
    }
}
