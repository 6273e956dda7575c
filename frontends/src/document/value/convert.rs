//! Rust's types as values.

use std::borrow::Cow;

use super::{
    Array, Binary, DateTime, DbPointer, Decimal128, Document, Number, ObjectId, Regex, Timestamp,
    Value,
};

macro_rules! variants {
    ($($from:ty => $variant:ident;)*) => {
        $(impl<'a> From<$from> for Value<'a> {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        })*
    };
}

variants! {
    f32 => Double;
    f64 => Double;
    i8 => Int32;
    i16 => Int32;
    i32 => Int32;
    i64 => Int64;
    u8 => Int32;
    u16 => Int32;
    u32 => Int64;
    bool => Bool;
    &'a str => String;
    &'a String => String;
    String => String;
    Cow<'a, str> => String;
    Document<'a> => Document;
    Array<'a> => Array;
    Binary<'a> => Binary;
    ObjectId => ObjectId;
    DateTime => DateTime;
    Timestamp => Timestamp;
    Regex<'a> => Regex;
    DbPointer<'a> => DbPointer;
    Decimal128 => Decimal128;
}

impl From<Number> for Value<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int32(number) => Value::Int32(number),
            Number::Int64(number) => Value::Int64(number),
            Number::Double(number) => Value::Double(number),
            Number::Decimal128(number) => Value::Decimal128(number),
        }
    }
}

impl<'a, V: Into<Value<'a>>> From<Vec<V>> for Value<'a> {
    fn from(items: Vec<V>) -> Self {
        Value::Array(items.into())
    }
}

/// `None` is null.
impl<'a, V: Into<Value<'a>>> From<Option<V>> for Value<'a> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
