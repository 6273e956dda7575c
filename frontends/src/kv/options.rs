//! How a keyspace lies on disk.

use cuesta_engine::format::Codec;
use cuesta_indexes::lsm;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: read in place from mapped files.
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

/// Options of a keyspace, fixed when it is created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceOptions {
    lsm: lsm::Options,
}

impl KeyspaceOptions {
    /// The defaults: upper levels uncompressed, LZ4 below, 10 filter bits per key.
    pub fn new() -> KeyspaceOptions {
        KeyspaceOptions::default()
    }

    /// Compresses all levels alike.
    pub fn compression(mut self, compression: Compression) -> KeyspaceOptions {
        self.lsm.codecs.fill(codec(compression));
        self
    }

    /// Compresses one level: 0 is what was just flushed, 6 the oldest data. There is nothing
    /// beyond 6.
    pub fn compression_of(mut self, level: usize, compression: Compression) -> KeyspaceOptions {
        if let Some(of_level) = self.lsm.codecs.get_mut(level) {
            *of_level = codec(compression);
        }
        self
    }

    /// Bytes of a block before compression, 256 to 1 MiB; 8 KiB by default. Larger blocks
    /// compress better and make reading single keys slower.
    pub fn block_bytes(mut self, bytes: u32) -> KeyspaceOptions {
        self.lsm.block_bytes = bytes;
        self
    }

    /// Filter bits per key, 0 to 32; 10 by default. Each 5 more bits make a needless read about
    /// ten times rarer.
    pub fn filter_bits(mut self, bits: u8) -> KeyspaceOptions {
        self.lsm.filter_bits = bits;
        self
    }

    /// Values of at least so many bytes lie apart from their keys, so that merging keys does not
    /// move them: 16 KiB by default, at least 1 KiB; 0 is never.
    pub fn blob_threshold(mut self, bytes: u32) -> KeyspaceOptions {
        self.lsm.blob_threshold = bytes;
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.lsm.encode()
    }
}

fn codec(compression: Compression) -> Codec {
    match compression {
        Compression::None => Codec::None,
        Compression::Lz4 => Codec::Lz4,
        Compression::Zstd => Codec::Zstd,
    }
}
