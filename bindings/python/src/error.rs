//! Exceptions: a class for each kind of error, all of them below `cuesta.Error`.
//!
//! Not for wrong types of arguments: those are Python's own `TypeError` and `BufferError`.

use std::error::Error as _;
use std::io;

use cuesta::ErrorKind;
use cuesta::document::failure::Failure as Coded;
use pyo3::exceptions::{PyException, PyKeyError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

/// What a function of this module returns.
pub type Outcome<T> = Result<T, Failure>;

/// Why a function failed: an error of Cuesta, or one of Python.
pub enum Failure {
    Cuesta(cuesta::Error),
    Python(PyErr),
}

impl Failure {
    /// A wrong call.
    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::Cuesta(cuesta::Error::invalid(message))
    }
}

impl From<cuesta::Error> for Failure {
    fn from(error: cuesta::Error) -> Failure {
        Failure::Cuesta(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::Python(error) => error,
            Failure::Cuesta(error) => Python::attach(|py| {
                let cause = cause(py, &error);
                if let Some(raised) = cause.as_ref().filter(|raised| is_urgent(py, raised)) {
                    return raised.clone_ref(py);
                }
                match class(py, error.kind()).and_then(|class| raise(&class, &error)) {
                    Ok(raised) => {
                        raised.set_cause(py, cause);
                        if let Some(number) = system_number(&error) {
                            // Without it the error still is one, with its message.
                            let _ = raised.value(py).setattr("errno", number);
                        }
                        raised
                    }
                    Err(lacking) => lacking,
                }
            }),
        }
    }
}

/// The exception of an error: of the class of its kind or, where it has a code of MongoDB, of a
/// subclass that has pymongo's name too.
fn raise(class: &Bound<'_, PyType>, error: &cuesta::Error) -> PyResult<PyErr> {
    Ok(match Coded::of(error) {
        Some(coded) => PyErr::from_value(coded_exception(class, &error.to_string(), coded)?),
        None => PyErr::from_type(class.clone(), error.to_string()),
    })
}

/// The exception of an error with a code. Its details come out of BSON in Python.
fn coded_exception<'py>(
    class: &Bound<'py, PyType>,
    message: &str,
    coded: &Coded,
) -> PyResult<Bound<'py, PyAny>> {
    let details = coded.details().map(|bson| PyBytes::new(class.py(), bson));
    let make = class.py().import("cuesta.errors")?.getattr("_of_code")?;
    make.call1((class, message, coded.code(), coded.name(), details))
}

/// The exception of Python code that an error comes from.
fn cause(py: Python<'_>, error: &cuesta::Error) -> Option<PyErr> {
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let raised = inner.and_then(|inner| inner.downcast_ref::<PyErr>());
        if let Some(raised) = raised.or_else(|| error.downcast_ref()) {
            return Some(raised.clone_ref(py));
        }
        source = error.source();
    }
    None
}

/// Whether an error comes from an exception that comes out as it is.
pub fn comes_out(error: &cuesta::Error) -> bool {
    Python::attach(|py| cause(py, error).is_some_and(|raised| is_urgent(py, &raised)))
}

/// The number that the operating system has for what an `Io` is about.
fn system_number(error: &cuesta::Error) -> Option<i32> {
    let source = error.source().filter(|_| error.kind() == ErrorKind::Io)?;
    source.downcast_ref::<io::Error>()?.raw_os_error()
}

/// Whether an exception is none that programs handle, such as Ctrl-C: it comes out as it is.
fn is_urgent(py: Python<'_>, raised: &PyErr) -> bool {
    !raised.is_instance_of::<PyException>(py)
}

/// Every kind, with the name and the description of its exception.
const KINDS: [(ErrorKind, &str, &str); 14] = [
    (ErrorKind::Conflict, "ConflictError", "Another transaction got there first: retry."),
    (ErrorKind::Invalid, "InvalidError", "The call is wrong: fix it."),
    (ErrorKind::NotFound, "NotFoundError", "There is no such thing."),
    (ErrorKind::Exists, "ExistsError", "There is such a thing already."),
    (ErrorKind::Corrupt, "CorruptError", "Stored bytes are damaged: repair, or restore a backup."),
    (ErrorKind::Unsupported, "UnsupportedError", "A newer format or a missing feature: upgrade."),
    (
        ErrorKind::Full,
        "FullError",
        "Out of disk space or memory budget: free space or raise the budget.",
    ),
    (
        ErrorKind::Io,
        "IoError",
        "The operating system refused; errno is its number, if it has given one.",
    ),
    (
        ErrorKind::Poisoned,
        "PoisonedError",
        "A write or sync failed and its outcome is unknown: reopen the database.",
    ),
    (ErrorKind::Expired, "ExpiredError", "The snapshot is gone: take a new one."),
    (ErrorKind::Timeout, "TimeoutError", "It took too long."),
    (ErrorKind::Locked, "LockedError", "The directory is in use by another handle or process."),
    (ErrorKind::Busy, "BusyError", "Too much is going on: retry later."),
    (ErrorKind::Internal, "InternalError", "A bug in Cuesta: report it."),
];

struct Classes {
    base: Py<PyType>,
    /// In the order of `KINDS`.
    of_kinds: Vec<Py<PyType>>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let classes = classes(py)?;
    module.add("Error", &classes.base)?;
    for ((_, name, _), class) in KINDS.iter().zip(&classes.of_kinds) {
        module.add(*name, class)?;
    }
    Ok(())
}

/// Whether an exception is of a kind.
pub fn is(py: Python<'_>, raised: &PyErr, kind: ErrorKind) -> bool {
    class(py, kind).is_ok_and(|class| raised.is_instance(py, &class))
}

fn class(py: Python<'_>, kind: ErrorKind) -> PyResult<Bound<'_, PyType>> {
    let classes = classes(py)?;
    let at = KINDS.iter().position(|(known, ..)| *known == kind);
    let class = at.and_then(|at| classes.of_kinds.get(at)).unwrap_or(&classes.base);
    Ok(class.bind(py).clone())
}

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || {
        let exception = py.get_type::<PyException>();
        let doc = "What every error of Cuesta is; its class says what to do about it.";
        let base = make(&PyTuple::new(py, [&exception])?, "Error", doc)?;
        let mut of_kinds = Vec::with_capacity(KINDS.len());
        for (kind, name, doc) in KINDS {
            let mut bases = vec![base.clone()];
            match kind {
                ErrorKind::NotFound => bases.push(py.get_type::<PyKeyError>()),
                ErrorKind::Io => bases.push(py.get_type::<PyOSError>()),
                ErrorKind::Timeout => bases.push(py.get_type::<PyTimeoutError>()),
                _ => {}
            }
            of_kinds.push(make(&PyTuple::new(py, bases)?, name, doc)?.unbind());
        }
        Ok(Classes { base: base.unbind(), of_kinds })
    })
}

/// A new class of exceptions. Its text is its message alone, where `KeyError` would quote it.
fn make<'py>(bases: &Bound<'py, PyTuple>, name: &str, doc: &str) -> PyResult<Bound<'py, PyType>> {
    let py = bases.py();
    let members = PyDict::new(py);
    members.set_item("__module__", "cuesta")?;
    members.set_item("__doc__", doc)?;
    members.set_item("__str__", py.get_type::<PyException>().getattr("__str__")?)?;
    let class = py.get_type::<PyType>().call1((name, bases, members))?;
    Ok(class.cast_into::<PyType>()?)
}
