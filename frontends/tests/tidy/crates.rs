//! Arrows between crates point down only.

use crate::repository::{Complaints, Repository};

/// Each crate's folder, and the crates of this project that its manifest may name, for tests too.
const ARROWS: [(&str, &[&str]); 10] = [
    ("engine", &[]),
    ("indexes", &["cuesta-engine"]),
    ("frontends", &["cuesta-engine", "cuesta-indexes"]),
    ("replication", &["cuesta-engine"]),
    ("cli", &["cuesta", "cuesta-engine", "cuesta-indexes"]),
    ("server", &["cuesta", "cuesta-replication"]),
    ("bindings/python", &["cuesta"]),
    ("benches", &["cuesta"]),
    ("benches/peers", &["cuesta"]),
    ("fuzz", &["cuesta", "cuesta-engine", "cuesta-indexes"]),
];

/// Checks every manifest of the repository.
pub fn check(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("crate arrows");
    for manifest in repository.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = manifest.path.trim_end_matches("/Cargo.toml");
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_folder, _)| *crate_folder == folder)
        else {
            let message = "crate without a place in the layers; say in ARROWS of \
                           frontends/tests/tidy/crates.rs which crates it may use";
            complaints.add(&manifest.path, 1, message);
            continue;
        };
        for (line, name) in project_dependencies(&manifest.text) {
            if !allowed.contains(&name.as_str()) {
                let message = format!(
                    "{folder} may not depend on {name}, only on {allowed:?}; move what is needed \
                     down to the lowest crate that owns the idea"
                );
                complaints.add(&manifest.path, line, message);
            }
        }
    }
    complaints
}

/// Crates of this project that the dependency sections of a manifest name, with their lines.
fn project_dependencies(manifest: &str) -> Vec<(usize, String)> {
    let ours = |name: &str| name == "cuesta" || name.starts_with("cuesta-");
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (at, line) in manifest.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            if let Some((_, name)) = section.rsplit_once("dependencies.") {
                in_dependencies = true;
                found.push((at + 1, name.to_string()));
            }
        } else if in_dependencies && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            let renamed = line.split("package").nth(1).and_then(|rest| rest.split('"').nth(1));
            found.push((at + 1, renamed.unwrap_or(name).to_string()));
        }
    }
    found.retain(|(_, name)| ours(name));
    found
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let repository = Repository::planted(&[
        (
            "engine/Cargo.toml",
            "[package]\nname = \"cuesta-engine\"\n[dependencies]\nzstd = \"1\"\n",
        ),
        (
            "indexes/Cargo.toml",
            "[dependencies]\ncuesta-engine.workspace = true\n[dev-dependencies]\n\
             x = { path = \"../frontends\", package = \"cuesta\" }\n",
        ),
        ("bindings/python/Cargo.toml", "[target.'cfg(unix)'.dependencies.cuesta-engine]\n"),
        ("extra/Cargo.toml", "[package]\n"),
    ]);
    let found = check(&repository).places();
    assert_eq!(
        found,
        ["indexes/Cargo.toml:4", "bindings/python/Cargo.toml:1", "extra/Cargo.toml:1"]
    );
}
