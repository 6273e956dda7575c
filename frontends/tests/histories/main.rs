//! Are histories of concurrent transactions what their isolation promises?
//!
//! ```text
//! clients ──► history: who appended what to which list, who read which list, and when
//!                │
//!             versions: the longest list read of each key is the order of all appends to it
//!                │
//!             graph: who must come before whom, and why (ww, wr, rw, real time)
//!                │
//!             anomalies: cycles, by class, and what needs no graph
//! ```
//!
//! The method is that of Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from
//! Experimental Observations", VLDB 2020); the classes are those of Adya ("Weak Consistency: A
//! Generalized Theory and Optimistic Implementations for Distributed Transactions", 1999).
//!
//! The checker is tested on histories written by hand, bad and good; then it judges histories of
//! the real engine, from threads and from a simulated world.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod history;
mod versions;
mod graph;
mod anomalies;
mod known;
mod client;
mod simulated;
mod threads;
