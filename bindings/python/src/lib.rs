//! Cuesta for Python: the native module `cuesta._cuesta`, from which the package `cuesta` takes
//! all it has.
//!
//! Not for logic: what Python can do, Rust can. A function converts its arguments, detaches from
//! the interpreter, calls the crate `cuesta`, and converts the result.
//!
//! Invariants:
//! 1. Nothing that may read, write or wait happens while attached: other Python threads run.
//! 2. A lock is never waited for while attached, and no Python code runs under one.
//! 3. A handle keeps what it needs alive; whatever is dropped first, nothing dangles.

mod error;
mod own;
mod buffer;
mod convert;
mod document;
mod open;
mod operator;
mod waiting;
mod scan;
mod watch;
mod keyspace;
mod id;
mod snapshot;
mod handle;
mod batch;
mod load;
mod transaction;
mod feed;
mod keep;
mod repair;
mod report;
mod cache;
mod database;

use pyo3::prelude::*;

#[pymodule]
fn _cuesta(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    error::register(module)?;
    own::register(module)?;
    document::register(module)?;
    scan::register(module)?;
    keyspace::register(module)?;
    watch::register(module)?;
    id::register(module)?;
    snapshot::register(module)?;
    handle::register(module)?;
    batch::register(module)?;
    load::register(module)?;
    transaction::register(module)?;
    feed::register(module)?;
    keep::register(module)?;
    repair::register(module)?;
    report::register(module)?;
    cache::register(module)?;
    database::register(module)
}
