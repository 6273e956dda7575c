//! What lies in front of the current segments: memtables, and segments of bulk loads that wait.
//!
//! Not for: what comes of what they say (see `query.rs`).

use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::index::{Ingested, Layer, State};

use super::memtable::Memtable;
use super::stored::Ordered;

/// What is newer than the current segments.
pub(crate) enum Front<'s, T: Ordered> {
    /// A memtable, and up to where to read it.
    Memtable(&'s Arc<Memtable>, SeqNo),
    /// Segments that were ingested: they hold values, and nothing that hides or merges.
    Ingested(&'s Ingested<T>),
}

/// All that is newer than the current segments of `state` as of `at`, newest first.
#[inline]
pub(crate) fn front<T: Ordered>(state: &State<T>, at: SeqNo) -> impl Iterator<Item = Front<'_, T>> {
    let State { private, active, frozen, .. } = state;
    let frozen = frozen.iter().filter_map(move |layer| match layer {
        Layer::Memtable(memtable) => Some(Front::Memtable(memtable, at)),
        Layer::Ingested(ingested) if ingested.at <= at => Some(Front::Ingested(ingested)),
        Layer::Ingested(_) => None,
    });
    let private = private.iter().map(|own| Front::Memtable(&own.memtable, own.at));
    private.chain(std::iter::once(Front::Memtable(active, at))).chain(frozen)
}
