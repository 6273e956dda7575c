//! The files of the repository that the rules read, and what a rule says when one is broken.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::source::{Source, body, is_test_path, words};

/// Every text file of the repository, in the order of their paths.
pub struct Repository {
    pub files: Vec<Source>,
    /// Paths of all files, of those that are not text too.
    pub paths: Vec<String>,
}

/// One place where a rule is broken, and what to do instead.
#[derive(Debug)]
pub struct Complaint {
    pub path: String,
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}

/// What one rule finds.
pub struct Complaints {
    rule: &'static str,
    pub found: Vec<Complaint>,
}

impl Complaints {
    pub fn new(rule: &'static str) -> Complaints {
        Complaints { rule, found: Vec::new() }
    }

    pub fn add(&mut self, path: &str, line: usize, message: impl Into<String>) {
        let (path, rule, message) = (path.into(), self.rule, message.into());
        self.found.push(Complaint { path, line, rule, message });
    }

    /// `path:line` of each, for tests of the rules.
    pub fn places(&self) -> Vec<String> {
        self.found.iter().map(|it| format!("{}:{}", it.path, it.line)).collect()
    }
}

const TEXT: [&str; 10] =
    ["rs", "md", "toml", "py", "pyi", "sh", "yml", "json", "lock", "gitignore"];
const SKIPPED_FOLDERS: [&str; 10] = [
    ".git",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "target",
    "dist",
    "corpus",
    "artifacts",
    "__pycache__",
];

impl Repository {
    /// Reads the tree around this crate.
    pub fn load() -> Repository {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut paths = Vec::new();
        walk(&root, &root, &mut paths);
        paths.sort();
        let texts = paths.iter().filter(|path| is_text(path)).filter_map(|path| {
            fs::read_to_string(root.join(path)).ok().map(|text| Source::new(path, &text))
        });
        let files = texts.collect();
        let mut repository = Repository { files, paths };
        repository.mark_test_modules();
        repository
    }

    /// A repository that exists on paper only.
    pub fn planted(files: &[(&str, &str)]) -> Repository {
        let paths = files.iter().map(|(path, _)| path.to_string()).collect();
        let files = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        let mut repository = Repository { files, paths };
        repository.mark_test_modules();
        repository
    }

    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|source| source.is_rust())
    }

    /// Rust files that ship: not tests, benches, examples or fuzz targets.
    pub fn shipped_rust(&self) -> impl Iterator<Item = &Source> {
        self.rust().filter(|source| !source.is_test)
    }

    pub fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|source| source.path == path)
    }

    /// `#[cfg(test)] mod x;` makes x.rs, or all of the folder x, test code.
    fn mark_test_modules(&mut self) {
        let mut tests = Vec::new();
        for source in self.files.iter().filter(|source| source.is_rust()) {
            for range in source.test_ranges() {
                let item = &source.code[range.clone()];
                let mut after_mod = words(item).skip_while(|(_, word)| *word != "mod").skip(1);
                if let (None, Some((_, name))) = (body(item, 0), after_mod.next()) {
                    tests.push(format!("{}/{name}", module_folder(&source.path)));
                }
            }
        }
        for source in &mut self.files {
            let stem = source.path.strip_suffix(".rs").unwrap_or(&source.path);
            let below = |module: &String| stem.strip_prefix(module.as_str());
            source.is_test |=
                tests.iter().filter_map(below).any(|rest| rest.is_empty() || rest.starts_with('/'));
        }
    }
}

/// Folder in which the modules declared by the file at `path` lie.
fn module_folder(path: &str) -> &str {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    }
}

/// By its ending; a name without one is a script or a licence.
fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_none_or(|ending| TEXT.contains(&ending)) && !is_golden(path)
}

/// Stored files that tests compare with: samples of formats, golden logs.
fn is_golden(path: &str) -> bool {
    is_test_path(path) && (path.contains("/formats/") || path.contains("/golden/"))
}

fn walk(root: &Path, folder: &Path, paths: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
            walk(root, &path, paths);
        } else if kind.is_file() {
            paths.push(relative(root, &path));
        }
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

#[test]
fn modules_under_cfg_test_are_test_code() {
    let repository = Repository::planted(&[
        ("engine/src/lib.rs", "mod a;\n#[cfg(test)]\nmod model;\n"),
        ("engine/src/a.rs", "#[cfg(test)]\npub(crate) mod check;\n"),
        ("engine/src/a/check.rs", ""),
        ("engine/src/model/mod.rs", ""),
        ("engine/src/models.rs", ""),
    ]);
    let tests: Vec<bool> = repository.files.iter().map(|source| source.is_test).collect();
    assert_eq!(tests, [false, false, true, true, false]);
}
