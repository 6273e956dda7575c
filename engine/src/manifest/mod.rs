//! The manifest: the list of indexes, segments and watermarks, and how it survives.
//!
//! The list is a [`ManifestState`]; a [`ManifestEdit`] changes it. A manifest file holds a snapshot
//! of the state and the edits since; when it has grown long, a new file with the next number takes
//! over. The bytes are described in `docs/formats/manifest.md`.
//!
//! ```text
//! recover ──► Recovered ──check_known──► resume ──► ManifestWriter ──append──► append ──► ...
//!                                                        │ now and then
//! manifest-7 ◄─────────────────── remove ◄── rename ◄── sync ◄── manifest-8.tmp (snapshot)
//! ```
//!
//! Not for: making data files durable before an edit names them, and removing files that no edit
//! names any more.

mod apply;
mod describe;
mod edit;
pub mod label;
pub mod record;
mod recover;
mod state;
mod writer;

#[cfg(test)]
mod tests;

pub use describe::describe;
pub use edit::{
    Change, Counters, ManifestEdit, decode as decode_changes, encode as encode_changes,
};
pub use recover::{
    ManifestPosition, Recovered, Salvaged, TornTail, check_known, follow, recover, salvage,
};
pub use state::{FileUse, IndexRecord, Installed, ManifestState, NUMBER_MAX};
pub use writer::{ManifestWriter, RotateAt};
