//! The manual tells the truth: its examples run.

use std::path::Path;

use crate::program::Desk;

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
/// Shown, but not run here: what is no command, and what takes long.
const NOT_RUN: [&str; 2] = ["cuesta COMMAND", "cuesta demo"];

/// Lines of the manual's shell examples.
fn examples(manual: &str) -> Vec<&str> {
    let mut in_shell = false;
    let mut examples = Vec::new();
    for line in manual.lines() {
        match line {
            "```sh" => in_shell = true,
            "```" => in_shell = false,
            _ if in_shell && line.starts_with("cuesta ") => examples.push(line),
            _ => {}
        }
    }
    examples
}

/// Splits as a shell does, for words with single quotes around them at the most.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

#[test]
fn the_examples_of_the_manual_run() {
    let desk = Desk::new();
    let examples_folder = Path::new(MANUAL).parent().unwrap().join("../examples");
    std::os::unix::fs::symlink(examples_folder, desk.path("examples")).unwrap();
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let mut run = 0;
    for example in examples(&manual) {
        if NOT_RUN.iter().any(|start| example.starts_with(start)) {
            continue;
        }
        let words = words(example);
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let outcome = desk.run_with(&arguments, b"");
        assert_eq!((outcome.code, outcome.errors.as_str()), (0, ""), "{example}");
        run += 1;
    }
    assert!(run >= 20, "{run} examples");
}

#[test]
fn the_manual_has_every_command() {
    let desk = Desk::new();
    let manual = std::fs::read_to_string(MANUAL).unwrap();
    let help = desk.text("help");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands
        .map_while(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(names.len(), 29, "{names:?}");
    for name in names {
        assert!(manual.contains(&format!("cuesta {name}")), "{name}");
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}
