//! Classes that are written in Python, looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Classes of the standard library and of `cuesta.bson`.
pub struct Classes {
    pub datetime: Py<PyType>,
    pub utc: Py<PyAny>,
    pub uuid: Py<PyType>,
    pub pattern: Py<PyType>,
    pub decimal: Py<PyType>,
    pub mapping: Py<PyAny>,
    pub binary: Py<PyType>,
    pub code: Py<PyType>,
    pub reference: Py<PyType>,
    pub int64: Py<PyType>,
    pub max_key: Py<PyType>,
    pub min_key: Py<PyType>,
    pub regex: Py<PyType>,
    pub timestamp: Py<PyType>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// The classes. Imports `cuesta.bson` the first time.
pub fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || {
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        Ok(Classes {
            datetime: class("datetime", "datetime")?,
            utc: py.import("datetime")?.getattr("timezone")?.getattr("utc")?.unbind(),
            uuid: class("uuid", "UUID")?,
            pattern: class("re", "Pattern")?,
            decimal: class("decimal", "Decimal")?,
            mapping: py.import("collections.abc")?.getattr("Mapping")?.unbind(),
            binary: class("cuesta.bson.binary", "Binary")?,
            code: class("cuesta.bson.code", "Code")?,
            reference: class("cuesta.bson.dbref", "DBRef")?,
            int64: class("cuesta.bson.int64", "Int64")?,
            max_key: class("cuesta.bson.max_key", "MaxKey")?,
            min_key: class("cuesta.bson.min_key", "MinKey")?,
            regex: class("cuesta.bson.regex", "Regex")?,
            timestamp: class("cuesta.bson.timestamp", "Timestamp")?,
        })
    })
}
