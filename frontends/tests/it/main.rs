//! Tests of the Rust front-end from the outside.

mod api;
mod budget;
mod model;
mod threads;
