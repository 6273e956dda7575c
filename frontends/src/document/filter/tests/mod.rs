//! What filters match, table by table, and laws that hold of all of them.

mod array;
mod comparison;
pub mod generate;
mod law;
mod logic;
mod operator;
mod wrong;

use super::*;
use crate::document::failure::Failure;
use crate::document::value::{DateTime, RawDocument};
pub use crate::{array, doc};

fn context() -> Context {
    Context::new(DateTime::from_millis(0), 1)
}

fn parsed(filter: &Document<'_>) -> Filter {
    Filter::parse(filter, &mut Scope::new()).unwrap_or_else(|error| panic!("{filter:?}: {error}"))
}

/// Matches both the fields and the bytes of a document.
fn matches(filter: &Document<'_>, document: &Document<'_>) -> bool {
    let filter = parsed(filter);
    let fields = filter.matches(document, &context()).expect("matching");
    let bytes = document.to_bytes().expect("small");
    let raw = Document::from_raw(RawDocument::trusted(&bytes));
    assert_eq!(filter.matches(&raw, &context()).expect("matching"), fields, "{filter:?}: bytes");
    fields
}

/// Asserts which documents, by index, a filter matches.
#[track_caller]
fn finds(filter: Document<'_>, documents: &[Document<'_>], expected: &[usize]) {
    let found = documents.iter().enumerate().filter(|(_, it)| matches(&filter, it));
    let found: Vec<usize> = found.map(|(at, _)| at).collect();
    assert_eq!(found, expected, "{filter:?}");
}

/// Asserts that a filter matches one document and not the other.
#[track_caller]
fn tells(filter: Document<'_>, yes: &[Document<'_>], no: &[Document<'_>]) {
    yes.iter().for_each(|it| assert!(matches(&filter, it), "{filter:?} should match {it:?}"));
    no.iter().for_each(|it| assert!(!matches(&filter, it), "{filter:?} should not match {it:?}"));
}

/// The code and the message of a filter that is wrong.
#[track_caller]
fn refused(filter: &Document<'_>) -> (i32, String) {
    match Filter::parse(filter, &mut Scope::new()) {
        Ok(parsed) => panic!("{filter:?} was read as {parsed:?}"),
        Err(error) => (Failure::of(&error).map_or(0, Failure::code), error.to_string()),
    }
}
