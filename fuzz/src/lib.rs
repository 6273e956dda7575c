//! Fuzz targets: one function for each format, and one for the whole interface.
//!
//! A target takes any bytes. It may return, and nothing else: a panic, a loop without end or memory
//! without bound is a find. What it asserts beyond that is said where it is defined; the rule for
//! formats is that bytes which are accepted are the bytes that would be written.
//!
//! Checksums are in the way of fuzzing: no change gets past them. So most targets begin with a byte
//! of switches, one of which has the checksums of the rest [made right](log) before it is read.
//!
//! `fuzz_targets/` wraps the targets for libFuzzer; `src/bin/smoke.rs` runs them on stable Rust.

mod input;
mod random;
mod mutate;
mod log;
mod manifest;
mod identity;
mod commit_body;
mod lsm_ops;
mod options;
mod questions;
mod segment_file;
mod segment;
mod tree;
mod block;
mod database;
mod document_key;
mod bson;
mod extended_json;
mod document_pipeline;
mod document_filter;
mod document_update;
mod model;
mod run;
mod shrink;

#[cfg(test)]
mod tests;

pub use block::bytes_block;
pub use bson::bytes_bson;
pub use commit_body::bytes_commit_body;
pub use database::bytes_database;
pub use document_filter::document_filter;
pub use document_key::bytes_document_key;
pub use document_pipeline::document_pipeline;
pub use document_update::document_update;
pub use extended_json::bytes_extended_json;
pub use identity::bytes_identity;
pub use log::bytes_log_record;
pub use lsm_ops::bytes_lsm_ops;
pub use manifest::bytes_manifest;
pub use model::model_api;
pub use mutate::mutated;
pub use options::bytes_options;
pub use random::Random;
pub use run::{fill_corpus, replay, seeds};
pub use segment::bytes_segment;
pub use shrink::shrunk;
pub use tree::bytes_tree;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its function and of its file in `fuzz_targets`.
    pub name: &'static str,
    /// What takes the bytes.
    pub run: fn(&[u8]),
    /// Inputs that get far, to begin from.
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "bytes_log_record", run: bytes_log_record, samples: log::samples },
    Target { name: "bytes_manifest", run: bytes_manifest, samples: manifest::samples },
    Target { name: "bytes_identity", run: bytes_identity, samples: identity::samples },
    Target { name: "bytes_commit_body", run: bytes_commit_body, samples: commit_body::samples },
    Target { name: "bytes_lsm_ops", run: bytes_lsm_ops, samples: lsm_ops::samples },
    Target { name: "bytes_block", run: bytes_block, samples: block::samples },
    Target { name: "bytes_segment", run: bytes_segment, samples: segment::samples },
    Target { name: "bytes_tree", run: bytes_tree, samples: tree::samples },
    Target { name: "bytes_database", run: bytes_database, samples: database::samples },
    Target { name: "bytes_bson", run: bytes_bson, samples: bson::samples },
    Target { name: "bytes_document_key", run: bytes_document_key, samples: document_key::samples },
    Target {
        name: "bytes_extended_json",
        run: bytes_extended_json,
        samples: extended_json::samples,
    },
    Target {
        name: "document_pipeline",
        run: document_pipeline,
        samples: document_pipeline::samples,
    },
    Target { name: "model_api", run: model_api, samples: model::samples },
    Target { name: "document_filter", run: document_filter, samples: document_filter::samples },
    Target { name: "document_update", run: document_update, samples: document_update::samples },
    Target { name: "bytes_options", run: bytes_options, samples: options::samples },
];

/// The target of this name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("there is no target {name}"))
}

/// The content of a file in `fuzz_targets`: hands inputs of libFuzzer to a target or, without
/// libFuzzer, the files that the command line names.
#[macro_export]
macro_rules! fuzz {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(
            init: { $crate::fill_corpus(stringify!($name)) },
            |bytes: &[u8]| $crate::$name(bytes)
        );

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay(stringify!($name));
        }
    };
}
