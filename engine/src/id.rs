//! The numbers that name things, each a type of its own.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number after this one.
            pub fn next(self) -> $name {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A place in the commit order. The first commit is 1; 0 is before all.
    SeqNo(u64)
}
id! {
    /// An index of a database; never reused. 0 is the catalog of indexes itself.
    IndexId(u32)
}
id! {
    /// A segment of an index; never reused within a database.
    SegmentId(u64)
}
id! {
    /// A data file; never reused within a database.
    FileId(u64)
}
id! {
    /// A manifest edit, counted from 1 over the life of a database.
    EditNo(u64)
}
id! {
    /// A log segment, counted from 1 over the life of a database; also the generation that its
    /// checksums are tied to.
    LogNo(u64)
}
id! {
    /// A byte of the log as if it were one endless file; the bytes of headers and of cut tails do
    /// not count.
    LogPos(u64)
}

impl IndexId {
    /// The catalog: operations for it create, rename and drop indexes.
    pub const CATALOG: IndexId = IndexId(0);
}

impl SeqNo {
    /// Later than every commit.
    pub const MAX: SeqNo = SeqNo(u64::MAX);
}

/// Where in the files of the log some bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogPlace {
    /// The segment.
    pub log: LogNo,
    /// Byte of its file.
    pub offset: u64,
}
