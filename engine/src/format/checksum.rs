//! CRC-32 (IEEE 802.3) of stored bytes.
//!
//! A seed ties a checksum to its place: a record left over from an earlier life of a recycled file
//! was computed under another seed and does not validate.

/// A checksum under construction.
#[derive(Clone, Debug, Default)]
pub struct Crc(crc32fast::Hasher);

impl Crc {
    /// Starts a checksum that is tied to nothing: that of [`crc32`].
    pub fn new() -> Crc {
        Crc::default()
    }

    /// Starts a checksum tied to `seed`, which is taken in as eight little-endian bytes.
    pub fn seeded(seed: u64) -> Crc {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Crc(hasher)
    }

    /// Takes in `bytes`.
    pub fn update(mut self, bytes: &[u8]) -> Crc {
        self.0.update(bytes);
        self
    }

    /// The checksum.
    pub fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// The checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The checksum of `bytes` tied to `seed`.
pub fn crc32_seeded(seed: u64, bytes: &[u8]) -> u32 {
    Crc::seeded(seed).update(bytes).finish()
}
