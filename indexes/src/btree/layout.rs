//! Trees as questions find them: the current one, or those of a load, which lie side by side.
//!
//! Not for: what is in them.

use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::SegmentId;
use cuesta_engine::error::Result;
use cuesta_engine::index::Live;
use cuesta_engine::{Error, ensure_sound};

use super::Btree;
use super::segment::Tree;
use super::segment::cursor::TreeCursor;
use crate::ordered::op::key_after;
use crate::ordered::span::{self, Span};

/// Trees without a key in common.
#[derive(Debug, Default)]
pub struct Trees {
    /// The only one, mostly; else the one with the first keys.
    first: Option<Arc<Tree>>,
    /// All others by their first keys, ascending.
    others: Box<[(Vec<u8>, Arc<Tree>)]>,
}

impl Trees {
    /// One tree at most is current. A load that waits has no numbers yet, and may have several.
    ///
    /// # Errors
    /// `Corrupt` when there are several current ones, or when they overlap; `Io`.
    pub(super) fn new(given: &[Live<Btree>]) -> Result<Trees> {
        if let [] | [_] = given {
            let first = given.first().map(|live| live.segment.clone());
            return Ok(Trees { first, ..Trees::default() });
        }
        let waits = given.iter().all(|live| live.id == SegmentId(0));
        ensure_sound!(waits, "an index of type btree with {} trees", given.len());
        let spans = given.iter().map(span).collect::<Result<Vec<_>>>()?;
        let trees = given.iter().map(|live| live.segment.clone());
        let mut all: Vec<(Span, Arc<Tree>)> = spans.into_iter().zip(trees).collect();
        all.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start));
        let spans: Vec<Span> = all.iter().map(|(span, _)| span.clone()).collect();
        span::check_apart(&spans).map_err(|e| Error::corrupt(e.to_string()))?;
        let mut all = all.into_iter().map(|(span, tree)| (span.start, tree));
        let first = all.next().map(|(_, tree)| tree);
        Ok(Trees { first, others: all.collect() })
    }

    /// The one that may have `key`.
    #[inline]
    pub(super) fn of(&self, key: &[u8]) -> Option<&Arc<Tree>> {
        if self.others.is_empty() {
            return self.first.as_ref();
        }
        match self.others.partition_point(|(first, _)| first.as_slice() <= key) {
            0 => self.first.as_ref(),
            behind => self.others.get(behind - 1).map(|(_, tree)| tree),
        }
    }

    /// Those that may have keys within the bounds.
    pub(super) fn within(
        &self,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> impl Iterator<Item = &Arc<Tree>> {
        let from = match lower {
            Bound::Included(key) | Bound::Excluded(key) => {
                self.others.partition_point(|(first, _)| first.as_slice() <= key)
            }
            Bound::Unbounded => 0,
        };
        let to = match upper {
            Bound::Included(key) => self.others.partition_point(|(first, _)| &**first <= key),
            Bound::Excluded(key) => self.others.partition_point(|(first, _)| &**first < key),
            Bound::Unbounded => self.others.len(),
        };
        let others = self.others.get(from.saturating_sub(1)..to).unwrap_or_default();
        let first = self.first.iter().filter(move |_| from == 0);
        first.chain(others.iter().map(|(_, tree)| tree))
    }
}

/// From the first key of a tree to behind its last one.
///
/// # Errors
/// `Corrupt`, `Unsupported` or `Io`.
pub(super) fn span(live: &Live<Btree>) -> Result<Span> {
    let mut cursor = TreeCursor::new(live.segment.clone());
    cursor.first()?;
    let start = cursor.key().to_vec();
    cursor.last()?;
    Ok(Span { start, end: key_after(cursor.key()) })
}
