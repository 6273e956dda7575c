//! The crash harness: runs workloads on a simulated disk, crashes them at every operation in every
//! way, recovers, and compares everything with a model.
//!
//! | file | answers |
//! | --- | --- |
//! | `cast` | which index types take part? |
//! | `workload` | what is done? |
//! | `process` | what is it done in? |
//! | `run` | how is it done, and what was promised when? |
//! | `model`, `claims` | what should be there, and what must be there? |
//! | `copies` | what of checkpoints and backups? |
//! | `examine` | is what a crash left right? |
//! | `fail` | what if the n-th call to the disk fails? |
//! | `count` | how much was examined? |
//! | `search` | does any of these workloads go wrong, and how little of it is enough? |
//!
//! Not for: finding out what to test; `docs/testing.md` says what is tested and how.

#![allow(dead_code, reason = "no program that includes the harness uses all of it")]

pub mod cast;
pub mod claims;
pub mod copies;
pub mod count;
pub mod examine;
pub mod fail;
pub mod model;
pub mod process;
pub mod readers;
pub mod run;
pub mod search;
pub mod workload;
