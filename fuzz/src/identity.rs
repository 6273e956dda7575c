//! Identity files.
//!
//! ```text
//! input    | switches u8 | bytes of the file
//! switch 0 | the checksum is made right
//! ```

use cuesta_engine::env::sim::{SimDisk, SimEnv};
use cuesta_engine::format::{crc32, name};
use cuesta_engine::identity::{self, BYTES, Found, Identity};

use crate::input::{self, put_u32_at};

const CHECKSUM: u32 = 0;

/// Reads the input as an identity file.
///
/// Asserts that an identity without features of other versions comes back as the same bytes, and
/// that a directory with the file holds a database exactly when the bytes are one.
pub fn bytes_identity(bytes: &[u8]) {
    let (switches, rest) = input::switches(bytes);
    let mut file = rest.to_vec();
    if switches.on(CHECKSUM)
        && let Some(covered) = file.get(..BYTES - 4)
    {
        let crc = crc32(covered);
        put_u32_at(&mut file, BYTES - 4, crc);
    }
    let decoded = Identity::decode(&file);
    if let Ok(identity) = &decoded {
        assert_eq!(identity.incompatible, 0, "an unknown feature was accepted");
        let writable = identity.check_writable();
        assert_eq!(writable.is_ok(), identity.read_only_compatible == 0);
        // A feature that any version may ignore may use bytes that are reserved in this one.
        if identity.compatible == 0 && identity.read_only_compatible == 0 {
            assert_eq!(identity.encode(), file, "an identity was read as other bytes");
        }
    }
    let (disk, dir) = (SimDisk::new(), input::dir());
    disk.write_file(dir.join(name::IDENTITY), &file);
    match (identity::find(&*disk, dir), decoded) {
        (Ok(found), Ok(identity)) => assert_eq!(found, Found::Database(identity)),
        (Err(found), Err(read)) => assert_eq!(found.kind(), read.kind()),
        (found, read) => panic!("in the directory {found:?}, in the bytes {read:?}"),
    }
}

pub(crate) fn samples() -> Vec<Vec<u8>> {
    let identity = Identity::new(&*SimEnv::new(1)).encode();
    let stored = include_bytes!("../../engine/tests/formats/identity-v1");
    let with = |switches: u8, bytes: &[u8]| [&[switches][..], bytes].concat();
    vec![with(0, &identity), with(1 << CHECKSUM, &identity), with(1 << CHECKSUM, stored)]
}
