//! The range block: what a segment deletes in everything older than itself.
//!
//! ```text
//! ┌───────┬───────────┬──────────────────────────────────┐
//! │ count │ ends      │ start, end, start, end, ...      │
//! │   4   │ 8 x count │                                  │
//! └───────┴───────────┴──────────────────────────────────┘
//!    ends: where each start and each end ends, from the first byte behind them (u32 each)
//! ```
//!
//! The end of the last range may be empty: it reaches to the end of all keys. Ranges ascend and
//! neither overlap nor touch, so one binary search finds the one that can hold a key, in place.
//!
//! Not for: the segment's own keys, which no range of its own deletes.

use cuesta_engine::error::Result;
use cuesta_engine::format::put_u32;
use cuesta_engine::{Error, ensure_sound};

use crate::ordered::span::{self, Span};

const HEADER_BYTES: usize = 4;

/// Appends the block of `spans`, which ascend and neither overlap nor touch.
///
/// # Errors
/// `Full` when they take 4 GiB or more.
pub(super) fn encode(spans: &[Span], out: &mut Vec<u8>) -> Result<()> {
    let too_many = |_| Error::full("range deletes of 4 GiB in one segment");
    put_u32(out, u32::try_from(spans.len()).map_err(too_many)?);
    let mut at = 0usize;
    for span in spans {
        for border in [&span.start[..], span.end.as_deref().unwrap_or_default()] {
            at += border.len();
            put_u32(out, u32::try_from(at).map_err(too_many)?);
        }
    }
    for span in spans {
        out.extend_from_slice(&span.start);
        out.extend_from_slice(span.end.as_deref().unwrap_or_default());
    }
    Ok(())
}

/// The parts of a range block.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::lsm) struct RangeFrame {
    count: usize,
    borders_at: usize,
}

#[cold]
fn corrupt(what: &str) -> Error {
    Error::corrupt(format!("range block: {what}"))
}

impl RangeFrame {
    /// Where the parts of `body` lie.
    ///
    /// # Errors
    /// `Corrupt` when they do not fill it.
    #[inline]
    pub(super) fn parse(body: &[u8]) -> Result<RangeFrame> {
        let Some(count) = body.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else {
            return Err(corrupt("shorter than its header"));
        };
        let borders_at = HEADER_BYTES as u64 + u64::from(count) * 8;
        if count == 0 || borders_at > body.len() as u64 {
            return Err(corrupt("its parts do not fill it"));
        }
        let frame = RangeFrame { count: count as usize, borders_at: borders_at as usize };
        if frame.borders_at + frame.border_end(body, 2 * frame.count - 1)? != body.len() {
            return Err(corrupt("its parts do not fill it"));
        }
        Ok(frame)
    }

    /// Ranges.
    #[inline]
    pub(in crate::lsm) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    fn border_end(&self, body: &[u8], border: usize) -> Result<usize> {
        let at = HEADER_BYTES + border * 4;
        let end = body.get(at..self.borders_at).and_then(|bytes| bytes.first_chunk::<4>());
        let end = end.ok_or_else(|| corrupt("no such range"))?;
        Ok(u32::from_le_bytes(*end) as usize)
    }

    fn border<'b>(&self, body: &'b [u8], border: usize) -> Result<&'b [u8]> {
        let start = match border.checked_sub(1) {
            Some(before) => self.border_end(body, before)?,
            None => 0,
        };
        let end = self.border_end(body, border)?;
        let borders = body.get(self.borders_at..).unwrap_or_default();
        borders.get(start..end).ok_or_else(|| corrupt("a border lies outside"))
    }

    /// Where range `i` begins.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(in crate::lsm) fn start<'b>(&self, body: &'b [u8], i: usize) -> Result<&'b [u8]> {
        self.border(body, 2 * i)
    }

    /// Where range `i` ends.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub(in crate::lsm) fn end<'b>(&self, body: &'b [u8], i: usize) -> Result<Option<&'b [u8]>> {
        Ok(Some(self.border(body, 2 * i + 1)?).filter(|end| !end.is_empty()))
    }

    /// How many ranges begin at or before `key`.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(in crate::lsm) fn find(&self, body: &[u8], key: &[u8]) -> Result<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.start(body, middle)? <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Whether some range holds `key`.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn holds(&self, body: &[u8], key: &[u8]) -> Result<bool> {
        let Some(at) = self.find(body, key)?.checked_sub(1) else { return Ok(false) };
        Ok(span::is_before(key, self.end(body, at)?))
    }

    /// Whether some range holds everything from `start` to `end`.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(super) fn covers(&self, body: &[u8], start: &[u8], end: Option<&[u8]>) -> Result<bool> {
        let Some(at) = self.find(body, start)?.checked_sub(1) else { return Ok(false) };
        let reach = self.end(body, at)?;
        Ok(reach.is_none_or(|reach| end.is_some_and(|end| end <= reach)))
    }

    /// All ranges.
    ///
    /// # Errors
    /// `Corrupt`, also when they are not in order.
    pub(super) fn spans(&self, body: &[u8]) -> Result<Vec<Span>> {
        let mut spans: Vec<Span> = Vec::with_capacity(self.count);
        for i in 0..self.count {
            let (start, end) = (self.start(body, i)?, self.end(body, i)?);
            let apart = match spans.last() {
                Some(last) => last.end.as_deref().is_some_and(|end| end < start),
                None => true,
            };
            ensure_sound!(
                apart && span::is_before(start, end),
                "range block: range {i} from {} is out of order",
                start.escape_ascii()
            );
            spans.push(Span { start: start.to_vec(), end: end.map(<[u8]>::to_vec) });
        }
        Ok(spans)
    }
}
