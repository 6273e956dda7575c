//! Planning: which index answers a query, and from where to where it is read.
//!
//! ```text
//! filter ──► access: bounds of each field, and what is left to ask
//!               │ for each index
//!               ▼
//!            ranges: stretches of its keys ──► what it would cost ──► the cheapest
//! ```
//!
//! Not for: reading.

pub mod cut;
pub mod bounds;
pub mod shape;
pub mod access;
pub mod ranges;
pub mod order;
pub mod choose;
#[cfg(test)]
mod tests;
