//! JSON into values, in one pass and without a tree of JSON in between.

use super::super::{Array, Document, Field, Value};
use super::wrapped;
use crate::Result;
use crate::document::failure;
use crate::json::Scanner;

/// Objects and arrays lie in each other no deeper than this; wrapped values take two levels.
const DEPTH_MAX: usize = 200;

/// The value that a text is.
pub fn read(text: &[u8]) -> Result<Value<'static>> {
    let mut reader = Reader { tokens: Scanner::new(text) };
    reader.whole().map_err(|error| match failure::Failure::of(&error) {
        Some(_) => error,
        None => failure::failed_to_parse(format!("JSON: {}", error.message())),
    })
}

/// The document that a text is.
pub fn read_document(text: &[u8]) -> Result<Document<'static>> {
    match read(text)? {
        Value::Document(document) => Ok(document),
        other => Err(failure::failed_to_parse(format!(
            "JSON of type {} where a document belongs",
            other.kind().name()
        ))),
    }
}

struct Reader<'t> {
    tokens: Scanner<'t>,
}

impl Reader<'_> {
    fn whole(&mut self) -> Result<Value<'static>> {
        let value = self.value(DEPTH_MAX)?;
        self.tokens.end()?;
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'static>> {
        self.tokens.blanks();
        match self.tokens.peek() {
            Some(b'"') => Ok(Value::from(self.tokens.text()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{' | b'[') if depth == 0 => Err(self.tokens.wrong("nesting too deep")),
            Some(b'{') => self.object(depth - 1),
            Some(b'[') => self.array(depth - 1),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value<'static>> {
        for (word, value) in
            [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))]
        {
            if self.tokens.rest().starts_with(word.as_bytes()) {
                self.tokens.skip(word.len());
                return Ok(value);
            }
        }
        Err(self.tokens.wrong("no value"))
    }

    fn object(&mut self, depth: usize) -> Result<Value<'static>> {
        self.tokens.skip(1);
        let mut fields: Vec<Field<'static>> = Vec::new();
        if !self.tokens.take(b'}') {
            loop {
                self.tokens.blanks();
                if self.tokens.peek() != Some(b'"') {
                    return Err(self.tokens.wrong("no name of a field"));
                }
                let name = self.tokens.text()?;
                if !self.tokens.take(b':') {
                    return Err(self.tokens.wrong("no colon"));
                }
                fields.push((name.into(), self.value(depth)?));
                if self.tokens.take(b'}') {
                    break;
                }
                if !self.tokens.take(b',') {
                    return Err(self.tokens.wrong("no comma"));
                }
            }
        }
        if fields.first().is_some_and(|(name, _)| name.starts_with('$'))
            && let Some(value) = wrapped::unwrap(&fields)?
        {
            return Ok(value);
        }
        Ok(Value::Document(Document::from_fields(fields)))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'static>> {
        self.tokens.skip(1);
        let mut items = Vec::new();
        if !self.tokens.take(b']') {
            loop {
                items.push(self.value(depth)?);
                if self.tokens.take(b']') {
                    break;
                }
                if !self.tokens.take(b',') {
                    return Err(self.tokens.wrong("no comma"));
                }
            }
        }
        Ok(Value::Array(Array::from_items(items)))
    }

    /// A number as JSON writes them: no zeros or plus in front, digits on both sides of a point.
    fn number(&mut self) -> Result<Value<'static>> {
        let rest = self.tokens.rest();
        let digits = |from: usize| {
            let rest = rest.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let sign = usize::from(rest.starts_with(b"-"));
        let whole = digits(sign);
        let mut len = sign + whole;
        let mut sound = whole == 1 || whole > 1 && rest.get(sign) != Some(&b'0');
        let mut double = false;
        if rest.get(len) == Some(&b'.') {
            let places = digits(len + 1);
            (len, double, sound) = (len + 1 + places, true, sound && places > 0);
        }
        if matches!(rest.get(len), Some(b'e' | b'E')) {
            len += 1 + usize::from(matches!(rest.get(len + 1), Some(b'+' | b'-')));
            let places = digits(len);
            (len, double, sound) = (len + places, true, sound && places > 0);
        }
        let text = rest.get(..len).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.filter(|_| sound).ok_or_else(|| self.tokens.wrong("no number"))?;
        let value = match text.parse::<i64>() {
            Ok(long) if !double => i32::try_from(long).map_or(Value::Int64(long), Value::Int32),
            _ => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Double(number),
                _ => return Err(self.tokens.wrong("a number too large")),
            },
        };
        self.tokens.skip(len);
        Ok(value)
    }
}
