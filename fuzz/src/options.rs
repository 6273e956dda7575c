//! Options of an index of ordered keys, as the catalog holds them.
//!
//! ```text
//! input | the bytes of the options
//! ```

use cuesta_engine::index::{IndexType, Services};
use cuesta_indexes::lsm::{Lsm, Options};

/// Reads the input as options and makes an index with them.
///
/// Asserts that options come back as the same bytes, but for those of the first version and for
/// none at all, which are the defaults; and that an index is made exactly when they are good.
pub fn bytes_options(bytes: &[u8]) {
    let decoded = Options::decode(bytes);
    let made = Lsm::configure(bytes, &services(4096));
    match (decoded, made) {
        (Ok(options), Ok(index)) => {
            assert_eq!(*index.options(), options);
            let encoded = options.encode();
            // The first version ended earlier, and is written as the second.
            let same = match bytes {
                [] => true,
                [1, rest @ ..] => encoded[1..].starts_with(rest),
                _ => encoded == bytes,
            };
            assert!(same, "options were read as other bytes");
            assert_eq!(Options::decode(&encoded).expect("options written"), options);
        }
        (Err(read), Err(make)) => assert_eq!(read.kind(), make.kind()),
        (decoded, made) => panic!("decoded {decoded:?}, made {:?}", made.map(|_| "an index")),
    }
}

/// What an index gets from a database with memtables of so many bytes.
pub(crate) fn services(memtable_bytes: u64) -> Services {
    Services::alone(1 << 20, memtable_bytes)
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let defaults = Options::default();
    let other =
        Options { block_bytes: 256, restart_interval: 1, filter_bits: 0, ..defaults.clone() };
    vec![Vec::new(), defaults.encode(), other.encode()]
}
