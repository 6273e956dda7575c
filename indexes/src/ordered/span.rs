//! Ranges of keys: a first key, and the end, which is the first key behind them.
//!
//! An end that is `None` lies behind all keys. The end of a range whose greatest key is `k` is the
//! first key after it (see `op::key_after`): so one kind of border serves keys and range deletes.
//!
//! Not for: finding a range among those of a memtable or a segment.

use cuesta_engine::error::{Error, Result};

#[cfg(test)]
mod tests;

/// Segments whose ranges a load states one by one, for conflicts and watches.
pub(crate) const SPANS_MAX: usize = 64;

/// Keys from `start` on, up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first key.
    pub start: Vec<u8>,
    /// The first key behind them; `None` is behind all keys.
    pub end: Option<Vec<u8>>,
}

impl Span {
    /// From the first key of either to the last end.
    pub(crate) fn with(self, other: &Span) -> Span {
        let end = later(self.end.as_deref(), other.end.as_deref()).map(<[u8]>::to_vec);
        Span { start: self.start.min(other.start.clone()), end }
    }

    /// The end.
    #[inline]
    pub(crate) fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether it ends at or before `key`.
    #[inline]
    pub(crate) fn ends_by(&self, key: &[u8]) -> bool {
        !is_before(key, self.end())
    }

    /// Whether `key` lies in it.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        *self.start <= *key && is_before(key, self.end())
    }

    /// Whether some key lies in both.
    pub(crate) fn meets(&self, other: &Span) -> bool {
        is_before(&self.start, other.end()) && is_before(&other.start, self.end())
    }

    /// Bytes of both borders.
    pub(crate) fn bytes(&self) -> usize {
        self.start.len() + self.end.as_ref().map_or(0, Vec::len)
    }
}

/// Whether `key` lies before `end`.
#[inline]
pub(crate) fn is_before(key: &[u8], end: Option<&[u8]>) -> bool {
    end.is_none_or(|end| key < end)
}

/// The end that comes first.
#[inline]
pub(crate) fn earlier<'k>(a: Option<&'k [u8]>, b: Option<&'k [u8]>) -> Option<&'k [u8]> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The end that comes last.
#[inline]
pub(crate) fn later<'k>(a: Option<&'k [u8]>, b: Option<&'k [u8]>) -> Option<&'k [u8]> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    }
}

/// Checks that what is ingested together, in the order of first keys, does not overlap.
///
/// # Errors
/// `Invalid` says where it does.
pub(crate) fn check_apart(spans: &[Span]) -> Result<()> {
    for pair in spans.windows(2) {
        if !pair[0].ends_by(&pair[1].start) {
            return Err(Error::invalid(format!(
                "files that are ingested together overlap: one goes from \"{}\" to behind \"{}\", \
                 where another begins",
                pair[0].start.escape_ascii(),
                pair[1].start.escape_ascii()
            )));
        }
    }
    Ok(())
}

/// Sorts spans and joins those that overlap or touch.
pub(crate) fn join(spans: &mut Vec<Span>) {
    spans.sort_unstable_by(|a, b| a.start.cmp(&b.start));
    spans.dedup_by(|next, last| {
        let touch = last.end.as_ref().is_none_or(|end| next.start <= *end);
        if touch
            && last.end.is_some()
            && next.end.as_ref().is_none_or(|end| Some(end) > last.end.as_ref())
        {
            last.end = next.end.take();
        }
        touch
    });
}
