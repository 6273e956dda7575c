//! What reader processes are shown, and what is left of those that died.

use super::Parts;
use crate::stats::Stats;
use crate::tail::Tail;

impl Parts {
    /// Shows reader processes what is published, as far as they can read it; the caller holds the
    /// tail.
    pub fn show(&self, tail: &Tail) {
        let shown = self.published().min(tail.log.written_seq());
        self.pins.shared().show_published(shown, tail.log.clock_ms());
    }

    /// Frees the slots of reader processes that died.
    pub fn reclaim_readers(&self) {
        let freed = self.pins.shared().reclaim(self.env.vfs(), &self.dir);
        Stats::add(&self.stats.readers_died, freed as u64);
    }
}
