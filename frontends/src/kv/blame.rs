//! Which keyspace an error is about, and what can be done about it.
//!
//! Not for: errors of commits, which the engine names itself.

use cuesta_engine::IndexId;
use cuesta_engine::version::View;

use crate::{Error, ErrorKind};

/// What can be done when a read meets damage.
const DAMAGED: &str = "`cuesta verify` lists all damage, `cuesta repair` saves what is intact";

/// An error met in the keyspace `name`.
#[cold]
pub(super) fn in_keyspace(error: Error, name: &str) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::not_found(format!(
            "keyspace {name:?} was dropped, or is newer than the snapshot"
        )),
        ErrorKind::Corrupt => error.context(format_args!("keyspace {name:?}")).advice(DAMAGED),
        // Operands that do not fit the value that they met.
        ErrorKind::Invalid => error.context(format_args!("keyspace {name:?}")),
        _ => error,
    }
}

/// An error met while walking through an index.
#[cold]
pub(super) fn in_view(error: Error, view: &View, id: IndexId) -> Error {
    if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid) {
        return error;
    }
    match view.catalog().ok().and_then(|catalog| Some(catalog.get(id)?.name.clone())) {
        Some(name) => in_keyspace(error, &name),
        None if error.kind() == ErrorKind::Invalid => error,
        None => error.advice(DAMAGED),
    }
}
