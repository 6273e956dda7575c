//! Documents for Python: BSON to and from Python's own objects, and the types that Python lacks.
//!
//! ```text
//! dict, list, str, ... ──[write]──► BSON bytes ──[read]──► dict, list, str, ...
//! ```
//!
//! No tree of values lies between: fields are written as they are met, and objects made as bytes
//! are read. Types without behaviour of their own (`Int64`, `Regex`, ...) are written in Python, in
//! `cuesta.bson`; those of pymongo are known by the same marks, without importing it.
//!
//! Not for: what documents mean to a query.

mod kind;
mod class;
mod raised;
mod foreign;
mod object_id;
mod decimal128;
mod options;
mod name;
mod read;
mod write;
mod codec;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    object_id::register(module)?;
    decimal128::register(module)?;
    codec::register(module)
}
