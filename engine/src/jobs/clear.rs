//! Removes data files that nobody needs.

use crate::format::name;
use crate::parts::Parts;
use crate::stats::Stats;

/// Removes files that were let go of, unless the manifest names them or another process may still
/// open them. A file that cannot be removed is tried again, at the latest when the database is
/// opened. After a failed write none is removed: a record of the log may be whole that could not be
/// written, and name files of a load that is given up.
///
/// When it returns, no other call is still removing what was let go of before.
pub(crate) fn clear_released(parts: &Parts) {
    let guard = parts.manifest();
    let Some(manifest) = guard.as_ref().filter(|manifest| !manifest.is_poisoned()) else { return };
    let released = parts.files.take_released();
    parts.reclaim_readers();
    for file in released {
        // It comes again when it is let go of.
        if parts.files.is_open(file) {
            continue;
        }
        // Whoever could not write the record of a load says so before letting go of its files.
        if parts.tail().is_poisoned() {
            parts.files.keep_released(file);
            continue;
        }
        // Between the commit that drops an index and the edit that says so, the manifest still
        // names files that nobody has open.
        if manifest.state().files().contains_key(&file) {
            parts.files.keep_released(file);
            continue;
        }
        let since = parts.files.unnamed_since(file, manifest.state().edit());
        if parts.pins.holds_edits_before(since) {
            parts.files.keep_released(file);
            continue;
        }
        let path = parts.dir.join(name::data(file));
        match parts.env.vfs().remove(&path) {
            Ok(()) => {
                parts.files.forget_unnamed(file);
                Stats::add(&parts.stats.files_removed, 1);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                parts.files.forget_unnamed(file);
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a file could not be removed");
                parts.files.keep_released(file);
            }
        }
    }
}
