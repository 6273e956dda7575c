//! MongoDB's error codes, carried by Cuesta's one error as its source.
//!
//! An error of the document front-end is a [`crate::Error`] whose kind tells what to do, and whose
//! source is a [`Failure`] with the number that drivers and applications of MongoDB look at:
//!
//! ```
//! use cuesta::document::failure::{self, Failure};
//!
//! let error = failure::bad_value("$size needs a whole number, not \"two\"");
//! assert_eq!(error.kind(), cuesta::ErrorKind::Invalid);
//! assert_eq!(Failure::of(&error).map(Failure::code), Some(2));
//! ```
//!
//! Not for: errors that have nothing to do with documents; those have no code.

use std::error::Error as _;
use std::fmt;

use crate::{Error, ErrorKind};

/// A MongoDB error code, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: i32,
    details: Option<Vec<u8>>,
}

impl Failure {
    /// A failure of this code. Use the functions of this module where there is one.
    pub fn new(code: i32) -> Failure {
        Failure { code, details: None }
    }

    /// This failure with a document that says more, as BSON: `keyPattern` and `keyValue` of a
    /// duplicate key.
    pub fn with_details(mut self, bson: Vec<u8>) -> Failure {
        self.details = Some(bson);
        self
    }

    /// The code, such as 11000.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The document that says more, as BSON.
    pub fn details(&self) -> Option<&[u8]> {
        self.details.as_deref()
    }

    /// The code's name, such as `DuplicateKey`; `Location` and the number for others.
    pub fn name(&self) -> String {
        let known = NAMES.iter().find(|(code, _)| *code == self.code);
        known.map_or_else(|| format!("Location{}", self.code), |(_, name)| (*name).to_string())
    }

    /// This failure as an error.
    pub fn into_error(self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).caused_by(self)
    }

    /// The failure that an error carries, or what caused it does.
    pub fn of(error: &Error) -> Option<&Failure> {
        let mut next = error.source();
        while let Some(source) = next {
            if let Some(found) = source.downcast_ref::<Failure>() {
                return Some(found);
            }
            next = source.source();
        }
        None
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.name(), self.code)
    }
}

impl std::error::Error for Failure {}

/// The code of [`duplicate_key`].
pub const DUPLICATE_KEY: i32 = 11000;

/// An error of kind `Invalid` with a code that has no function of its own, such as the numbers
/// above 10,000 by which MongoDB tells places apart.
pub fn invalid(code: i32, message: impl Into<String>) -> Error {
    Failure::new(code).into_error(ErrorKind::Invalid, message)
}

macro_rules! codes {
    ($($(#[$doc:meta])* $function:ident $code:literal $name:ident $kind:ident;)*) => {
        /// Codes and their names.
        const NAMES: &[(i32, &str)] = &[$(($code, stringify!($name)),)*];

        $($(#[$doc])* pub fn $function(message: impl Into<String>) -> Error {
            Failure::new($code).into_error(ErrorKind::$kind, message)
        })*
    };
}

codes! {
    /// Code 2, `BadValue`: an argument of the right type is not one of those allowed.
    bad_value 2 BadValue Invalid;
    /// Code 9, `FailedToParse`: a query, an update or a text is not well formed.
    failed_to_parse 9 FailedToParse Invalid;
    /// Code 14, `TypeMismatch`: a value is of the wrong type.
    type_mismatch 14 TypeMismatch Invalid;
    /// Code 15, `Overflow`: too deep, or a number too large.
    overflow 15 Overflow Invalid;
    /// Code 16, `InvalidLength`: too short or too long.
    invalid_length 16 InvalidLength Invalid;
    /// Code 20, `IllegalOperation`: not allowed here.
    illegal_operation 20 IllegalOperation Invalid;
    /// Code 22, `InvalidBSON`: bytes that are no BSON document.
    invalid_bson 22 InvalidBSON Invalid;
    /// Code 26, `NamespaceNotFound`: there is no such collection.
    namespace_not_found 26 NamespaceNotFound NotFound;
    /// Code 27, `IndexNotFound`: there is no such index.
    index_not_found 27 IndexNotFound NotFound;
    /// Code 28, `PathNotViable`: a path leads through something that is no document.
    path_not_viable 28 PathNotViable Invalid;
    /// Code 40, `ConflictingUpdateOperators`: two operators write the same place.
    conflicting_update_operators 40 ConflictingUpdateOperators Invalid;
    /// Code 43, `CursorNotFound`: the cursor is closed, has expired, or never was.
    cursor_not_found 43 CursorNotFound NotFound;
    /// Code 48, `NamespaceExists`: there is such a collection already.
    namespace_exists 48 NamespaceExists Exists;
    /// Code 50, `MaxTimeMSExpired`: it took longer than allowed.
    max_time_expired 50 MaxTimeMSExpired Timeout;
    /// Code 52, `DollarPrefixedFieldName`: a field's name begins with `$` where none may.
    dollar_prefixed_field_name 52 DollarPrefixedFieldName Invalid;
    /// Code 53, `InvalidIdField`: an `_id` that no document may have.
    invalid_id_field 53 InvalidIdField Invalid;
    /// Code 56, `EmptyFieldName`: a part of a path is empty.
    empty_field_name 56 EmptyFieldName Invalid;
    /// Code 59, `CommandNotFound`: there is no such command.
    command_not_found 59 CommandNotFound Unsupported;
    /// Code 66, `ImmutableField`: an update would change `_id`.
    immutable_field 66 ImmutableField Invalid;
    /// Code 67, `CannotCreateIndex`: an index specification makes no sense.
    cannot_create_index 67 CannotCreateIndex Invalid;
    /// Code 68, `IndexAlreadyExists`: the same keys are indexed under another name.
    index_already_exists 68 IndexAlreadyExists Exists;
    /// Code 72, `InvalidOptions`: options that make no sense, or not together.
    invalid_options 72 InvalidOptions Invalid;
    /// Code 73, `InvalidNamespace`: a name that no database or collection may have.
    invalid_namespace 73 InvalidNamespace Invalid;
    /// Code 85, `IndexOptionsConflict`: an index of the same keys has other options.
    index_options_conflict 85 IndexOptionsConflict Exists;
    /// Code 86, `IndexKeySpecsConflict`: an index of the same name has other keys.
    index_key_specs_conflict 86 IndexKeySpecsConflict Exists;
    /// Code 112, `WriteConflict`: another transaction got there first.
    write_conflict 112 WriteConflict Conflict;
    /// Code 115, `CommandNotSupported`: a command that Cuesta knows and does not have.
    command_not_supported 115 CommandNotSupported Unsupported;
    /// Code 121, `DocumentValidationFailure`: the document breaks its collection's rules.
    document_validation_failure 121 DocumentValidationFailure Invalid;
    /// Code 146, `ExceededMemoryLimit`: a stage needs more memory than it may have.
    exceeded_memory_limit 146 ExceededMemoryLimit Full;
    /// Code 171, `CannotIndexParallelArrays`: two fields of one index are arrays.
    cannot_index_parallel_arrays 171 CannotIndexParallelArrays Invalid;
    /// Code 197, `InvalidIndexSpecificationOption`: there is no such option of an index.
    invalid_index_option 197 InvalidIndexSpecificationOption Invalid;
    /// Code 238, `NotImplemented`: something of MongoDB's that is not here; the message names it.
    unsupported 238 NotImplemented Unsupported;
    /// Code 241, `ConversionFailure`: a value cannot become one of the type asked for.
    conversion_failure 241 ConversionFailure Invalid;
    /// Code 263, `OperationNotSupportedInTransaction`: it is no part of any transaction.
    not_in_transaction 263 OperationNotSupportedInTransaction Unsupported;
    /// Code 276, `IndexBuildAborted`: the index was dropped while it was built.
    index_build_aborted 276 IndexBuildAborted NotFound;
    /// Code 286, `ChangeStreamHistoryLost`: the place to resume from is no longer kept.
    change_stream_history_lost 286 ChangeStreamHistoryLost Expired;
    /// Code 292, `QueryExceededMemoryLimitNoDiskUseAllowed`: it would have to spill and may not.
    exceeded_memory_limit_without_disk 292 QueryExceededMemoryLimitNoDiskUseAllowed Full;
    /// Code 10334, `BSONObjectTooLarge`: a document larger than allowed.
    document_too_large 10334 BSONObjectTooLarge Invalid;
    /// Code 11000, `DuplicateKey`: a unique index holds this key already.
    duplicate_key 11000 DuplicateKey Exists;
    /// Code 40324, `Location40324`: there is no such pipeline stage.
    unrecognized_stage 40324 Location40324 Unsupported;
    /// Code 168, `InvalidPipelineOperator`: there is no such expression.
    invalid_pipeline_operator 168 InvalidPipelineOperator Unsupported;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_found_behind_other_errors() {
        let error = duplicate_key("a: 1 is there already").into_kind(ErrorKind::Conflict);
        let found = Failure::of(&error).expect("it carries one");
        assert_eq!((found.code(), found.name().as_str()), (11000, "DuplicateKey"));
        assert_eq!(Failure::of(&Error::invalid("no code")), None);
        assert_eq!(Failure::new(17287).name(), "Location17287");
    }
}
