//! What all index types of ordered keys share: operations, what is in memory, what entries mean,
//! and questions.
//!
//! ```text
//!             prepare                 apply
//! operations ─────────► operations ─────────► memtable ┐
//!                                                      ├─► source ─► merging ─► query
//!                    segments of the index type: walk ─┘
//! ```
//!
//! A type is one by implementing [`Ordered`]: how its segments are looked into and walked over.
//!
//! Not for: how keys lie in files.

pub(crate) mod span;
pub(crate) mod kind;
pub(crate) mod expiry;
pub(crate) mod fields;
pub(crate) mod threshold;
pub mod op;
pub(crate) mod operator;
pub(crate) mod operand;
pub(crate) mod prepare;
pub(crate) mod cover;
pub mod memtable;
pub(crate) mod order;
pub(crate) mod value;
pub(crate) mod gaps;
pub(crate) mod saving;
mod stored;
pub(crate) mod source;
pub(crate) mod merging;
mod front;
pub(crate) mod loading;
mod loaded;
mod query;
mod factory;

pub use factory::Factory;
pub use kind::Kind;
pub use loaded::Loaded;
pub use operator::{MergeOperator, Operators};
pub use query::{Cursor, Reader};
pub use stored::{Covering, Found, Ordered, Walk};
pub use value::Value;

/// What the operations of all these types are called.
pub(crate) const OPERATIONS: &str = "ordered keys";
