//! Runs the built program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_cuesta");

/// A directory to work in.
pub struct Desk {
    folder: TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: Vec<u8>,
    pub errors: String,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Runs the program here with arguments separated by blanks.
    pub fn run(&self, arguments: &str) -> Outcome {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.run_with(&arguments, b"")
    }

    /// Runs it with exact arguments and standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without having read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            out: output.stdout,
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it, which must succeed; what it printed.
    pub fn text(&self, arguments: &str) -> String {
        self.run(arguments).good()
    }

    /// Runs it with `--json`, which must succeed; the one value that it printed.
    pub fn json(&self, arguments: &str) -> Value {
        let text = self.text(&format!("{arguments} --json"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{arguments}: {e}: {text}"))
    }

    /// Runs it with `--json`, which must succeed; a value for each line that it printed.
    pub fn json_lines(&self, arguments: &str) -> Vec<Value> {
        let text = self.text(&format!("{arguments} --json"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs it with `--json`, which must fail; the exit code, and kind and message of the error.
    pub fn failure(&self, arguments: &str) -> (i32, String, String) {
        let outcome = self.run(&format!("{arguments} --json"));
        let error: Value = serde_json::from_str(&outcome.errors)
            .unwrap_or_else(|e| panic!("{arguments}: {e}: {outcome:?}"));
        let field = |name: &str| error["error"][name].as_str().unwrap().to_owned();
        (outcome.code, field("kind"), field("message"))
    }

    /// Names of the files in a directory here.
    pub fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Outcome {
    /// What was printed by a run that succeeded.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.errors);
        assert_eq!(self.errors, "");
        String::from_utf8(self.out).unwrap()
    }
}
