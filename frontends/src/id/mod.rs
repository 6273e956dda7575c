//! Identifiers: numbers and names that are never given out twice.
//!
//! | generator | gives | ordered by | for |
//! | --- | --- | --- | --- |
//! | [`Sequence`] | 1, 2, 3, … | giving out | one database |
//! | [`Snowflakes`] | 63-bit numbers | time, then node | 1,024 nodes, 4,096 a millisecond each |
//! | [`Uuids`] | UUIDs, version 7 | time | any number of machines |
//! | [`Ulids`] | ULIDs | time | any number of machines |
//!
//! What a generator may give out is reserved durably beforehand, in a key of a keyspace, whatever
//! the durability of the database: so what it gives grows through restarts and crashes, and when
//! the machine's clock steps back. Generators are shared between threads; several of one key at a
//! time never give the same, but each then has an order of its own. A key belongs to the kind of
//! generator, and the epoch of snowflakes, that used it first. Closing one gives back what it
//! has reserved and not given out.
//!
//! ```
//! # fn main() -> cuesta::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = cuesta::Database::open(dir.path())?;
//! use cuesta::id::{Sequence, Ulids};
//!
//! let ids = db.keyspace("ids")?;
//! let orders = Sequence::open(&ids, "orders")?;
//! assert_eq!((orders.give()?, orders.give()?), (1, 2));
//!
//! let events = Ulids::open(&ids, "events")?;
//! let (first, second) = (events.give()?, events.give()?);
//! assert!(first.to_string() < second.to_string());
//! # Ok(())
//! # }
//! ```
//!
//! Not for: secrets. Who knows one identifier may guess others.

mod mark;
mod sequence;
mod clock;
mod snowflake;
mod random;

pub use random::{Ulids, Uuids};
pub use sequence::Sequence;
pub use snowflake::{Snowflake, SnowflakeOptions, Snowflakes};
pub use ulid::Ulid;
pub use uuid::Uuid;
