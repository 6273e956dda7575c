//! A bulk load: operations in the order of their keys become a tree in a file of its own.

use cuesta_engine::error::Result;
use cuesta_engine::file::Output;
use cuesta_engine::index::{Load, SegmentMeta};

use super::flush::meta_of;
use super::paper::Paper;
use super::rebuild::Rebuild;
use crate::btree::segment::detail::{Detail, Facts};
use crate::ordered::loading;
use crate::ordered::op::Ops;

/// Writes the tree.
pub(in crate::btree) struct LoadWork {
    page_bytes: usize,
    fill_percent: usize,
    /// Made by the first key.
    rebuild: Option<Rebuild>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl LoadWork {
    /// A tree of such pages, filled so far.
    pub(in crate::btree) fn new(page_bytes: usize, fill_percent: usize) -> LoadWork {
        LoadWork { page_bytes, fill_percent, rebuild: None, first: Vec::new(), last: Vec::new() }
    }
}

impl Load for LoadWork {
    fn add(&mut self, ops: &[u8], out: &mut dyn Output) -> Result<()> {
        loading::check(ops, self.rebuild.as_ref().map(|_| self.last.as_slice()))?;
        for op in Ops::new(ops) {
            let op = op?;
            let key = op.key();
            let rebuild = match &mut self.rebuild {
                Some(rebuild) => rebuild,
                none => {
                    self.first = key.to_vec();
                    let paper = Paper::create(out, self.page_bytes)?;
                    let nothing = (0, Facts::default());
                    let fill = self.fill_percent;
                    none.insert(Rebuild::new(None, nothing, paper, fill, Vec::new()))
                }
            };
            rebuild.set(key, Some(op.entry()), out)?;
            self.last.clear();
            self.last.extend_from_slice(key);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Output) -> Result<Vec<SegmentMeta>> {
        match &mut self.rebuild {
            Some(rebuild) => {
                let mut meta = meta_of(rebuild, out)?;
                Detail::put_keys(&mut meta.detail, &self.first, &self.last);
                Ok(vec![meta])
            }
            None => Ok(Vec::new()),
        }
    }

    fn memory(&self) -> usize {
        self.rebuild.as_ref().map_or(0, Rebuild::memory)
    }
}
