//! The exceptions of `cuesta.errors`, which have the names that pymongo has for them.

use pyo3::prelude::*;
use pyo3::types::PyType;

/// An exception of `cuesta.errors` by the name of its class.
pub fn raised(py: Python<'_>, class: &str, message: String) -> PyErr {
    match named(py, class) {
        Ok(class) => PyErr::from_type(class, message),
        Err(lacking) => lacking,
    }
}

fn named<'py>(py: Python<'py>, class: &str) -> PyResult<Bound<'py, PyType>> {
    Ok(py.import("cuesta.errors")?.getattr(class)?.cast_into()?)
}
