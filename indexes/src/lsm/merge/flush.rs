//! A flush: frozen memtables become one sorted run in level 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::index::{Edit, Work};
use cuesta_engine::stats::Stats;
use cuesta_engine::{FileId, LogNo, SeqNo};

use super::output::Outputs;
use super::run::{Depths, STEP_BYTES, trimmed};
use super::tree::Sizes;
use crate::lsm::layout::Run;
use crate::lsm::segment::Shape;
use crate::lsm::walk::RunCursor;
use crate::ordered::cover::Cover;
use crate::ordered::kind::Kind;
use crate::ordered::memtable::{LargeValue, Memtable};
use crate::ordered::merging::Merging;
use crate::ordered::operand::{Below, Rules};
use crate::ordered::source::Deletes;
use crate::ordered::source::Source;
use crate::ordered::threshold::Threshold;

/// Writes the newest version of every key of some memtables, and operands merged as far as they
/// can be.
pub(in crate::lsm) struct FlushWork {
    merging: Merging<RunCursor>,
    outputs: Outputs,
    depths: Depths,
    threshold: Threshold,
    /// Oldest first.
    frozen: Vec<Arc<Memtable>>,
    /// Segments of the log that have become blob files.
    adopted: BTreeMap<LogNo, FileId>,
    stats: Arc<Stats>,
    /// What operands have below them where something is below.
    below: Below,
    rules: Arc<Rules>,
    newest: u64,
    begun: bool,
}

impl FlushWork {
    /// Flushes `frozen`, oldest first, on top of the runs `below`. A tombstone that meets no
    /// segment hides nothing and is left out; so is what newer range deletes cover. Operands that
    /// have something below them may have what `operands_below` says.
    pub(in crate::lsm) fn new(
        frozen: &[Arc<Memtable>],
        below: Vec<Arc<Run>>,
        (rules, operands_below): (Arc<Rules>, Below),
        shape: Shape,
        sizes: &Sizes,
        threshold: Threshold,
        stats: Arc<Stats>,
    ) -> FlushWork {
        let source = |memtable: &Arc<Memtable>| {
            let deletes =
                memtable.cover().map(|cover| Deletes::Memtable(Box::new(cover.cursor(u64::MAX))));
            (Source::Memtable(memtable.tree().cursor(u64::MAX)), deletes)
        };
        let covers = || frozen.iter().filter_map(|memtable| memtable.cover());
        let ranges = trimmed(covers().flat_map(|cover| cover.spans(u64::MAX)).collect(), &below);
        // Level 0 is merged whole: larger segments there cost nothing.
        let mut outputs = Outputs::new(shape, 0, sizes.segment_bytes * 2, sizes.blob_file_bytes());
        outputs.delete_ranges(ranges);
        FlushWork {
            merging: Merging::new(frozen.iter().rev().map(source).collect()),
            outputs,
            depths: Depths::new(below),
            threshold,
            frozen: frozen.to_vec(),
            adopted: BTreeMap::new(),
            stats,
            below: operands_below,
            rules,
            newest: covers().map(Cover::last).max().unwrap_or(0),
            begun: false,
        }
    }
}

impl FlushWork {
    /// Takes over the segments of the log that hold mostly large values which are flushed here.
    fn adopt(&mut self, out: &mut dyn Output) {
        let mut wanted: BTreeMap<LogNo, u64> = BTreeMap::new();
        for (i, memtable) in self.frozen.iter().enumerate() {
            let newer = self.frozen.get(i + 1..).unwrap_or_default();
            for (key, LargeValue { place, len }) in memtable.large() {
                let silent = |newer: &Arc<Memtable>| {
                    newer.tree().get(&key, u64::MAX).is_none() && newer.deleted(&key, u64::MAX) == 0
                };
                if newer.iter().all(silent) {
                    *wanted.entry(place.log).or_default() += len;
                }
            }
        }
        let adopt = |(log, wanted)| out.adopt(log, wanted).map(|file| (log, file));
        self.adopted = wanted.into_iter().filter_map(adopt).collect();
    }

    /// Where the large value lies that `key` was given by commit `at`, if that was taken over.
    fn adopted_place(&self, key: &[u8], at: u64) -> Option<(FileId, u64)> {
        if self.adopted.is_empty() {
            return None;
        }
        let place = self.frozen.iter().find_map(|memtable| memtable.place(key, at))?;
        self.adopted.get(&place.log).map(|file| (*file, place.offset))
    }
}

impl Work for FlushWork {
    fn memory(&self) -> usize {
        self.outputs.memory()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        if !self.begun {
            self.adopt(out);
            self.merging.first()?;
            self.begun = true;
        }
        let mut bytes = 0;
        while let Some(source) = self.merging.current() {
            let (key, kind, value) = (source.key(), source.kind(), source.value());
            self.newest = self.newest.max(source.committed());
            bytes += key.len() + value.len() + 16;
            match kind {
                Kind::Put if self.threshold.is_large(value) => {
                    match self.adopted_place(key, source.committed()) {
                        Some(place) => {
                            Stats::add(&self.stats.blob_adopted_bytes, value.len() as u64);
                            self.outputs.add_in_place(out, key, place, value)?;
                        }
                        None => self.outputs.add_large(out, key, value)?,
                    }
                }
                Kind::Put | Kind::Expiring | Kind::Blob => {
                    self.outputs.add(out, key, kind, value)?;
                }
                Kind::Delete if self.depths.cover(key) => {
                    self.outputs.add(out, key, kind, value)?;
                }
                Kind::Delete => {}
                Kind::Merge => {
                    let below = if self.depths.cover(key) { self.below } else { Below::Nothing };
                    let (kind, value) = self.merging.pile()?.into_entry(&self.rules, below);
                    if kind == Kind::Put && self.threshold.is_large(&value) {
                        self.outputs.add_large(out, key, &value)?;
                    } else if kind != Kind::Delete || below != Below::Nothing {
                        self.outputs.add(out, key, kind, &value)?;
                    }
                }
            }
            self.merging.next()?;
            if bytes >= STEP_BYTES {
                return Ok(None);
            }
        }
        Stats::add(&self.stats.blob_bytes, self.outputs.blob_bytes());
        let add = self.outputs.finish(out, SeqNo(self.newest), self.newest)?;
        Ok(Some(Edit { remove: Vec::new(), add }))
    }
}
