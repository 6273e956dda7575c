//! Makes blocks.

use cuesta_engine::format::{put_u16, put_u32, put_u64, put_varint};

use super::{FLAG_KINDS, HEADER_BYTES, INTERVAL_MAX, KEY_BYTES_MAX, Kind};
use crate::ordered::order;

struct Pending {
    /// Bytes in common with the key before, the block's prefix included; 0 at restarts.
    shared: u32,
    rest: u32,
    value: u32,
    kind: Kind,
}

/// Collects entries in ascending order of their keys and writes them as a block. Can be used again
/// after [`Builder::finish`], and keeps its memory.
pub(in crate::lsm) struct Builder {
    interval: usize,
    entries: Vec<Pending>,
    /// Whole keys at restarts, else what the key before lacks.
    keys: Vec<u8>,
    values: Vec<u8>,
    last: Vec<u8>,
    first_len: usize,
    encoded_keys: Vec<u8>,
    starts: Vec<(u32, u32)>,
    kinds: bool,
}

/// The most that the fields of an entry take besides its bytes.
const ENTRY_FIELDS_MAX: usize = 3 + 3 + 1 + 5;

impl Builder {
    /// A block with a restart every `interval` entries.
    pub(in crate::lsm) fn new(interval: usize) -> Builder {
        Builder {
            interval: interval.clamp(1, INTERVAL_MAX),
            entries: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            last: Vec::new(),
            first_len: 0,
            encoded_keys: Vec::new(),
            starts: Vec::new(),
            kinds: false,
        }
    }

    /// Whether nothing was added since it was made or finished.
    pub(in crate::lsm) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The key added last; empty at first.
    pub(in crate::lsm) fn last_key(&self) -> &[u8] {
        &self.last
    }

    /// About how long the block would be with one more entry of this size; never too little by
    /// more than a tenth.
    pub(in crate::lsm) fn size_with(&self, key: &[u8], value_len: usize) -> usize {
        let restarts = self.entries.len() / self.interval + 1;
        let fixed = HEADER_BYTES + restarts * 16 + (self.entries.len() + 1) * 4;
        fixed + self.keys.len() + self.values.len() + key.len() + value_len
    }

    /// Adds an entry. The caller has checked that the key is greater than the last, at most
    /// 65,535 bytes long, and the value below 4 GiB.
    pub(in crate::lsm) fn add(&mut self, key: &[u8], kind: Kind, value: &[u8]) {
        assert!(key.len() <= KEY_BYTES_MAX, "a key of {} bytes in a block", key.len());
        let restart = self.entries.len().is_multiple_of(self.interval);
        let shared = if restart { 0 } else { order::common_prefix(&self.last, key) };
        if self.entries.is_empty() {
            self.first_len = key.len();
        }
        self.keys.extend_from_slice(&key[shared..]);
        self.values.extend_from_slice(value);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
        self.kinds |= kind != Kind::Put;
        self.entries.push(Pending {
            shared: shared as u32,
            rest: (key.len() - shared) as u32,
            value: u32::try_from(value.len()).unwrap_or(u32::MAX),
            kind,
        });
    }

    /// Appends the block to `out` and starts a new one.
    pub(in crate::lsm) fn finish(&mut self, out: &mut Vec<u8>) {
        assert!(!self.entries.is_empty(), "a block without entries");
        let prefix = order::common_prefix(&self.keys[..self.first_len], &self.last);
        self.encode_keys(prefix);
        out.reserve(self.size_with(&[], 0) + ENTRY_FIELDS_MAX);
        put_u32(out, self.entries.len() as u32);
        put_u32(out, self.starts.len() as u32);
        put_u32(out, self.encoded_keys.len() as u32);
        put_u16(out, prefix as u16);
        out.push(if self.kinds { FLAG_KINDS } else { 0 });
        out.push(0);
        out.extend_from_slice(&self.keys[..prefix]);
        self.put_heads(prefix, out);
        for &(key, value) in &self.starts {
            put_u32(out, key);
            put_u32(out, value);
        }
        out.extend_from_slice(&self.encoded_keys);
        out.extend_from_slice(&self.values);
        self.clear();
    }

    fn encode_keys(&mut self, prefix: usize) {
        let (mut key_at, mut value_at) = (0, 0u64);
        for (i, entry) in self.entries.iter().enumerate() {
            let restart = i % self.interval == 0;
            // Behind a restart at least the prefix is shared; at one, the whole key lies here.
            let (shared, skipped) =
                if restart { (0, prefix) } else { (entry.shared as usize - prefix, 0) };
            if restart {
                self.starts.push((self.encoded_keys.len() as u32, value_at as u32));
            }
            let rest = &self.keys[key_at + skipped..key_at + entry.rest as usize];
            put_varint(&mut self.encoded_keys, shared as u64);
            put_varint(&mut self.encoded_keys, rest.len() as u64);
            if self.kinds {
                self.encoded_keys.push(entry.kind as u8);
            }
            put_varint(&mut self.encoded_keys, u64::from(entry.value));
            self.encoded_keys.extend_from_slice(rest);
            key_at += entry.rest as usize;
            value_at += u64::from(entry.value);
        }
    }

    fn put_heads(&self, prefix: usize, out: &mut Vec<u8>) {
        let mut key_at = 0;
        for (i, entry) in self.entries.iter().enumerate() {
            let end = key_at + entry.rest as usize;
            if i % self.interval == 0 {
                put_u64(out, order::head(&self.keys[key_at + prefix..end]));
            }
            key_at = end;
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.keys.clear();
        self.values.clear();
        self.last.clear();
        self.encoded_keys.clear();
        self.starts.clear();
        self.kinds = false;
    }
}
