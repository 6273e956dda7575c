//! Decimal128: decimal numbers of 34 digits.

use cuesta::document::value::Decimal128 as Bits;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};

use super::class::classes;
use super::kind;
use crate::error::Outcome;

/// A decimal number of 34 digits.
#[pyclass(frozen, subclass, module = "cuesta.bson.decimal128")]
pub struct Decimal128(pub Bits);

static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The context in which `decimal` makes numbers that fit, and raises for what does not.
pub fn context(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let context = CONTEXT.get_or_try_init(py, || {
        let decimal = py.import("decimal")?;
        let named = PyDict::new(py);
        for (name, number) in [("prec", 34), ("Emin", -6143), ("Emax", 6144), ("clamp", 1)] {
            named.set_item(name, number)?;
        }
        named.set_item("rounding", decimal.getattr("ROUND_HALF_EVEN")?)?;
        let traps = ["InvalidOperation", "Overflow", "Inexact"].map(|name| decimal.getattr(name));
        let traps = traps.into_iter().collect::<PyResult<Vec<_>>>()?;
        named.set_item("traps", traps)?;
        Ok::<_, PyErr>(decimal.getattr("Context")?.call((), Some(&named))?.unbind())
    })?;
    Ok(context.bind(py))
}

#[pymethods]
impl Decimal128 {
    #[classattr]
    fn _type_marker() -> u8 {
        kind::DECIMAL128
    }

    #[new]
    fn new(value: &Bound<'_, PyAny>) -> Outcome<Decimal128> {
        let py = value.py();
        if let Ok(own) = value.cast::<Decimal128>() {
            return Ok(Decimal128(own.get().0));
        }
        if value.is_instance_of::<PyString>() || value.is_instance(classes(py)?.decimal.bind(py))? {
            let exact = context(py)?.call_method1("create_decimal", (value,))?;
            return Ok(Decimal128(Bits::parse(exact.str()?.to_str()?)?));
        }
        if let Ok((high, low)) = value.extract::<(u64, u64)>() {
            let bits = u128::from(high) << 64 | u128::from(low);
            return Ok(Decimal128(Bits::from_bytes(bits.to_le_bytes())));
        }
        Err(PyTypeError::new_err(format!(
            "a Decimal128 is made of str, decimal.Decimal or two numbers of 64 bits, not {}",
            value.get_type().name()?
        ))
        .into())
    }

    /// The number of sixteen bytes, as in BSON.
    #[classmethod]
    fn from_bid<'py>(class: &Bound<'py, PyType>, value: [u8; 16]) -> PyResult<Bound<'py, PyAny>> {
        let bits = u128::from_le_bytes(value);
        class.call1(((((bits >> 64) as u64), bits as u64),))
    }

    /// Its sixteen bytes, as in BSON.
    #[getter]
    fn bid<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.bytes())
    }

    /// The same number as decimal.Decimal.
    fn to_decimal<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        classes(py)?.decimal.bind(py).call1((self.0.to_string(),))
    }

    /// Whether both have the same bytes: 1.0 and 1.00 differ.
    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let mark = other.get_type().getattr_opt("_type_marker")?;
        if !mark.is_some_and(|mark| mark.extract().is_ok_and(|it: u8| it == kind::DECIMAL128)) {
            return Ok(py.NotImplemented().into_bound(py));
        }
        let same = other.getattr("bid")?.extract::<[u8; 16]>().is_ok_and(|it| it == self.0.bytes());
        Ok(pyo3::types::PyBool::new(py, same).to_owned().into_any())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.bid(py).hash()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Decimal128('{}')", self.0)
    }

    fn __reduce__<'py>(
        this: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        let bits = u128::from_le_bytes(this.get().0.bytes());
        let parts = ((bits >> 64) as u64, bits as u64);
        Ok((this.get_type(), (parts,).into_pyobject(this.py())?))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Decimal128>()
}
