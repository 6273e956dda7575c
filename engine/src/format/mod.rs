//! How bytes lie in files: integers, lengths, checksums. Little-endian throughout.
//!
//! Not for: what the bytes mean.

pub mod bytes;
pub mod checksum;
pub mod compress;
pub mod name;

pub use bytes::{Reader, put_bytes, put_u16, put_u32, put_u64, put_varint, varint_len};
pub use checksum::{Crc, crc32, crc32_seeded};
pub use compress::Codec;
