//! The stores, one file each.

mod cuesta;
mod fjall;
mod lmdb;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod sqlite;
mod surrealkv;

pub use cuesta::{Btree, Cuesta, Lsm};
pub use fjall::Fjall;
pub use lmdb::Lmdb;
pub use redb::Redb;
#[cfg(feature = "rocksdb")]
pub use rocksdb::RocksDb;
pub use sqlite::Sqlite;
pub use surrealkv::SurrealKv;
