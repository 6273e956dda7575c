//! How a failure is shown, and the exit code that it gets.
//!
//! | exit code | kinds of errors |
//! | ---: | --- |
//! | 0 | none |
//! | 1 | `NotFound` |
//! | 2 | `Invalid`: the command line or the input is wrong |
//! | 3 | `Corrupt` |
//! | 4 | `Locked`, `Busy`: another process has it, or too many do; try again |
//! | 5 | `Io`, `Full`, `Poisoned`: the system or its disk; and what is none of the others |
//! | 6 | `Conflict`: another value was there |
//! | 7 | `Timeout`: nothing came in time |
//! | 8 | `Exists` |
//! | 9 | `Unsupported` |
//! | 10 | `Expired`: the log begins later |

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use clap::Args;
use cuesta::{Error, ErrorKind, Result};
use serde_json::json;

use crate::output::Form;

/// The exit code of a kind of errors.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotFound => 1,
        ErrorKind::Invalid => 2,
        ErrorKind::Corrupt => 3,
        ErrorKind::Locked | ErrorKind::Busy => 4,
        ErrorKind::Conflict => 6,
        ErrorKind::Timeout => 7,
        ErrorKind::Exists => 8,
        ErrorKind::Unsupported => 9,
        ErrorKind::Expired => 10,
        _ => 5,
    }
}

/// Shows an error on standard error. A reader that went away, as `head` does, is none.
pub fn report(error: &Error, form: Form) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    show(error.kind(), &in_our_words(error), form);
    ExitCode::from(exit_code(error.kind()))
}

/// What is to be done about keys whose operands do not fit their values.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Unmergeable {
    /// Leave out keys whose operands do not fit their values, and tell them on standard error
    #[arg(long)]
    skip_unmergeable: bool,
}

impl Unmergeable {
    /// Tells a key that is left out because reading it fails.
    ///
    /// # Errors
    /// The same, if it is not to be left out.
    pub fn pass(self, error: Error, form: Form) -> Result<()> {
        if !self.skip_unmergeable {
            return Err(error.advice("--skip-unmergeable leaves it out"));
        }
        match form {
            Form::Json => eprintln!("{}", json!({ "left_out": error.message() })),
            Form::Text => eprintln!("cuesta: left out: {}", error.message()),
        }
        Ok(())
    }
}

/// Shows what is wrong with the command line, or the help that it asks for.
pub fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help to a closed pipe is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        show(ErrorKind::Invalid, &in_one_line(error), Form::Json);
    } else {
        let _ = error.print();
    }
    ExitCode::from(exit_code(ErrorKind::Invalid))
}

/// What is wrong with the command line, with what it names in lines of their own: all but the
/// usage.
fn in_one_line(error: &clap::Error) -> String {
    use clap::error::ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    if matches!(error.kind(), DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand) {
        return "a command is missing: `cuesta help` lists them".to_owned();
    }
    let text = error.to_string();
    let is_over = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more info");
    let lines = text.lines().map(str::trim).take_while(is_over).filter(|line| !line.is_empty());
    let mut told = String::new();
    for line in lines {
        match () {
            () if told.is_empty() => told += line.trim_start_matches("error: "),
            () if told.ends_with(':') => told = format!("{told} {line}"),
            () if line.starts_with("tip:") => told = format!("{told}; {line}"),
            () => told = format!("{told}, {line}"),
        }
    }
    told
}

/// Settings of the library, and what they are on a command line.
const WORDS: [(&str, &str); 5] = [
    (
        "by log_retention_bytes for feeds to come, by feed_retention_bytes for open ones",
        "by --log-retention-bytes or --log-retention-age of the commands that write, or by \
         --feed-retention-bytes where that bounds the age",
    ),
    (": open_reader, or mode=\"reader\", reads along with it", ""),
    (": one that the writer has just created is seen after refresh", ""),
    (" with read_only, or mode=\"read\", while nobody writes it", " while nobody writes it"),
    ("open the database with a larger snapshot_budget or memory_budget", "give it more --memory"),
];

/// The message, with the options of commands in it and not the settings of the library.
fn in_our_words(error: &Error) -> String {
    let told = error.message().to_owned();
    match error.kind() {
        ErrorKind::Expired | ErrorKind::Locked | ErrorKind::NotFound | ErrorKind::Io => {
            WORDS.iter().fold(told, |told, (theirs, ours)| told.replace(theirs, ours))
        }
        _ => told,
    }
}

fn show(kind: ErrorKind, message: &str, form: Form) {
    match form {
        Form::Json => {
            eprintln!("{}", json!({ "error": { "kind": kind.name(), "message": message } }));
        }
        Form::Text => eprintln!("cuesta: {message}"),
    }
}

fn is_closed_pipe(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expired_is_told_with_the_options_of_commands() {
        let dir = tempfile::tempdir().unwrap();
        let db = cuesta::Database::builder()
            .memory_budget(8 << 20)
            .snapshot_budget(0)
            .open(dir.path())
            .unwrap();
        let keyspace = db.keyspace("k").unwrap();
        let snapshot = db.snapshot();
        let newest = db.snapshot();
        for n in 0..100u32 {
            keyspace.put(n.to_be_bytes(), vec![7; 100_000]).unwrap();
        }
        db.flush().unwrap();
        let error = snapshot.get(&keyspace, "a").err();
        drop(newest);
        let error = error.unwrap_or_else(|| db.changes_since(0).map(drop).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Expired);
        let told = in_our_words(&error);
        assert!(told.contains(" --") && !told.contains('_'), "{told}");
    }
}
