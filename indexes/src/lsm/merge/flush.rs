//! A flush: frozen memtables become one sorted run in level 0.

use std::sync::Arc;

use cuesta_engine::SeqNo;
use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::index::{Edit, Work};
use cuesta_engine::stats::Stats;

use super::output::Outputs;
use super::run::{Depths, STEP_BYTES};
use super::tree::Sizes;
use crate::lsm::kind::Kind;
use crate::lsm::layout::Run;
use crate::lsm::memtable::Memtable;
use crate::lsm::merging::Merging;
use crate::lsm::operand::{Below, Rules};
use crate::lsm::options::Threshold;
use crate::lsm::segment::Shape;
use crate::lsm::source::Source;

/// Writes the newest version of every key of some memtables, and operands merged as far as they
/// can be.
pub(in crate::lsm) struct FlushWork {
    merging: Merging,
    outputs: Outputs,
    depths: Depths,
    threshold: Threshold,
    stats: Arc<Stats>,
    /// What operands have below them where something is below.
    below: Below,
    rules: Arc<Rules>,
    newest: u64,
    begun: bool,
}

impl FlushWork {
    /// Flushes `frozen`, oldest first, on top of the runs `below`. A tombstone that meets no
    /// segment hides nothing and is left out. Operands that have something below them may have
    /// what `operands_below` says.
    pub(in crate::lsm) fn new(
        frozen: &[Arc<Memtable>],
        below: Vec<Arc<Run>>,
        (rules, operands_below): (Arc<Rules>, Below),
        shape: Shape,
        sizes: &Sizes,
        threshold: Threshold,
        stats: Arc<Stats>,
    ) -> FlushWork {
        let newest_first = frozen.iter().rev();
        let source = |memtable: &Arc<Memtable>| Source::Memtable(memtable.tree().cursor(u64::MAX));
        FlushWork {
            merging: Merging::new(newest_first.map(source).collect()),
            // Level 0 is merged whole: larger segments there cost nothing.
            outputs: Outputs::new(shape, 0, sizes.segment_bytes * 2, sizes.blob_file_bytes()),
            depths: Depths::new(below),
            threshold,
            stats,
            below: operands_below,
            rules,
            newest: 0,
            begun: false,
        }
    }
}

impl Work for FlushWork {
    fn memory(&self) -> usize {
        self.outputs.memory()
    }

    fn step(&mut self, out: &mut dyn Output) -> Result<Option<Edit>> {
        if !self.begun {
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
                    self.outputs.add_large(out, key, value)?;
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
