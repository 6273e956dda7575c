//! Documents and arrays written in Rust like JSON.

/// Makes a [`Document`](crate::document::value::Document) of what looks like JSON.
///
/// Names are texts, or expressions in parentheses. Values are `null`, arrays in brackets,
/// documents in braces, or any expression that a [`Value`](crate::document::value::Value) can be
/// made from: whole numbers are 32 bits wide unless they say otherwise.
///
/// ```
/// let (name, most) = ("height", 8_000_i64);
/// let query = cuesta::doc! { (name): {"$gt": 10.5, "$lt": most}, "tags": ["a", null], "x": -1 };
/// let text = r#"{"height": {"$gt": 10.5, "$lt": Long(8000)}, "tags": ["a", null], "x": -1}"#;
/// assert_eq!(format!("{query:?}"), text);
/// ```
#[macro_export]
macro_rules! doc {
    () => { $crate::document::value::Document::new() };
    ($($fields:tt)+) => {
        $crate::document::value::Document::from_fields($crate::document_fields!([] $($fields)+))
    };
}

/// Makes an [`Array`](crate::document::value::Array) of what looks like JSON, as
/// [`doc!`](crate::doc) does for documents.
///
/// ```
/// assert_eq!(format!("{:?}", cuesta::array![1, [], {"a": null}]), r#"[1, [], {"a": null}]"#);
/// ```
#[macro_export]
macro_rules! array {
    () => { $crate::document::value::Array::new() };
    ($($items:tt)+) => {
        $crate::document::value::Array::from_items($crate::array_items!([] $($items)+))
    };
}

/// The fields of [`doc!`](crate::doc) as a vector; those in brackets are done.
#[doc(hidden)]
#[macro_export]
macro_rules! document_fields {
    ([$($done:tt)*]) => { ::std::vec![$($done)*] };
    ([$($done:tt)*] $name:tt : null $(, $($rest:tt)*)?) => {
        $crate::document_fields!(
            [$($done)* ($name.into(), $crate::document::value::Value::Null),] $($($rest)*)?
        )
    };
    ([$($done:tt)*] $name:tt : [$($items:tt)*] $(, $($rest:tt)*)?) => {
        $crate::document_fields!(
            [$($done)* ($name.into(), $crate::array![$($items)*].into()),] $($($rest)*)?
        )
    };
    ([$($done:tt)*] $name:tt : {$($fields:tt)*} $(, $($rest:tt)*)?) => {
        $crate::document_fields!(
            [$($done)* ($name.into(), $crate::doc!{$($fields)*}.into()),] $($($rest)*)?
        )
    };
    ([$($done:tt)*] $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::document_fields!([$($done)* ($name.into(), $value.into()),] $($($rest)*)?)
    };
}

/// The values of [`array!`](crate::array) as a vector; those in brackets are done.
#[doc(hidden)]
#[macro_export]
macro_rules! array_items {
    ([$($done:tt)*]) => { ::std::vec![$($done)*] };
    ([$($done:tt)*] null $(, $($rest:tt)*)?) => {
        $crate::array_items!([$($done)* $crate::document::value::Value::Null,] $($($rest)*)?)
    };
    ([$($done:tt)*] [$($items:tt)*] $(, $($rest:tt)*)?) => {
        $crate::array_items!([$($done)* $crate::array![$($items)*].into(),] $($($rest)*)?)
    };
    ([$($done:tt)*] {$($fields:tt)*} $(, $($rest:tt)*)?) => {
        $crate::array_items!([$($done)* $crate::doc!{$($fields)*}.into(),] $($($rest)*)?)
    };
    ([$($done:tt)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::array_items!([$($done)* $value.into(),] $($($rest)*)?)
    };
}
