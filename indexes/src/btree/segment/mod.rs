//! A tree in the pages of a file, as it lies there and as it is read.
//!
//! `node` says how keys lie in pages, `tree` finds them, `cursor` walks, `space` says which pages
//! are not in the tree, `detail` what the manifest keeps, `living` who looks at trees. Written
//! normatively in `docs/formats/btree.md`.

pub(super) mod node;
pub(super) mod space;
pub(super) mod detail;
pub(super) mod living;
pub(super) mod tree;
pub(super) mod cursor;
mod summary;
mod verify;

pub use tree::Tree;

pub(super) use verify::verify;
