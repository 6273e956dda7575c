//! The command `cuesta`: reads and writes databases from a terminal or a script.
//!
//! `docs/cli.md` is its manual. Nothing here is a library: what a program needs is in the crate
//! `cuesta`.
//!
//! Invariants:
//! 1. Results go to standard output; progress and errors go to standard error.
//! 2. Every failure is one [`cuesta::Error`], and its kind decides the exit code (`failure.rs`).
//! 3. Commands that only read open the database for reading, and never create one.

mod figures;
mod random;
mod text;
mod record;
mod output;
mod changes;
mod pack;
mod failure;
mod progress;
mod lifetime;
mod place;
mod writing;
mod made;
mod tuning;
mod input;
mod rows;
mod import;
mod bench;
mod demo;
mod command;

use std::process::ExitCode;

use clap::Parser;

use crate::command::{Command, DemoCopy};
use crate::output::{Form, Output};

/// Import, export, look into, check and measure Cuesta databases.
#[derive(Debug, Parser)]
#[command(name = "cuesta", version, max_term_width = 100)]
struct Arguments {
    /// Print results as JSON, and errors as {"error": {"kind", "message"}}
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|name| name == demo::COPY) {
        return copy_for_the_demo();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::refuse(&error),
    };
    let form = if arguments.json { Form::Json } else { Form::Text };
    let mut output = Output::new(form);
    let outcome = arguments.command.run(&mut output).and_then(|()| output.finish());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, form),
    }
}

/// What the demo kills.
fn copy_for_the_demo() -> ExitCode {
    let copy = match DemoCopy::try_parse_from(std::env::args_os().skip(1)) {
        Ok(copy) => copy,
        Err(error) => return failure::refuse(&error),
    };
    copy.run().map_or_else(|error| failure::report(&error, Form::Text), |()| ExitCode::SUCCESS)
}
