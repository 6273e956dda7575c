//! How segments merge: levels that each hold about ten times what the one above holds.
//!
//! A plan is a pure decision; a merge, a move, a drop and a flush are work in small steps.

mod plan;
mod tree;
mod run;
mod dropping;
mod flush;
mod load;
mod output;
#[cfg(test)]
mod tests;

pub(super) use dropping::{DROP_PRESSURE, DropWork, covered};
pub(super) use flush::FlushWork;
pub(super) use load::{Before, LoadWork, check, place};
pub(super) use plan::{Mode, debt, plan};
pub(super) use run::{Expiry, Job, MergeWork, MoveWork};
pub(super) use tree::{Piece, Sizes};
