//! Makes operations of what is intact of a damaged tree.
//!
//! From the root down: where a node is damaged, all keys that may lie below it are lost, and what
//! lies beside it is not.
//!
//! Not for: trees that neither the manifest nor a label tells of.

use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::ensure_sound;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::Files;
use cuesta_engine::format::name;
use cuesta_engine::index::{KnownBy, Remnant, Salvage};

use super::segment::Tree;
use super::segment::living::Living;
use super::segment::node::{self, Frame, Pointer};
use super::segment::tree::seed;
use crate::ordered::operand::Rules;
use crate::ordered::saving::Saving;
use crate::ordered::span::is_before;

/// Hands on what is intact of `remnants`.
///
/// # Errors
/// What `found` fails with.
pub(super) fn salvage(
    remnants: &[Remnant],
    _known: KnownBy,
    (files, rules): (&dyn Files, &Rules),
    found: &mut dyn Salvage,
) -> Result<()> {
    let living = Arc::<Living>::default();
    let mut saving = Saving::new(rules, found);
    for remnant in remnants {
        match Tree::unchecked(&remnant.meta, files, &living) {
            Ok(tree) if tree.detail().root != 0 => {
                let (root, level) = (tree.detail().root, tree.detail().height - 1);
                let seen = BTreeSet::new();
                let mut saved = Salvaging { tree: &tree, saving: &mut saving, seen };
                saved.node(root, level, (&[], None))?;
            }
            Ok(_) => {}
            Err(error) => saving.lose_keys(&[], None, error.to_string()),
        }
    }
    saving.hand_on()
}

/// Whether the keys of a leaf are from `low` on and before `high`.
fn is_within(bytes: &[u8], frame: &Frame, low: &[u8], high: Option<&[u8]>) -> Result<bool> {
    if frame.level > 0 || frame.count == 0 {
        return Ok(true);
    }
    let key = |i| Ok::<_, Error>(bytes.get(frame.entry(bytes, i)?.key).unwrap_or_default());
    Ok(key(0)? >= low && is_before(key(frame.count - 1)?, high))
}

struct Salvaging<'t, 's, 'f> {
    tree: &'t Tree,
    saving: &'s mut Saving<'f>,
    /// Pages of nodes so far: each has one use.
    seen: BTreeSet<u32>,
}

impl Salvaging<'_, '_, '_> {
    /// What is intact of a node, and of all below it, with keys from `low` on and before `high`.
    fn node(&mut self, page: u32, level: u8, (low, high): (&[u8], Option<&[u8]>)) -> Result<()> {
        let tree = self.tree;
        let is_first = self.seen.insert(page);
        let read = tree.node_unchecked(page).and_then(|(body, frame)| {
            node::check(body.bytes(), seed(tree.file(), page))?;
            node::verify(body.bytes())?;
            ensure_sound!(is_first, "it has two uses");
            ensure_sound!(frame.level == level, "it is of level {}", frame.level);
            // Where labels tell of the tree, its pages may have been written over since.
            let newest = tree.detail().generation;
            ensure_sound!(frame.generation <= newest, "it is of another tree");
            ensure_sound!(is_within(body.bytes(), &frame, low, high)?, "its keys are others");
            Ok((body, frame))
        });
        let (body, frame) = match read {
            Ok(read) => read,
            Err(error) => {
                let why = format!("{}, page {page}: {error}", name::data(tree.file()));
                self.saving.lose_keys(low, high, why);
                return Ok(());
            }
        };
        let bytes = body.bytes();
        for i in 0..frame.count {
            if level > 0 {
                let low = if i == 0 { low.to_vec() } else { frame.separator(bytes, i)? };
                let next = match i + 1 < frame.count {
                    true => Some(frame.separator(bytes, i + 1)?),
                    false => high.map(<[u8]>::to_vec),
                };
                self.node(frame.child(bytes, i)?, level - 1, (&low, next.as_deref()))?;
                continue;
            }
            let entry = frame.entry(bytes, i)?;
            let key = bytes.get(entry.key).unwrap_or_default();
            let stored = bytes.get(entry.stored).unwrap_or_default();
            if entry.apart {
                let value = Pointer::decode(stored).and_then(|at| tree.apart_unchecked(&at));
                let value = value.map(|body| body.bytes().to_vec());
                self.saving.found_apart(key, entry.kind, value)?;
            } else {
                self.saving.entry_or_delete(key, entry.kind, stored)?;
            }
        }
        Ok(())
    }
}
