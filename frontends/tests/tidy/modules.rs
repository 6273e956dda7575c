//! The order of `mod` lines in a crate's `lib.rs` (or `main.rs`) is the order of its layers: a
//! module uses only itself and earlier ones.

use crate::repository::{Complaints, Repository};
use crate::source::{Source, words};

/// Checks every crate that has more than one module.
pub fn check(repository: &Repository) -> Complaints {
    let mut complaints = Complaints::new("module order");
    for root in repository.shipped_rust() {
        let Some(folder) = root_folder(&root.path) else { continue };
        let order = modules(root);
        for source in repository.shipped_rust() {
            if let Some(inside) = source.path.strip_prefix(folder) {
                check_file(source, inside, &order, &root.path, &mut complaints);
            }
        }
    }
    complaints
}

/// `x/src/` of a crate's root file.
fn root_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("lib.rs").or_else(|| path.strip_suffix("main.rs"))?;
    folder.ends_with("src/").then_some(folder)
}

/// Names of the modules that a root file declares, in order, tests apart.
fn modules(root: &Source) -> Vec<&str> {
    let words: Vec<(usize, &str)> = words(&root.code).collect();
    let pairs = words.windows(2).filter(|pair| pair[0].1 == "mod" && !root.in_test(pair[0].0));
    pairs.map(|pair| pair[1].1).collect()
}

fn check_file(
    source: &Source,
    inside: &str,
    order: &[&str],
    root: &str,
    complaints: &mut Complaints,
) {
    let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    let place = |name: &str| order.iter().position(|module| *module == name);
    let Some(own) = place(parts[0]) else { return };
    // `super` as often as the module is deep reaches the root of the crate.
    let depth = parts.len() - usize::from(parts.last() == Some(&"mod"));
    for (offset, path) in source.paths() {
        let ups = path.iter().take_while(|part| **part == "super").count();
        let named = match path[0] {
            "crate" => path.get(1),
            "super" if ups == depth => path.get(ups),
            _ => None,
        };
        let Some((other, name)) = named.and_then(|name| Some((place(name)?, name))) else {
            continue;
        };
        if other > own && !source.in_test(offset) {
            let message = format!(
                "module {} uses {name}, which {root} lists after it; move the code to the later \
                 one, or what both need to an earlier one",
                parts[0]
            );
            complaints.add(&source.path, source.line(offset), message);
        }
    }
}

#[test]
fn a_module_that_names_a_later_one_is_found() {
    let repository = Repository::planted(&[
        (
            "engine/src/lib.rs",
            "pub mod error;\nmod env;\npub(crate) mod log;\n#[cfg(test)]\nmod model;\n",
        ),
        ("engine/src/error.rs", "use super::log::Log;\nuse crate::{Result, env};\n"),
        ("engine/src/env/mod.rs", "use crate::error::Error;\nuse super::error::Error;\n"),
        (
            "engine/src/env/os.rs",
            "fn f() { super::super::log::open(); super::log::g(); }\n\
             #[cfg(test)]\nfn g() { crate::log::open() }\n",
        ),
        ("engine/src/env/tests.rs", "use crate::log::Log;\n"),
        ("engine/src/model.rs", "use crate::log::Log;\n"),
    ]);
    let found = check(&repository).places();
    assert_eq!(found, ["engine/src/error.rs:1", "engine/src/error.rs:2", "engine/src/env/os.rs:1"]);
}
