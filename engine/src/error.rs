//! The one error of Cuesta: what happened, and what the caller can do about it.

use std::fmt;
use std::io;

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another transaction got there first: retry.
    Conflict,
    /// The call is wrong: fix it.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// There is such a thing already.
    Exists,
    /// Stored bytes are damaged: repair, or restore a backup.
    Corrupt,
    /// A newer format or a missing feature: upgrade.
    Unsupported,
    /// Out of disk space or memory budget: free space or raise the budget.
    Full,
    /// The operating system refused.
    Io,
    /// A write or sync failed and its outcome is unknown: reopen the database.
    Poisoned,
    /// The view is gone: take a new one.
    Expired,
    /// It took too long.
    Timeout,
    /// The directory is in use by another handle or process.
    Locked,
    /// Too much is going on: retry later.
    Busy,
    /// A bug in Cuesta: report it.
    Internal,
}

impl ErrorKind {
    /// The name as written in code, such as `NotFound`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Conflict => "Conflict",
            ErrorKind::Invalid => "Invalid",
            ErrorKind::NotFound => "NotFound",
            ErrorKind::Exists => "Exists",
            ErrorKind::Corrupt => "Corrupt",
            ErrorKind::Unsupported => "Unsupported",
            ErrorKind::Full => "Full",
            ErrorKind::Io => "Io",
            ErrorKind::Poisoned => "Poisoned",
            ErrorKind::Expired => "Expired",
            ErrorKind::Timeout => "Timeout",
            ErrorKind::Locked => "Locked",
            ErrorKind::Busy => "Busy",
            ErrorKind::Internal => "Internal",
        }
    }
}

/// An error of any part of Cuesta. One word wide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What a panic said, as [`catch_unwind`](std::panic::catch_unwind) hands it out.
pub fn panic_message(cause: &(dyn std::any::Any + Send)) -> &str {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

/// What every fallible call returns.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Error {
                Error::new(ErrorKind::$kind, message)
            })*
        }
    };
}

constructors! {
    /// An error of kind [`ErrorKind::Conflict`].
    conflict => Conflict;
    /// An error of kind [`ErrorKind::Invalid`].
    invalid => Invalid;
    /// An error of kind [`ErrorKind::NotFound`].
    not_found => NotFound;
    /// An error of kind [`ErrorKind::Exists`].
    exists => Exists;
    /// An error of kind [`ErrorKind::Corrupt`].
    corrupt => Corrupt;
    /// An error of kind [`ErrorKind::Unsupported`].
    unsupported => Unsupported;
    /// An error of kind [`ErrorKind::Full`].
    full => Full;
    /// An error of kind [`ErrorKind::Poisoned`].
    poisoned => Poisoned;
    /// An error of kind [`ErrorKind::Expired`].
    expired => Expired;
    /// An error of kind [`ErrorKind::Timeout`].
    timeout => Timeout;
    /// An error of kind [`ErrorKind::Locked`].
    locked => Locked;
    /// An error of kind [`ErrorKind::Busy`].
    busy => Busy;
    /// An error of kind [`ErrorKind::Internal`].
    internal => Internal;
}

impl Error {
    /// An error of `kind`. The message is in lower case, has no final dot, and names the file,
    /// offset, index or limit that it is about.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// An operating system error met while `doing`. Out of space becomes [`ErrorKind::Full`].
    pub fn io(doing: impl fmt::Display, source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Io,
        };
        let message = format!("{doing}: {source}");
        Error(Box::new(Inner { kind, message, source: Some(Box::new(source)) }))
    }

    /// This error with its message preceded by where it happened.
    pub fn context(mut self, place: impl fmt::Display) -> Error {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// This error with its message followed by what can be done about it.
    pub fn advice(mut self, advice: impl fmt::Display) -> Error {
        self.0.message = format!("{}: {advice}", self.0.message);
        self
    }

    /// This error with what it comes from as its source.
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// This error as another kind, with itself as the source.
    pub fn into_kind(self, kind: ErrorKind) -> Error {
        let message = self.0.message.clone();
        Error(Box::new(Inner { kind, message, source: Some(Box::new(self)) }))
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened and where, without the kind.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.name(), self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

/// Returns early with an error of kind [`ErrorKind::Corrupt`] unless the condition holds.
#[macro_export]
macro_rules! ensure_sound {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::Error::corrupt(format!($($message)+)));
        }
    };
}
