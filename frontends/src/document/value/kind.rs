//! The types of BSON: their numbers, their names in queries, and their places in the order.

use super::Value;

/// A type of BSON, by its name in MongoDB's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// 64-bit binary floating point.
    Double = 0x01,
    /// UTF-8 text.
    String = 0x02,
    /// Fields in order.
    Object = 0x03,
    /// Values in order.
    Array = 0x04,
    /// Bytes with a subtype.
    BinData = 0x05,
    /// Deprecated.
    Undefined = 0x06,
    /// Twelve bytes.
    ObjectId = 0x07,
    /// True or false.
    Bool = 0x08,
    /// Milliseconds since 1970.
    Date = 0x09,
    /// Nothing.
    Null = 0x0a,
    /// A pattern and options.
    Regex = 0x0b,
    /// Deprecated.
    DbPointer = 0x0c,
    /// Code as text.
    JavaScript = 0x0d,
    /// Deprecated.
    Symbol = 0x0e,
    /// Deprecated.
    JavaScriptWithScope = 0x0f,
    /// 32-bit whole number.
    Int32 = 0x10,
    /// Seconds and a counter.
    Timestamp = 0x11,
    /// 64-bit whole number.
    Int64 = 0x12,
    /// 34 decimal digits.
    Decimal128 = 0x13,
    /// Greater than all else.
    MaxKey = 0x7f,
    /// Less than all else.
    MinKey = 0xff,
}

/// Each type with the name by which `$type` knows it.
const ALL: [(Kind, &str); 21] = [
    (Kind::Double, "double"),
    (Kind::String, "string"),
    (Kind::Object, "object"),
    (Kind::Array, "array"),
    (Kind::BinData, "binData"),
    (Kind::Undefined, "undefined"),
    (Kind::ObjectId, "objectId"),
    (Kind::Bool, "bool"),
    (Kind::Date, "date"),
    (Kind::Null, "null"),
    (Kind::Regex, "regex"),
    (Kind::DbPointer, "dbPointer"),
    (Kind::JavaScript, "javascript"),
    (Kind::Symbol, "symbol"),
    (Kind::JavaScriptWithScope, "javascriptWithScope"),
    (Kind::Int32, "int"),
    (Kind::Timestamp, "timestamp"),
    (Kind::Int64, "long"),
    (Kind::Decimal128, "decimal"),
    (Kind::MaxKey, "maxKey"),
    (Kind::MinKey, "minKey"),
];

impl Kind {
    /// All types, in order of their bytes.
    pub fn all() -> impl Iterator<Item = Kind> {
        ALL.iter().map(|(kind, _)| *kind)
    }

    /// The type of this byte before an element's name.
    #[inline]
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            0x01 => Kind::Double,
            0x02 => Kind::String,
            0x03 => Kind::Object,
            0x04 => Kind::Array,
            0x05 => Kind::BinData,
            0x06 => Kind::Undefined,
            0x07 => Kind::ObjectId,
            0x08 => Kind::Bool,
            0x09 => Kind::Date,
            0x0a => Kind::Null,
            0x0b => Kind::Regex,
            0x0c => Kind::DbPointer,
            0x0d => Kind::JavaScript,
            0x0e => Kind::Symbol,
            0x0f => Kind::JavaScriptWithScope,
            0x10 => Kind::Int32,
            0x11 => Kind::Timestamp,
            0x12 => Kind::Int64,
            0x13 => Kind::Decimal128,
            0x7f => Kind::MaxKey,
            0xff => Kind::MinKey,
            _ => return None,
        })
    }

    /// The byte before an element's name.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The type that `$type` means by this number; -1 is [`Kind::MinKey`].
    pub fn from_number(number: i64) -> Option<Kind> {
        match number {
            -1 => Some(Kind::MinKey),
            255 => None,
            _ => Kind::from_byte(u8::try_from(number).ok()?),
        }
    }

    /// The type that `$type` means by this name, such as `objectId`. The name `number` means four
    /// types and is left to the caller.
    pub fn from_name(name: &str) -> Option<Kind> {
        ALL.iter().find(|(_, other)| *other == name).map(|(kind, _)| *kind)
    }

    /// The name by which `$type` knows the type, such as `objectId`.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether it is one of the four types of numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Double | Kind::Int32 | Kind::Int64 | Kind::Decimal128)
    }

    /// The place among types in the total order. Types of one place compare by value: numbers, and
    /// strings with symbols.
    pub fn rank(self) -> u8 {
        match self {
            Kind::MinKey => 0,
            Kind::Undefined => 2,
            Kind::Null => 5,
            Kind::Double | Kind::Int32 | Kind::Int64 | Kind::Decimal128 => 10,
            Kind::String | Kind::Symbol => 15,
            Kind::Object => 20,
            Kind::Array => 25,
            Kind::BinData => 30,
            Kind::ObjectId => 35,
            Kind::Bool => 40,
            Kind::Date => 45,
            Kind::Timestamp => 47,
            Kind::Regex => 50,
            Kind::DbPointer => 55,
            Kind::JavaScript => 60,
            Kind::JavaScriptWithScope => 65,
            Kind::MaxKey => 127,
        }
    }
}

impl Value<'_> {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Double(_) => Kind::Double,
            Value::String(_) => Kind::String,
            Value::Document(_) => Kind::Object,
            Value::Array(_) => Kind::Array,
            Value::Binary(_) => Kind::BinData,
            Value::Undefined => Kind::Undefined,
            Value::ObjectId(_) => Kind::ObjectId,
            Value::Bool(_) => Kind::Bool,
            Value::DateTime(_) => Kind::Date,
            Value::Null => Kind::Null,
            Value::Regex(_) => Kind::Regex,
            Value::DbPointer(_) => Kind::DbPointer,
            Value::JavaScript(_) => Kind::JavaScript,
            Value::Symbol(_) => Kind::Symbol,
            Value::JavaScriptWithScope(_) => Kind::JavaScriptWithScope,
            Value::Int32(_) => Kind::Int32,
            Value::Timestamp(_) => Kind::Timestamp,
            Value::Int64(_) => Kind::Int64,
            Value::Decimal128(_) => Kind::Decimal128,
            Value::MinKey => Kind::MinKey,
            Value::MaxKey => Kind::MaxKey,
        }
    }
}
