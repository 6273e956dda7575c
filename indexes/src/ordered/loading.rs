//! Which operations a bulk load takes.
//!
//! Not for: writing them.

use cuesta_engine::error::{Error, Result};

use super::op::{Op, Ops};

/// Checks that operations put values, and that their keys ascend from behind the `last` one on.
/// Whoever takes them asks before it takes the first: of a batch that is refused, nothing is kept.
///
/// # Errors
/// `Invalid` names the keys; `Corrupt`, `Unsupported` for what are no operations.
pub(crate) fn check(ops: &[u8], last: Option<&[u8]>) -> Result<()> {
    let mut last = last;
    for op in Ops::new(ops) {
        let op = op?;
        let key = op.key();
        if let Some(last) = last.filter(|last| key <= *last) {
            return Err(Error::invalid(format!(
                "keys of a bulk load ascend, and \"{}\" came after \"{}\"",
                key.escape_ascii(),
                last.escape_ascii()
            )));
        }
        if !matches!(op, Op::Put { .. } | Op::Expiring { .. }) {
            return Err(Error::invalid(
                "a bulk load puts values: deletions and merges go in batches",
            ));
        }
        last = Some(key);
    }
    Ok(())
}
