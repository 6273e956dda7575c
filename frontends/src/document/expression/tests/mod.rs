//! Expressions by table: what each is worth, as text that tells types apart.

mod arrays;
mod dates;
mod numbers;
mod shape;
pub mod tables;
mod texts;
mod types;

use super::{Context, Env, Expression, Scope};
use crate::document::failure::Failure;
use crate::document::value::{DateTime, Document, Value};

/// 2024-02-29T12:30:45.678Z.
pub const NOW: DateTime = DateTime::from_millis(1_709_209_845_678);

/// What an expression is worth on a document, as text; `missing`; or `error` and its code.
pub fn worth_on(document: &Document<'_>, expression: impl Into<Value<'static>>) -> String {
    let expression = expression.into();
    let context = Context::new(NOW, 7);
    let bytes = document.to_bytes().expect("documents of tests are small");
    let raw = crate::document::value::RawDocument::trusted(&bytes);
    let raw = Document::from_raw(raw);
    let evaluated = |document: &Document<'_>| {
        let parsed = Expression::parse(&expression, &mut Scope::new())?;
        let value = parsed.evaluate(&Env::new(document, &context))?;
        Ok(value.map(|value| format!("{value:?}")))
    };
    let text = |result: crate::Result<Option<String>>| match result {
        Ok(value) => value.unwrap_or_else(|| "missing".to_owned()),
        Err(error) => match Failure::of(&error) {
            Some(failure) => format!("error {}", failure.code()),
            None => panic!("an error without a code: {error}"),
        },
    };
    let (of_fields, of_bytes) = (text(evaluated(document)), text(evaluated(&raw)));
    assert_eq!(of_fields, of_bytes, "bytes and fields differ in {expression:?}");
    of_fields
}

/// Checks a table.
#[track_caller]
pub fn check(document: &Document<'_>, cases: Vec<(Document<'static>, &str)>) {
    for (expression, expected) in cases {
        let shown = format!("{expression:?}");
        assert_eq!(worth_on(document, expression), expected, "{shown}");
    }
}
