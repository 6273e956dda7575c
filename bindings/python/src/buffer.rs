//! The bytes of bytes-like objects, lent without a copy. The one file here with unsafe code.

#![allow(unsafe_code)] // Python lends memory as a pointer and a length.

use std::slice;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PyString};

/// The memory of an object with a contiguous buffer. The object keeps it in place until this is
/// dropped.
pub struct Lent(PyUntypedBuffer);

impl Lent {
    /// Borrows the memory of `object`; `what` names it in messages. May run Python code.
    ///
    /// # Errors
    /// `TypeError` for what is not bytes-like; `BufferError` for what is not contiguous.
    pub fn from(object: &Bound<'_, PyAny>, what: &str) -> PyResult<Lent> {
        let py = object.py();
        if object.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(format!(
                "a {what} must be bytes-like, not str: encode it, for instance with .encode()"
            )));
        }
        let buffer = match PyUntypedBuffer::get(object).or_else(|error| shaped(object, error)) {
            Ok(buffer) => buffer,
            Err(error) if error.is_instance_of::<PyTypeError>(py) => {
                let class = object.get_type().name()?;
                let message = format!("a {what} must be bytes-like, not {class}");
                return Err(PyTypeError::new_err(message));
            }
            Err(error) => return Err(error),
        };
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err(format!(
                "the bytes of a {what} must lie together in memory, as in a copy"
            )));
        }
        Ok(Lent(buffer))
    }

    /// Lends the bytes to `take`, which copies them to where they belong. `take` is `Send`, so it
    /// holds nothing of Python.
    pub fn lend<R>(&self, _attached: Python<'_>, take: impl FnOnce(&[u8]) -> R + Send) -> R {
        let (start, len) = (self.0.buf_ptr().cast::<u8>().cast_const(), self.0.len_bytes());
        if start.is_null() || len == 0 {
            return take(&[]);
        }
        // SAFETY: the exporter keeps `len` contiguous bytes at `start` in place until the buffer is
        // released, which dropping `self` does; bytes are aligned and valid whatever they are.
        // While `take` runs, this thread stays attached and runs no Python code, so that nobody
        // else's Python code changes them. Native code that writes to them without being attached
        // breaks the rule that Python has for memory it has lent.
        take(unsafe { slice::from_raw_parts(start, len) })
    }
}

/// The buffer of an object that states no shape, such as one number of an array or an array of C.
fn shaped(object: &Bound<'_, PyAny>, error: PyErr) -> PyResult<PyUntypedBuffer> {
    if !error.is_instance_of::<PyBufferError>(object.py()) {
        return Err(error);
    }
    let view = PyMemoryView::from(object)?;
    PyUntypedBuffer::get(&view)
        .or_else(|_| PyUntypedBuffer::get(&view.call_method1("cast", ("B",))?))
}
