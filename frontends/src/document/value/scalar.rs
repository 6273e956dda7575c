//! Small values: identifiers, moments, bytes, patterns and pointers.

use std::borrow::Cow;
use std::fmt;

use crate::Result;
use crate::document::failure;

/// Twelve bytes that identify a document: four of seconds, five of a process, three of a counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

impl ObjectId {
    /// The identifier of these bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> ObjectId {
        ObjectId(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }

    /// Reads 24 hexadecimal digits.
    ///
    /// # Errors
    /// Code 2 when they are not that.
    pub fn parse(hex: &str) -> Result<ObjectId> {
        let wrong =
            || failure::bad_value(format!("{hex:?} is not the 24 hex digits of an ObjectId"));
        let digits = hex.as_bytes();
        if digits.len() != 24 {
            return Err(wrong());
        }
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
            let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(wrong()) };
            *byte = (high << 4 | low) as u8;
        }
        Ok(ObjectId(bytes))
    }

    /// Seconds since 1970 when it was made.
    pub fn seconds(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// When it was made.
    pub fn date_time(self) -> DateTime {
        DateTime::from_millis(i64::from(self.seconds()) * 1000)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId(\"{self}\")")
    }
}

/// A moment: milliseconds since 1970-01-01 UTC, before it negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    /// The moment of these milliseconds.
    pub const fn from_millis(millis: i64) -> DateTime {
        DateTime(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Date({})", self.0)
    }
}

/// Seconds since 1970 and a counter within the second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: u32,
    /// Tells those of one second apart.
    pub increment: u32,
}

impl Timestamp {
    /// As one number, whose order is that of timestamps.
    pub const fn to_u64(self) -> u64 {
        (self.seconds as u64) << 32 | self.increment as u64
    }

    /// The timestamp of [`to_u64`](Timestamp::to_u64).
    pub const fn from_u64(number: u64) -> Timestamp {
        Timestamp { seconds: (number >> 32) as u32, increment: number as u32 }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({}, {})", self.seconds, self.increment)
    }
}

/// Bytes and what they mean.
#[derive(Clone, PartialEq, Eq)]
pub struct Binary<'a> {
    /// 0 plain bytes, 4 a UUID, 5 an MD5; 128 and above are the application's.
    pub subtype: u8,
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Binary<'a> {
    /// Subtype of plain bytes.
    pub const GENERIC: u8 = 0;
    /// Subtype of old writers, whose bytes in BSON state their length once more.
    pub const OLD: u8 = 2;
    /// Subtype of UUIDs.
    pub const UUID: u8 = 4;

    /// Plain bytes.
    pub fn generic(bytes: impl Into<Cow<'a, [u8]>>) -> Binary<'a> {
        Binary { subtype: Binary::GENERIC, bytes: bytes.into() }
    }

    /// The same value, borrowed.
    pub fn borrow(&self) -> Binary<'_> {
        Binary { subtype: self.subtype, bytes: Cow::Borrowed(&self.bytes) }
    }

    /// The same value, owning its bytes.
    pub fn into_static(self) -> Binary<'static> {
        Binary { subtype: self.subtype, bytes: Cow::Owned(self.bytes.into_owned()) }
    }
}

/// A regular expression as a value: a pattern, and letters in alphabetical order as options.
///
/// Both lie in one text as in BSON, which keeps the value small:
///
/// ```text
/// ┌─────────┬───┬─────────┐
/// │ pattern │ 0 │ options │
/// └─────────┴───┴─────────┘
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Regex<'a> {
    text: Cow<'a, str>,
}

impl<'a> Regex<'a> {
    /// A pattern with options, which are sorted.
    ///
    /// # Errors
    /// Code 2 when either holds a zero byte, which BSON cannot hold.
    pub fn new(pattern: &str, options: &str) -> Result<Regex<'static>> {
        let mut letters: Vec<char> = options.chars().collect();
        letters.sort_unstable();
        let options: String = letters.into_iter().collect();
        let zero = || failure::bad_value("a regular expression contains a zero byte");
        Regex::kept(pattern, &options).ok_or_else(zero)
    }

    /// A pattern with options as they are, unless either holds a zero byte.
    pub(super) fn kept(pattern: &str, options: &str) -> Option<Regex<'static>> {
        let sound = !pattern.contains('\0') && !options.contains('\0');
        sound.then(|| Regex { text: Cow::Owned(format!("{pattern}\0{options}")) })
    }

    /// The expression of a pattern and options with a zero byte between them; without one there
    /// are no options.
    pub(super) fn from_text(text: &'a str) -> Regex<'a> {
        Regex { text: Cow::Borrowed(text) }
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        self.text.split_once('\0').map_or(&self.text, |(pattern, _)| pattern)
    }

    /// The options, such as `im`.
    pub fn options(&self) -> &str {
        self.text.split_once('\0').map_or("", |(_, options)| options)
    }

    /// The same value, borrowed.
    pub fn borrow(&self) -> Regex<'_> {
        Regex { text: Cow::Borrowed(&self.text) }
    }

    /// The same value, owning its text.
    pub fn into_static(self) -> Regex<'static> {
        Regex { text: Cow::Owned(self.text.into_owned()) }
    }
}

/// A deprecated pointer to a document of a collection.
#[derive(Clone, PartialEq, Eq)]
pub struct DbPointer<'a>(Box<(Cow<'a, str>, ObjectId)>);

impl<'a> DbPointer<'a> {
    /// Points to the document of this `_id` in a collection.
    pub fn new(namespace: impl Into<Cow<'a, str>>, id: ObjectId) -> DbPointer<'a> {
        DbPointer(Box::new((namespace.into(), id)))
    }

    /// Database and collection.
    pub fn namespace(&self) -> &str {
        &self.0.0
    }

    /// The document's `_id`.
    pub fn id(&self) -> ObjectId {
        self.0.1
    }

    /// The same value, borrowed; allocates.
    pub fn borrow(&self) -> DbPointer<'_> {
        DbPointer::new(self.namespace(), self.id())
    }

    /// The same value, owning its text.
    pub fn into_static(self) -> DbPointer<'static> {
        let (namespace, id) = *self.0;
        DbPointer::new(namespace.into_owned(), id)
    }
}
