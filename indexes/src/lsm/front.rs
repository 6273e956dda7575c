//! What lies in front of the current segments: memtables, and segments of bulk loads that wait.
//!
//! Not for: what comes of what they say (see `query.rs`).

use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::error::Result;
use cuesta_engine::index::{Ingested, Layer, State};

use super::Lsm;
use super::filter;
use super::memtable::Memtable;
use super::segment::Hit;

/// What is newer than the current segments.
pub(super) enum Front<'s> {
    /// A memtable, and up to where to read it.
    Memtable(&'s Arc<Memtable>, SeqNo),
    /// Segments that were ingested: they hold values, and nothing that hides or merges.
    Ingested(&'s Ingested<Lsm>),
}

/// All that is newer than the current segments of `state` as of `at`, newest first.
#[inline]
pub(super) fn front(state: &State<Lsm>, at: SeqNo) -> impl Iterator<Item = Front<'_>> {
    let State { private, active, frozen, .. } = state;
    let frozen = frozen.iter().filter_map(move |layer| match layer {
        Layer::Memtable(memtable) => Some(Front::Memtable(memtable, at)),
        Layer::Ingested(ingested) if ingested.at <= at => Some(Front::Ingested(ingested)),
        Layer::Ingested(_) => None,
    });
    let private = private.iter().map(|own| Front::Memtable(&own.memtable, own.at));
    private.chain(std::iter::once(Front::Memtable(active, at))).chain(frozen)
}

/// What ingested segments say of `key`.
#[cold]
pub(super) fn find_ingested<'s>(
    ingested: &'s Ingested<Lsm>,
    key: &[u8],
) -> Result<Option<Hit<'s>>> {
    let hash = filter::hash(key);
    for run in ingested.layout.runs() {
        if let Some(segment) = run.holding(key)
            && segment.may_hold(hash)?
            && let Some(hit) = segment.find(key)?
        {
            return Ok(Some(hit));
        }
    }
    Ok(None)
}
