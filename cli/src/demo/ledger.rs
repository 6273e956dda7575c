//! How much was copied, in a form that two processes can compare.

use std::fmt;
use std::str::FromStr;

/// Entries, and a checksum of all of their keys and values in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Entries.
    pub rows: u64,
    /// CRC-32 of all keys and values, each with its length before it.
    pub checksum: u32,
}

impl Ledger {
    /// Adds an entry.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.checksum);
        for bytes in [key, value] {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        self.checksum = hasher.finalize();
        self.rows += 1;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:08x}", self.rows, self.checksum)
    }
}

impl FromStr for Ledger {
    type Err = String;

    fn from_str(text: &str) -> Result<Ledger, String> {
        let read = || {
            let (rows, checksum) = text.split_once(':')?;
            let checksum = u32::from_str_radix(checksum, 16).ok()?;
            Some(Ledger { rows: rows.parse().ok()?, checksum })
        };
        read().ok_or_else(|| format!("{text:?} is not ROWS:CHECKSUM"))
    }
}
