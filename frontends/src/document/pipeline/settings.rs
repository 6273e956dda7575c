//! What a pipeline runs with: the moment, the collections, memory, and where it may spill.

use std::path::PathBuf;
use std::sync::Arc;

use super::rows::Sources;
use crate::Result;
use crate::document::expression::Context;
use crate::document::failure;
use crate::env::Env;

/// Where stages put what does not fit into their memory.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The world that files are made in.
    pub env: Arc<dyn Env>,
    /// The folder for them, which is made when there is none. Files are removed when they are no
    /// longer needed; what a crash leaves behind ends in [`Disk::SUFFIX`].
    pub folder: PathBuf,
}

impl Disk {
    /// The end of the names of files that were spilled.
    pub const SUFFIX: &'static str = ".spill";
}

/// What a pipeline runs with.
#[derive(Clone)]
pub struct Settings {
    /// The moment, variables from outside, randomness.
    pub context: Arc<Context>,
    /// The collections.
    pub sources: Arc<dyn Sources>,
    /// How many bytes a stage such as `$sort` or `$group` may hold before it spills.
    pub memory_max: usize,
    /// Where stages spill; `None` forbids it.
    pub disk: Option<Disk>,
}

impl Settings {
    /// As much memory as stages may have unless they are told otherwise.
    pub const MEMORY_MAX: usize = 100 << 20;

    /// The same settings with other variables from outside.
    pub(super) fn with_context(&self, context: Context) -> Settings {
        Settings { context: Arc::new(context), ..self.clone() }
    }

    /// Where to spill; the error names the stage that would.
    pub(super) fn disk_for(&self, stage: &str) -> Result<&Disk> {
        self.disk.as_ref().ok_or_else(|| {
            failure::exceeded_memory_limit_without_disk(format!(
                "{stage} needs more than the {} bytes that it may have in memory, and \
                 allowDiskUse is false",
                self.memory_max
            ))
        })
    }
}
