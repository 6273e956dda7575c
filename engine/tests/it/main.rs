//! The engine under test: index types behind the seam, on a simulated and on a real disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../kinds/mod.rs"]
mod kinds;

mod world;

mod catalog;
mod commits;
mod faults;
mod io_order;
mod backup;
mod checkpoint;
mod lifecycle;
mod random;
mod repair;
mod scrub;
mod seam;
mod space;
mod threads;
mod views;
