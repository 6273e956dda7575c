//! Whether bytes are a BSON document, found out once for all later reads.

use super::kind::Kind;
use super::raw::{RawDocument, RawElement};
use super::scalar::Binary;
use crate::Result;
use crate::document::failure;

/// How large a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole document.
    pub size_max: usize,
    /// Documents and arrays within each other, the outermost one counted.
    pub depth_max: usize,
}

impl Default for Limits {
    /// Those of MongoDB: 16 MiB, 100 levels.
    fn default() -> Limits {
        Limits { size_max: 16 << 20, depth_max: 100 }
    }
}

impl<'a> RawDocument<'a> {
    /// The document that these bytes are: lengths, ends, UTF-8 and types of everything in it are
    /// right, and nothing follows it. Array elements are taken in order, whatever their names.
    ///
    /// # Errors
    /// Code 22 where the bytes are wrong, with the offset; 10334 when they are too many, 15 when
    /// they are nested too deeply.
    pub fn check(bytes: &'a [u8], limits: &Limits) -> Result<RawDocument<'a>> {
        if bytes.len() > limits.size_max {
            let (len, max) = (bytes.len(), limits.size_max);
            return Err(failure::document_too_large(format!(
                "a document of {len} bytes is larger than the {max} allowed"
            )));
        }
        let document = whole(bytes, bytes)?;
        check_document(document, bytes, limits.depth_max)?;
        Ok(document)
    }
}

/// The document that all of `bytes` are, by their length.
fn whole<'a>(bytes: &'a [u8], outermost: &[u8]) -> Result<RawDocument<'a>> {
    let len = bytes.first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    if len != bytes.len() || len < 5 {
        return Err(wrong("the length of a document", bytes, outermost));
    }
    Ok(RawDocument::trusted(bytes))
}

fn check_document(document: RawDocument<'_>, outermost: &[u8], depth: usize) -> Result<()> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(failure::overflow("a document is nested more deeply than allowed"));
    };
    let mut elements = document.elements();
    for element in elements.by_ref() {
        if std::str::from_utf8(element.name()).is_err() {
            return Err(wrong("a field's name", element.name(), outermost));
        }
        check_element(element, outermost, depth)?;
    }
    if elements.rest() != [0] {
        return Err(wrong("an element", elements.rest(), outermost));
    }
    Ok(())
}

fn check_element(element: RawElement<'_>, outermost: &[u8], depth: usize) -> Result<()> {
    let body = element.body();
    let sound = match element.kind() {
        Kind::Object | Kind::Array => {
            return check_document(whole(body, outermost)?, outermost, depth);
        }
        Kind::JavaScriptWithScope => return check_scope(body, outermost, depth),
        Kind::Bool => matches!(body, [0 | 1]),
        Kind::String | Kind::JavaScript | Kind::Symbol => text_is_sound(body),
        Kind::DbPointer => {
            body.split_last_chunk::<12>().is_some_and(|(text, _)| text_is_sound(text))
        }
        Kind::Regex => std::str::from_utf8(body).is_ok(),
        Kind::BinData if body.get(4) == Some(&Binary::OLD) => {
            let inner = body.get(5..9).and_then(|inner| inner.first_chunk());
            inner.is_some_and(|len| u32::from_le_bytes(*len) as usize == body.len() - 9)
        }
        _ => true,
    };
    if sound { Ok(()) } else { Err(wrong(element.kind().name(), body, outermost)) }
}

/// A text of exactly these bytes.
fn text_is_sound(body: &[u8]) -> bool {
    let len = body.first_chunk().map(|len| u32::from_le_bytes(*len) as usize);
    let text = body.get(4..).and_then(|text| text.strip_suffix(&[0]));
    len.is_some_and(|len| len > 0 && len + 4 == body.len())
        && text.is_some_and(|text| std::str::from_utf8(text).is_ok())
}

/// `length: i32 | text | document`.
fn check_scope(body: &[u8], outermost: &[u8], depth: usize) -> Result<()> {
    let code = body.get(4..).unwrap_or_default();
    let len = code.first_chunk().map(|len| u32::from_le_bytes(*len) as usize + 4);
    match len.and_then(|len| code.split_at_checked(len)) {
        Some((text, scope)) if text_is_sound(text) => {
            check_document(whole(scope, outermost)?, outermost, depth)
        }
        _ => Err(wrong("javascriptWithScope", body, outermost)),
    }
}

/// The error that `what`, which lies at `at` within the outermost document, is not sound.
fn wrong(what: &str, at: &[u8], outermost: &[u8]) -> crate::Error {
    let offset = (at.as_ptr() as usize).saturating_sub(outermost.as_ptr() as usize);
    failure::invalid_bson(format!("{what} is wrong at byte {offset} of {}", outermost.len()))
}
