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
use crate::lsm::block::Kind;
use crate::lsm::layout::Run;
use crate::lsm::memtable::Memtable;
use crate::lsm::merging::Merging;
use crate::lsm::options::Threshold;
use crate::lsm::segment::Shape;
use crate::lsm::source::Source;

/// Writes the newest version of every key of some memtables.
pub(in crate::lsm) struct FlushWork {
    merging: Merging,
    outputs: Outputs,
    depths: Depths,
    threshold: Threshold,
    stats: Arc<Stats>,
    newest: u64,
    begun: bool,
}

impl FlushWork {
    /// Flushes `frozen`, oldest first, on top of the runs `below`. A tombstone that meets no
    /// segment hides nothing and is left out.
    pub(in crate::lsm) fn new(
        frozen: &[Arc<Memtable>],
        below: Vec<Arc<Run>>,
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
            if kind == Kind::Put && self.threshold.is_large(value) {
                self.outputs.add_large(out, key, value)?;
            } else if kind != Kind::Delete || self.depths.cover(key) {
                self.outputs.add(out, key, kind, value)?;
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
