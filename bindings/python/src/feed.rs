//! What was committed, in order.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cuesta::Action;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::convert;
use crate::error::Outcome;
use crate::open::Open;
use crate::waiting::{Apart, Awaiting, in_slices};

/// The commits of a database in order. From Database.changes_since().
#[pyclass(frozen, module = "cuesta")]
pub struct Changes {
    // Goes first, see `Open`.
    open: Arc<Open>,
    inner: Apart<cuesta::Changes>,
}

/// One commit.
#[pyclass(frozen, module = "cuesta")]
pub struct Change(cuesta::Change);

/// One operation of a commit.
#[pyclass(frozen, get_all, module = "cuesta")]
pub struct Operation {
    keyspace: Option<String>,
    keyspace_id: u32,
    action: &'static str,
    key: Option<Py<PyBytes>>,
    value: Option<Py<PyBytes>>,
    operands: Py<PyTuple>,
    expiry_ms: Option<u64>,
    renamed_to: Option<String>,
    start: Option<Py<PyBytes>>,
    end: Option<Py<PyBytes>>,
    /// The first key of a bulk load.
    first: Option<Py<PyBytes>>,
    /// The last key of a bulk load.
    last: Option<Py<PyBytes>>,
    /// How many keys a bulk load has.
    entries: Option<u64>,
}

impl Changes {
    pub fn new(open: &Arc<Open>, inner: cuesta::Changes) -> Changes {
        Changes { open: open.clone(), inner: Apart::new(inner) }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<cuesta::Result<cuesta::Change>> {
        self.inner.poll(|inner| pin!(inner.next_async()).poll(cx))
    }
}

#[pymethods]
impl Changes {
    /// The last commit that was handed out, or after which it began.
    #[getter]
    fn place(&self, py: Python<'_>) -> Outcome<u64> {
        Ok(py.detach(|| self.inner.with(|inner| Ok(inner.place())))?)
    }

    /// The next commit, waiting for it if need be.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Outcome<Option<Change>> {
        self.open.database()?;
        let timeout = convert::timeout("timeout", timeout)?;
        let change =
            in_slices(py, timeout, |slice| self.inner.with(|inner| inner.next_timeout(slice)))?;
        Ok(change.map(Change))
    }

    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<Change>> {
        self.open.database()?;
        let read = || self.inner.with(|inner| inner.next().transpose());
        Ok(py.detach(read)?.map(Change))
    }

    fn __aiter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// The next commit, waiting for it in a coroutine of asyncio.
    fn __anext__(this: Bound<'_, Self>) -> Outcome<Awaiting> {
        this.get().open.database()?;
        let (py, changes) = (this.py(), this.unbind());
        let convert = |py: Python<'_>, change| Ok(Py::new(py, Change(change))?.into_any());
        Awaiting::new(py, move |cx| changes.get().poll(cx), convert)
    }

    fn __repr__(&self, py: Python<'_>) -> Outcome<String> {
        Ok(format!("<cuesta.Changes after commit {}>", self.place(py)?))
    }
}

#[pymethods]
impl Change {
    /// Its number; commits are counted from 1.
    #[getter]
    fn commit(&self) -> u64 {
        self.0.commit()
    }

    /// When it was committed, in milliseconds since 1970-01-01 UTC.
    #[getter]
    fn time_ms(&self) -> u64 {
        self.0.time_ms()
    }

    /// The note that the batch carries.
    #[getter]
    fn note<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.note().map(|note| PyBytes::new(py, note))
    }

    /// What was done.
    #[getter]
    fn operations<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyList>> {
        let all = PyList::empty(py);
        for operation in self.0.operations() {
            all.append(Bound::new(py, Operation::new(py, &operation?)?)?)?;
        }
        Ok(all)
    }

    fn __repr__(&self) -> String {
        format!("<cuesta.Change of commit {}>", self.0.commit())
    }
}

impl Operation {
    fn new(py: Python<'_>, told: &cuesta::Operation<'_>) -> PyResult<Operation> {
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
        let mut operation = Operation {
            keyspace: told.name.map(str::to_owned),
            keyspace_id: told.keyspace,
            action: "other",
            key: told.action.key().map(bytes),
            value: None,
            operands: PyTuple::empty(py).unbind(),
            expiry_ms: None,
            renamed_to: None,
            start: None,
            end: None,
            first: None,
            last: None,
            entries: None,
        };
        operation.action = match told.action {
            Action::Put { value, .. } => {
                operation.value = Some(bytes(value));
                "put"
            }
            Action::PutUntil { value, expiry_ms, .. } => {
                (operation.value, operation.expiry_ms) = (Some(bytes(value)), Some(expiry_ms));
                "put"
            }
            Action::Merge { operands, .. } => {
                let operands: Vec<_> = operands.iter().map(bytes).collect();
                operation.operands = PyTuple::new(py, operands)?.unbind();
                "merge"
            }
            Action::Delete { .. } => "delete",
            Action::DeleteRange { start, end } => {
                (operation.start, operation.end) = (Some(bytes(start)), end.map(bytes));
                "delete_range"
            }
            Action::Load { entries, first, last } => {
                operation.entries = Some(entries);
                (operation.first, operation.last) = (Some(bytes(first)), Some(bytes(last)));
                "load"
            }
            Action::Create => "create",
            Action::Rename { to } => {
                operation.renamed_to = Some(to.to_owned());
                "rename"
            }
            Action::Drop => "drop",
            _ => "other",
        };
        Ok(operation)
    }
}

#[pymethods]
impl Operation {
    fn __repr__(&self) -> String {
        let keyspace = self.keyspace.as_deref().unwrap_or_default();
        format!("<cuesta.Operation {} in {keyspace:?}>", self.action)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Changes>()?;
    module.add_class::<Change>()?;
    module.add_class::<Operation>()
}
