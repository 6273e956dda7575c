//! Where results go: standard output, as text or as JSON.
//!
//! Not for errors and progress, which go to standard error.

use std::io::{self, BufWriter, StdoutLock, Write};

use cuesta::{Error, Result};
use serde_json::Value;

/// The form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs: one JSON value a line.
    Json,
}

/// Standard output, buffered.
pub struct Output {
    form: Form,
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    /// Standard output in a form.
    pub fn new(form: Form) -> Output {
        Output { form, out: BufWriter::with_capacity(64 << 10, io::stdout().lock()) }
    }

    /// The form asked for.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Prints `text` or `json`, whichever is asked for.
    ///
    /// # Errors
    /// `Io`.
    pub fn show(
        &mut self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> Result<()> {
        let mut line = match self.form {
            Form::Text => text(),
            Form::Json => json().to_string(),
        };
        if !line.is_empty() && !line.ends_with('\n') {
            line.push('\n');
        }
        self.write(|out| out.write_all(line.as_bytes()))
    }

    /// Prints a line for people at once; nothing when JSON is asked for.
    ///
    /// # Errors
    /// `Io`.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        match self.form {
            Form::Text => self.write(|out| writeln!(out, "{line}").and_then(|()| out.flush())),
            Form::Json => Ok(()),
        }
    }

    /// Lets `write` write.
    ///
    /// # Errors
    /// `Io`.
    pub fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        write(&mut self.out).map_err(failed)
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(&mut self) -> Result<()> {
        self.out.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("writing to standard output", error)
}
