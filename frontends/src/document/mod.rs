//! Documents: MongoDB's data model and query language on Cuesta's keyspaces.
//!
//! The order of the modules below is that of their layers; each uses only earlier ones.
//!
//! - [`failure`] puts MongoDB's error codes into Cuesta's errors.
//! - [`value`] is what documents are made of: BSON values, their bytes and their order.
//! - [`pattern`] is regular expressions, compiled.
//! - [`expression`] computes values out of documents.
//! - [`filter`] says whether documents match a query.
//! - [`projection`] says which fields are given.
//! - [`update`] changes documents.
//! - [`pipeline`] aggregates them, stage by stage.
//! - [`compatibility`] lists what there is of MongoDB's language.
//! - [`IndexModel`] says what an index is to be.
//! - [`Collection`] stores documents and keeps their indexes; [`Documents`] has all collections.
//!
//! Not for: how keys lie on disk, which the keyspaces know.

pub mod failure;
pub mod value;
pub mod pattern;
pub mod expression;
pub mod filter;
pub mod projection;
pub mod update;
pub mod pipeline;
pub mod compatibility;
mod catalog;
mod index;
mod plan;
mod collection;
mod find;

#[cfg(test)]
mod tests;

pub use catalog::{Access, IndexModel};
pub use collection::{
    BuildProgress, Collection, DocumentDatabase, Documents, Inserted, Ordering, Target, WriteError,
};
pub use find::{
    DocumentCursor, FindOptions, FoundAndChanged, Hint, Return, UpdateOptions, Updated,
};
