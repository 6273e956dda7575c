//! Merge operators that are written in Python.
//!
//! They are called by threads of the database as well, and while locks are held. That is no
//! deadlock, because nobody waits for these locks while attached.

use std::sync::Arc;

use cuesta::{Builder, Error, MergeOperator, Result};
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::convert::Bytes;
use crate::error::Outcome;

/// An operator: a function, or an object with methods.
struct Operator {
    name: String,
    merge: Py<PyAny>,
    check: Option<Py<PyAny>>,
    combine: Option<Py<PyAny>>,
}

/// Has a builder know the operators of a dict, which are there by name.
pub fn register_all(mut builder: Builder, operators: &Bound<'_, PyDict>) -> Outcome<Builder> {
    for (name, operator) in operators {
        let name: String = name.extract()?;
        let method = |name| operator.getattr_opt(name).map(|found| found.map(Bound::unbind));
        let (merge, check, combine) = (method("merge")?, method("check")?, method("combine")?);
        let merge = merge.unwrap_or_else(|| operator.clone().unbind());
        if !merge.bind(operators.py()).is_callable() {
            let message = format!("merge operator {name:?} is neither a function nor has merge()");
            return Err(PyTypeError::new_err(message).into());
        }
        builder = builder.merge_operator(Arc::new(Operator { name, merge, check, combine }));
    }
    Ok(builder)
}

impl Operator {
    /// Calls a function; what it raises is an error.
    fn call<R>(&self, call: impl FnOnce(Python<'_>) -> PyResult<R>) -> Result<R> {
        let failed = |error: PyErr| {
            Error::invalid(format!("merge operator {:?} has raised {error}", self.name))
                .caused_by(error)
        };
        match Python::try_attach(|py| call(py).map_err(failed)) {
            Some(result) => result,
            None => Err(Error::invalid(format!(
                "merge operator {:?} cannot be called: Python is about to end",
                self.name
            ))),
        }
    }
}

fn list<'py>(py: Python<'py>, operands: &[&[u8]]) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, operands.iter().map(|operand| PyBytes::new(py, operand)))
}

/// What a function has returned: bytes, or None.
fn returned(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if value.is_none() {
        return Ok(None);
    }
    Ok(Some(Bytes::from(value, "merged value")?.lend(value.py(), <[u8]>::to_vec)))
}

impl MergeOperator for Operator {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self, operand: &[u8]) -> Result<()> {
        let Some(check) = &self.check else { return Ok(()) };
        self.call(|py| check.call1(py, (PyBytes::new(py, operand),)).map(drop))
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        self.call(|py| {
            let base = base.map(|base| PyBytes::new(py, base));
            returned(self.merge.bind(py).call1((base, list(py, operands)?))?.as_any())
        })
    }

    fn combine(&self, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let combine = self.combine.as_ref()?;
        // What it raises keeps the operands apart, and no more; Ctrl-C comes once again, later.
        let attached = Python::try_attach(|py| {
            let combined = combine.bind(py).call1((list(py, operands)?,));
            match combined.and_then(|combined| returned(&combined)) {
                Err(raised) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => {
                    py.import("_thread")?.call_method0("interrupt_main").map(|_| None)
                }
                other => other,
            }
        });
        attached?.ok().flatten()
    }
}
