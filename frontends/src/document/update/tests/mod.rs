//! What updates make of documents, table by table, and laws that hold of all of them.

mod array;
mod field;
mod form;
mod law;
mod position;
mod wrong;

use super::*;
use crate::document::failure::Failure;
use crate::document::value::{Array, DateTime, RawDocument};
pub use crate::{array, doc};

/// 2020-09-13 12:26:40 UTC.
const NOW: i64 = 1_600_000_000_000;

fn context() -> Context {
    Context::new(DateTime::from_millis(NOW), 1)
}

fn parsed(update: &Value<'_>, filters: &[Document<'_>]) -> Result<Update> {
    Update::parse(update, filters, &mut Scope::new())
}

/// The outcome on the fields of a document, checked to be the same on its bytes.
fn attempt(
    update: Value<'_>,
    filters: &[Document<'_>],
    document: &Document<'_>,
    position: Option<usize>,
    mode: Mode,
) -> Result<Document<'static>> {
    let context = context();
    let update = parsed(&update, filters)?;
    let outcome = update.apply(document, position, mode, &context)?;
    let bytes = document.to_bytes()?;
    let raw = Document::from_raw(RawDocument::trusted(&bytes));
    let same = update.apply(&raw, position, mode, &context).expect("as on fields");
    assert_eq!(same.document().to_bytes()?, outcome.document().to_bytes()?);
    assert_eq!(same.is_changed(), outcome.is_changed());
    assert_eq!(outcome.is_changed(), outcome.document().to_bytes()? != bytes, "{update:?}");
    Ok(outcome.into_document().into_static())
}

/// Asserts what an update makes of a document, order and types of fields included.
#[track_caller]
fn makes(update: Document<'_>, document: Document<'_>, expected: Document<'_>) {
    let made = attempt(update.clone().into(), &[], &document, None, Mode::Update)
        .unwrap_or_else(|error| panic!("{update:?}: {error}"));
    assert_eq!(format!("{made:?}"), format!("{expected:?}"), "{update:?}");
}

/// Asserts that an update is refused, when it is parsed or applied, and how.
#[track_caller]
fn refuses(update: Value<'_>, document: Document<'_>, code: i32, part: &str) {
    match attempt(update.clone(), &[], &document, None, Mode::Update) {
        Ok(made) => panic!("{update:?} made {made:?}"),
        Err(error) => {
            assert_eq!(Failure::of(&error).map(Failure::code), Some(code), "{update:?}: {error}");
            assert!(error.to_string().contains(part), "{update:?}: {error}");
        }
    }
}
