//! The option sets: each changes something about the same small database.

use cuesta::{Builder, Compression, Durability, KeyspaceEngine, KeyspaceOptions};
use cuesta_engine::format::Codec;

/// Where files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    Simulated,
    /// Simulated, and files are read, not mapped.
    Unmapped,
    Real,
    RealUnmapped,
}

/// One way to set up a database.
pub struct Set {
    pub name: &'static str,
    pub disk: Disk,
    /// The most steps of background work between two operations.
    pub steps: u64,
    pub open: fn(Builder) -> Builder,
    pub layout: fn(KeyspaceOptions) -> KeyspaceOptions,
}

impl Set {
    pub fn is_real(&self) -> bool {
        matches!(self.disk, Disk::Real | Disk::RealUnmapped)
    }

    /// Settings to open a database with.
    pub fn builder(&self) -> Builder {
        let small = |builder: Builder| {
            builder.memory_budget(4 << 20).durability(Durability::Buffered).engine_options(
                |options| {
                    options.memtable_limit = Some(16 << 10);
                    options.log.segment_bytes = 64 << 10;
                    options.log.zero_ahead_bytes = 4 << 10;
                    options.view_budget = 1 << 30;
                },
            )
        };
        (self.open)(small(cuesta::Database::builder()))
    }

    /// Options of a keyspace.
    pub fn keyspace(&self, operator: &str, ttl_ms: u64) -> KeyspaceOptions {
        let ttl = std::time::Duration::from_millis(ttl_ms);
        let plain = KeyspaceOptions::new().merge_operator(operator).ttl(ttl);
        (self.layout)(plain.layout(|options| options.block_bytes = 512))
    }
}

const fn set(name: &'static str) -> Set {
    Set { name, disk: Disk::Simulated, steps: 2, open: |builder| builder, layout: |space| space }
}

const fn opened(name: &'static str, open: fn(Builder) -> Builder) -> Set {
    Set { open, ..set(name) }
}

const fn laid_out(name: &'static str, layout: fn(KeyspaceOptions) -> KeyspaceOptions) -> Set {
    Set { layout, ..set(name) }
}

fn memtables(builder: Builder, bytes: u64) -> Builder {
    builder.engine_options(|options| options.memtable_limit = Some(bytes))
}

fn log_segments(builder: Builder, bytes: u64) -> Builder {
    builder.engine_options(|options| {
        options.log.segment_bytes = bytes;
        options.log.zero_ahead_bytes = 1 << 10;
    })
}

fn by_level(mut space: KeyspaceOptions) -> KeyspaceOptions {
    let all = [Compression::None, Compression::Zstd, Compression::Lz4];
    for level in 0..7 {
        space = space.compression_of(level, all[level % 3]);
    }
    space
}

/// Everything as small as can be.
fn tiny(builder: Builder) -> Builder {
    let builder = memtables(log_segments(builder, 4 << 10), 1 << 10);
    builder.memory_budget(1 << 20).snapshot_budget(1 << 30).engine_options(|options| {
        options.manifest_bytes = 512;
        options.close_flush_bytes = 0;
        options.log_limit = Some(8 << 10);
    })
}

fn tiny_blocks(space: KeyspaceOptions) -> KeyspaceOptions {
    let space = space.block_bytes(256).blob_threshold(1 << 10);
    space.layout(|options| options.restart_interval = 2)
}

fn tree(space: KeyspaceOptions) -> KeyspaceOptions {
    space.engine(KeyspaceEngine::Btree)
}

fn tiny_pages(space: KeyspaceOptions) -> KeyspaceOptions {
    tree(space).page_bytes(1 << 10).fill_percent(60)
}

pub static SETS: [Set; 38] = [
    Set { steps: 0, ..opened("defaults", |_| cuesta::Database::builder()) },
    set("small"),
    Set { steps: 20, ..set("background work that never rests") },
    Set { steps: 0, ..set("background work when it is waited for") },
    opened("least memory", |b| b.memory_budget(1 << 20).snapshot_budget(1 << 30)),
    opened("much memory", |b| b.memory_budget(512 << 20)),
    opened("strict memory", |b| b.memory_budget(64 << 20).strict_memory()),
    opened("memtables of 2 KiB", |b| memtables(b, 2 << 10)),
    opened("memtables of 8 MiB", |b| memtables(b, 8 << 20)),
    opened("log segments of 4 KiB", |b| log_segments(b, 4 << 10)),
    opened("log segments of 1 MiB", |b| log_segments(b, 1 << 20)),
    opened("one background thread", |b| b.background_threads(1)),
    opened("eight background threads", |b| b.background_threads(8)),
    opened("slow background work", |b| b.background_rate(1 << 20)),
    opened("durability sync", |b| b.durability(Durability::Sync)),
    opened("durability interval", |b| b.durability(Durability::Interval)),
    opened("durability none", |b| b.durability(Durability::None)),
    opened("all of the log is kept", |b| b.log_retention_bytes(1 << 30)),
    opened("scrubbing", |b| b.scrub(1 << 20)),
    laid_out("blocks of 256 bytes", |s| s.block_bytes(256)),
    laid_out("blocks of 64 KiB", |s| s.block_bytes(64 << 10)),
    laid_out("a restart at every entry", |s| s.layout(|o| o.restart_interval = 1)),
    laid_out("a restart at every 64th entry", |s| s.layout(|o| o.restart_interval = 64)),
    laid_out("no filters", |s| s.filter_bits(0)),
    laid_out("filters of 20 bits", |s| s.filter_bits(20)),
    laid_out("no compression", |s| s.compression(Compression::None)),
    laid_out("lz4", |s| s.layout(|o| o.codecs.fill(Codec::Lz4))),
    laid_out("another codec at each level", by_level),
    laid_out("no values apart", |s| s.blob_threshold(0)),
    Set { disk: Disk::Unmapped, ..laid_out("zstd, read", |s| s.compression(Compression::Zstd)) },
    Set { layout: tiny_blocks, steps: 6, ..opened("tiny", tiny) },
    Set { disk: Disk::Real, layout: tiny_blocks, ..opened("tiny on a disk", tiny) },
    Set { disk: Disk::RealUnmapped, ..laid_out("read from a disk", |s| s.blob_threshold(1 << 10)) },
    laid_out("trees", tree),
    laid_out("trees of full pages of 64 KiB", |s| tree(s).page_bytes(64 << 10).fill_percent(100)),
    Set { disk: Disk::Unmapped, ..laid_out("trees, read", tree) },
    Set { layout: tiny_pages, steps: 6, ..opened("tiny trees", tiny) },
    Set { disk: Disk::Real, layout: tiny_pages, ..opened("tiny trees on a disk", tiny) },
];
