//! How documents become Python objects, from a `CodecOptions` of `cuesta.bson` or of pymongo.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Failure, Outcome};
use cuesta::{Error, ErrorKind};

/// What moments become.
pub enum Moments {
    /// Naive, in UTC.
    Naive,
    /// Aware, in UTC.
    Utc,
    /// Aware, in this zone.
    Zone(Py<PyAny>),
}

/// What UUIDs become.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Uuids {
    /// `uuid.UUID`.
    Native,
    /// `Binary` of subtype 4.
    Binary,
}

/// How to read.
pub struct Options {
    /// What documents become, if not dict.
    pub class: Option<Py<PyAny>>,
    pub moments: Moments,
    pub uuids: Uuids,
}

/// Numbers of `UuidRepresentation`.
const UUID_UNSPECIFIED: i64 = 0;
const UUID_STANDARD: i64 = 4;

impl Options {
    pub fn plain() -> Options {
        Options { class: None, moments: Moments::Naive, uuids: Uuids::Native }
    }

    /// The options that are given, if any.
    pub fn of(given: Option<&Bound<'_, PyAny>>) -> Outcome<Options> {
        let Some(given) = given else { return Ok(Options::plain()) };
        let class = given.getattr("document_class")?;
        let class = (!class.is(given.py().get_type::<PyDict>())).then(|| class.unbind());
        let moments = match (given.getattr("tz_aware")?.is_truthy()?, given.getattr("tzinfo")?) {
            (false, zone) if zone.is_none() => Moments::Naive,
            (false, _) => {
                return Err(Failure::invalid("tzinfo is given, so tz_aware must be True"));
            }
            (true, zone) if zone.is_none() => Moments::Utc,
            (true, zone) => Moments::Zone(zone.unbind()),
        };
        let uuids = match number(given, "uuid_representation", UUID_STANDARD)? {
            UUID_STANDARD => Uuids::Native,
            UUID_UNSPECIFIED => Uuids::Binary,
            other => return Err(unsupported("uuid_representation", &other.to_string())),
        };
        refuse_others(given)?;
        Ok(Options { class, moments, uuids })
    }
}

/// Refuses what pymongo's options have and these do not, unless it is as they have it by default.
fn refuse_others(given: &Bound<'_, PyAny>) -> Outcome<()> {
    if let Some(handler) = given.getattr_opt("unicode_decode_error_handler")?
        && handler.str()?.to_str()? != "strict"
    {
        return Err(unsupported("unicode_decode_error_handler", handler.str()?.to_str()?));
    }
    if let Some(registry) = given.getattr_opt("type_registry")? {
        for name in ["codecs", "_TypeRegistry__type_codecs"] {
            if let Some(codecs) = registry.getattr_opt(name)?
                && codecs.is_truthy()?
            {
                return Err(unsupported("type_registry", "codecs of its own"));
            }
        }
        if let Some(fallback) = registry.getattr_opt("_fallback_encoder")?
            && !fallback.is_none()
        {
            return Err(unsupported("type_registry", "a fallback encoder"));
        }
    }
    match number(given, "datetime_conversion", 1)? {
        // DATETIME
        1 => Ok(()),
        other => Err(unsupported("datetime_conversion", &other.to_string())),
    }
}

fn number(given: &Bound<'_, PyAny>, name: &str, default: i64) -> PyResult<i64> {
    given.getattr_opt(name)?.map_or(Ok(default), |number| number.extract())
}

fn unsupported(name: &str, value: &str) -> Failure {
    let message = format!("codec option {name} is {value}, which is not supported");
    Error::new(ErrorKind::Unsupported, message).into()
}
