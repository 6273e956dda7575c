//! Where the parts of a block lie, and finding one key in it.

use std::cmp::Ordering;
use std::ops::Range;

use cuesta_engine::error::Result;
use cuesta_engine::{Error, ensure_sound};

use super::{FLAG_KINDS, HEADER_BYTES, KEY_BYTES_MAX, Kind};
use crate::ordered::order::{self, Beside};

/// The parts of a block, as offsets into it, so that it borrows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::lsm) struct Frame {
    count: u32,
    pub(super) restarts: usize,
    heads_at: usize,
    starts_at: usize,
    pub(super) keys_at: usize,
    pub(super) values_at: usize,
    pub(super) kinds: bool,
}

/// An entry that was looked for: its kind, and where in the block its value lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Found {
    /// What it says.
    pub kind: Kind,
    /// Its value, as a range of the block.
    pub value: Range<usize>,
}

/// The fields of an entry in front of the rest of its key.
pub(super) struct Fields {
    pub shared: usize,
    pub rest: usize,
    pub kind: Kind,
    pub value: usize,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("data block: {what}"))
}

impl Frame {
    /// Where the parts of the block `body` lie.
    ///
    /// # Errors
    /// `Corrupt` when it is too short for them; `Unsupported` for unknown flags.
    #[inline]
    pub(in crate::lsm) fn parse(body: &[u8]) -> Result<Frame> {
        let Some(header) = body.first_chunk::<HEADER_BYTES>() else {
            return Err(corrupt("shorter than its header"));
        };
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (count, restarts, keys_len) = (number(0), number(4), number(8));
        let prefix_len = u16::from_le_bytes([header[12], header[13]]);
        if header[14] & !FLAG_KINDS != 0 || header[15] != 0 {
            return Err(Error::unsupported(format!("data block: flags {:#x}", header[14])));
        }
        if restarts == 0 || restarts > count {
            return Err(corrupt("no restarts, or more than entries"));
        }
        // In 64 bits: none of these sums can overflow.
        let heads_at = HEADER_BYTES as u64 + u64::from(prefix_len);
        let starts_at = heads_at + u64::from(restarts) * 8;
        let keys_at = starts_at + u64::from(restarts) * 8;
        let values_at = keys_at + u64::from(keys_len);
        if values_at > body.len() as u64 {
            return Err(corrupt("shorter than its parts"));
        }
        Ok(Frame {
            count,
            restarts: restarts as usize,
            heads_at: heads_at as usize,
            starts_at: starts_at as usize,
            keys_at: keys_at as usize,
            values_at: values_at as usize,
            kinds: header[14] & FLAG_KINDS != 0,
        })
    }

    /// Entries in it.
    pub(in crate::lsm) fn count(&self) -> u32 {
        self.count
    }

    /// Restarts, and so intervals, in it; at least one.
    pub(in crate::lsm) fn restarts(&self) -> usize {
        self.restarts
    }

    /// What all keys begin with.
    #[inline]
    pub(super) fn prefix<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        body.get(HEADER_BYTES..self.heads_at).unwrap_or_default()
    }

    /// Where restart `r` begins, as offsets into the block: its keys and its values.
    #[inline]
    pub(super) fn start(&self, body: &[u8], r: usize) -> Result<(usize, usize)> {
        let at = self.starts_at + r * 8;
        let Some(bytes) = body.get(at..self.keys_at).and_then(|starts| starts.first_chunk::<8>())
        else {
            return Err(corrupt("no such restart"));
        };
        let number = u64::from_le_bytes(*bytes);
        let key = self.keys_at + (number as u32) as usize;
        let value = self.values_at.saturating_add((number >> 32) as usize);
        if key >= self.values_at || value > body.len() {
            return Err(corrupt("restart outside"));
        }
        Ok((key, value))
    }

    /// The end of the keys of interval `r`.
    #[inline]
    pub(super) fn end(&self, body: &[u8], r: usize) -> Result<usize> {
        if r + 1 < self.restarts { Ok(self.start(body, r + 1)?.0) } else { Ok(self.values_at) }
    }

    /// Takes the fields of the entry at `at`, and says where the rest of its key begins.
    #[inline]
    pub(super) fn fields(&self, body: &[u8], at: usize, end: usize) -> Result<(Fields, usize)> {
        if let Some(&[shared, rest, value, ..]) = body.get(at..end)
            && (shared | rest | value) < 0x80
            && !self.kinds
        {
            let fields = Fields {
                shared: usize::from(shared),
                rest: usize::from(rest),
                kind: Kind::Put,
                value: usize::from(value),
            };
            return Ok((fields, at + 3));
        }
        self.fields_slow(body, at, end)
    }

    #[inline(never)]
    fn fields_slow(&self, body: &[u8], at: usize, end: usize) -> Result<(Fields, usize)> {
        let bytes = body.get(at..end).ok_or_else(|| corrupt("interval ends before it begins"))?;
        let mut reader = cuesta_engine::format::Reader::new(bytes, "data block entry");
        let (shared, rest) = (reader.len()?, reader.len()?);
        if shared.max(rest) > KEY_BYTES_MAX {
            return Err(corrupt("key longer than any"));
        }
        let kind = if self.kinds { Kind::from_code(reader.u8()?)? } else { Kind::Put };
        let value = reader.len()?;
        ensure_sound!(value <= u32::MAX as usize, "data block: a value of {value} bytes");
        Ok((Fields { shared, rest, kind, value }, at + reader.offset()))
    }

    /// The key at restart `r`, behind the prefix.
    fn restart_key<'b>(&self, body: &'b [u8], r: usize) -> Result<&'b [u8]> {
        let end = self.end(body, r)?;
        let (fields, at) = self.fields(body, self.start(body, r)?.0, end)?;
        if fields.shared != 0 {
            return Err(corrupt("a restart leans on the entry before"));
        }
        body.get(at..end).and_then(|b| b.get(..fields.rest)).ok_or_else(|| corrupt("key too long"))
    }

    /// The interval that holds the last key at or before `suffix`, which has lost the prefix;
    /// `None` when all keys are greater.
    #[inline]
    pub(super) fn interval_of(&self, body: &[u8], suffix: &[u8]) -> Result<Option<usize>> {
        let heads = body.get(self.heads_at..self.starts_at).unwrap_or_default();
        let (heads, _) = heads.as_chunks::<8>();
        let wanted = order::head(suffix);
        let mut after = heads.partition_point(|head| u64::from_le_bytes(*head) < wanted);
        // Equal heads decide nothing: such restarts, seldom more than one, are compared in full.
        if heads.get(after).is_some_and(|head| u64::from_le_bytes(*head) == wanted) {
            let equal = heads[after..].partition_point(|h| u64::from_le_bytes(*h) == wanted);
            let mut high = after + equal;
            while after < high {
                let middle = after + (high - after) / 2;
                if self.restart_key(body, middle)? <= suffix {
                    after = middle + 1;
                } else {
                    high = middle;
                }
            }
        }
        Ok(after.checked_sub(1))
    }

    /// Finds `key`. Touches the front of the block, the keys of one interval, and nothing of the
    /// values; allocates nothing.
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported`.
    #[inline]
    pub(in crate::lsm) fn find(&self, body: &[u8], key: &[u8]) -> Result<Option<Found>> {
        let Beside::Within(suffix) = order::beside(key, self.prefix(body)) else {
            return Ok(None);
        };
        match self.interval_of(body, suffix)? {
            Some(r) => self.find_within(body, suffix, r),
            None => Ok(None),
        }
    }

    /// Walks over an interval without putting its keys together: it is enough to know how much
    /// of what is wanted the key before had (`matched`), and that it was smaller. Sharing less
    /// than that with it, a key is greater than what is wanted; sharing more, smaller.
    fn find_within(&self, body: &[u8], suffix: &[u8], r: usize) -> Result<Option<Found>> {
        let (mut at, mut value_at) = self.start(body, r)?;
        let end = self.end(body, r)?;
        let mut matched = 0;
        while at < end {
            let (fields, rest_at) = self.fields(body, at, end)?;
            at = rest_at + fields.rest;
            if at > end {
                return Err(corrupt("key too long"));
            }
            match fields.shared.cmp(&matched) {
                Ordering::Less => return Ok(None),
                Ordering::Greater => {}
                Ordering::Equal => {
                    let rest = body.get(rest_at..at).unwrap_or_default();
                    let wanted = suffix.get(matched..).unwrap_or_default();
                    let n = order::common_prefix(rest, wanted);
                    match (rest.get(n), wanted.get(n)) {
                        (None, None) => return self.found(body, &fields, value_at).map(Some),
                        (Some(_), None) => return Ok(None),
                        (Some(a), Some(b)) if a > b => return Ok(None),
                        _ => matched += n,
                    }
                }
            }
            value_at += fields.value;
        }
        Ok(None)
    }

    fn found(&self, body: &[u8], fields: &Fields, value_at: usize) -> Result<Found> {
        let value = value_at..value_at.saturating_add(fields.value);
        if value.end > body.len() {
            return Err(corrupt("value outside"));
        }
        Ok(Found { kind: fields.kind, value })
    }
}
