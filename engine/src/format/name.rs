//! Names of the files in a database directory. All files lie flat in it.
//!
//! | name | content |
//! | --- | --- |
//! | `identity` | who this database is and which features it uses |
//! | `lock` | held by the writer process; names its holder |
//! | `readers` | shared words: published position and pins |
//! | `reader-001` | held by a reader process, which it names |
//! | `manifest-00000001` | the list of indexes and segments |
//! | `0000000001.log` | a log segment |
//! | `0000000001.seg` | a data file with segments of indexes |
//! | `spare-0000000001.log` | a log segment kept for reuse |
//! | `*.tmp` | a file not yet given its name |

use crate::id::{FileId, LogNo};

/// Name of the identity file.
pub const IDENTITY: &str = "identity";
/// Name of the lock file.
pub const LOCK: &str = "lock";
/// Name of the file of shared words.
pub const READERS: &str = "readers";

/// What a file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// `identity`
    Identity,
    /// `lock`
    Lock,
    /// `readers`
    Readers,
    /// `reader-N`
    Reader(u64),
    /// `manifest-N`
    Manifest(u64),
    /// `N.log`
    Log(LogNo),
    /// `spare-N.log`
    Spare(LogNo),
    /// `N.seg`
    Data(FileId),
    /// Anything ending in `.tmp`.
    Temporary,
}

impl FileName {
    /// What `name` says; `None` for a name that is not Cuesta's.
    pub fn parse(name: &str) -> Option<FileName> {
        match name {
            IDENTITY => return Some(FileName::Identity),
            LOCK => return Some(FileName::Lock),
            READERS => return Some(FileName::Readers),
            _ => {}
        }
        if name.ends_with(".tmp") {
            return Some(FileName::Temporary);
        }
        let parsed = if let Some(digits) = name.strip_prefix("reader-") {
            FileName::Reader(number(digits, 3)?)
        } else if let Some(digits) = name.strip_prefix("manifest-") {
            FileName::Manifest(number(digits, 8)?)
        } else if let Some(digits) =
            name.strip_prefix("spare-").and_then(|rest| rest.strip_suffix(".log"))
        {
            FileName::Spare(LogNo(number(digits, 10)?))
        } else if let Some(digits) = name.strip_suffix(".log") {
            FileName::Log(LogNo(number(digits, 10)?))
        } else {
            FileName::Data(FileId(number(name.strip_suffix(".seg")?, 10)?))
        };
        Some(parsed)
    }
}

fn number(digits: &str, width: usize) -> Option<u64> {
    if digits.len() < width || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Name of the file that the owner of slot `number` of the readers has locked.
pub fn reader(number: usize) -> String {
    format!("reader-{number:03}")
}

/// Name of manifest file `number`.
pub fn manifest(number: u64) -> String {
    format!("manifest-{number:08}")
}

/// Name of log segment `number`.
pub fn log(number: LogNo) -> String {
    format!("{:010}.log", number.0)
}

/// Name under which log segment `number` waits for reuse.
pub fn spare_log(number: LogNo) -> String {
    format!("spare-{:010}.log", number.0)
}

/// Name of data file `id`.
pub fn data(id: FileId) -> String {
    format!("{:010}.seg", id.0)
}
