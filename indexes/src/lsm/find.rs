//! What current segments say of one key, and walks over all of them.
//!
//! Not for: memtables, and what comes of what is found (see [`ordered`](crate::ordered)).

use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::index::Services;
use cuesta_engine::stats::Stats;

use super::layout::Layout;
use super::segment::{Detail, Fill, Hit};
use super::walk::{RunCursor, RunDeletes, walk_over};
use super::{Lsm, filter};
use crate::ordered::kind::Kind;
use crate::ordered::operand::Rules;
use crate::ordered::value::Value;
use crate::ordered::{Found, Ordered};

impl Ordered for Lsm {
    type Walk = RunCursor;
    type Found<'s> = Hit<'s>;

    fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    fn services(&self) -> &Services {
        &self.services
    }

    #[inline]
    fn find<'s>(&self, layout: &'s Layout, key: &[u8]) -> Result<Option<Hit<'s>>> {
        if layout.runs().is_empty() {
            return Ok(None);
        }
        let (hash, mut skips) = (filter::hash(key), 0);
        let mut found = None;
        for run in layout.runs() {
            let Some(segment) = run.holding(key) else { continue };
            if segment.may_hold(hash)? {
                found = segment.find(key)?;
                if found.is_some() {
                    break;
                }
                Stats::add(&self.services.stats.filter_false, 1);
            } else {
                skips += 1;
            }
            if segment.deletes_key(key)? {
                break;
            }
        }
        if skips > 0 {
            Stats::add(&self.services.stats.filter_skips, skips);
        }
        Ok(found)
    }

    fn find_all<'s>(&self, layout: &'s Layout, key: &[u8], found: &mut Vec<Hit<'s>>) -> Result<()> {
        let hash = filter::hash(key);
        for run in layout.runs() {
            let Some(segment) = run.holding(key) else { continue };
            if segment.may_hold(hash)? {
                found.extend(segment.find(key)?);
            }
            // What is older counts for nothing; no deeper base is looked for.
            let is_whole = found.last().is_some_and(|hit| Found::kind(hit) != Kind::Merge);
            if is_whole || segment.deletes_key(key)? {
                break;
            }
        }
        Ok(())
    }

    fn walks(
        layout: &Layout,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        walks: &mut dyn FnMut(RunCursor, Option<RunDeletes>),
    ) -> usize {
        for run in layout.runs().iter().filter(|run| run.meets(lower, upper)) {
            let (walk, deletes) = walk_over(run, Fill::Keep);
            walks(walk, deletes);
        }
        layout.runs().len()
    }

    fn keys(detail: &[u8]) -> Result<(&[u8], &[u8])> {
        Detail::keys(detail)
    }

    fn walk_bytes(&self) -> usize {
        self.options.block_bytes as usize
    }
}

impl Found for Hit<'_> {
    #[inline]
    fn kind(&self) -> Kind {
        Hit::kind(self)
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        Hit::bytes(self)
    }

    #[inline]
    fn take_expiry(&mut self) -> Result<u64> {
        Hit::take_expiry(self)
    }

    #[inline]
    fn into_value(self) -> Value {
        Hit::into_value(self)
    }

    fn large(&self) -> Result<Value> {
        Hit::large(self)
    }
}
