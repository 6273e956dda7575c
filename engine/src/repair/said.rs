//! What data files say of themselves.
//!
//! Not for: what is to be believed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::RepairReport;
use super::loads::PreparedFiles;
use crate::env::Vfs;
use crate::error::{ErrorKind, Result};
use crate::format::name;
use crate::id::{EditNo, FileId};
use crate::identity::Uuid;
use crate::index::{Lost, SegmentMeta};
use crate::ingest::Prepared;
use crate::log::{self, Lines};
use crate::manifest::ManifestState;
use crate::manifest::label::front::Front;
use crate::manifest::label::{self, Label, Living, Owner};

/// What data files say.
#[derive(Default)]
pub(super) struct Said {
    /// Of themselves, those that have labels.
    pub(super) labels: Vec<Owner>,
    /// Those that were prepared apart.
    pub(super) prepared: PreparedFiles,
    /// Of all indexes that there were.
    pub(super) living: BTreeSet<Living>,
}

/// The edits that were next when the later labels were written in front of files that are written
/// in place, of `database` alone.
pub(super) fn edits_in_front(
    (vfs, dir): (&dyn Vfs, &Path),
    files: &BTreeSet<FileId>,
    database: Uuid,
) -> BTreeMap<FileId, EditNo> {
    let edit = |file: &FileId| {
        let (label, _) = Front::read(vfs, dir, *file).and_then(Front::newest).ok()?;
        let is_own = label.database.family() == database.family();
        let edit = label.owners.iter().filter(|_| is_own).map(|owner| owner.edit).max()?;
        Some((*file, edit))
    };
    files.iter().filter_map(edit).collect()
}

/// The label in front of a file that counts: the later one, unless what it tells of cannot be
/// opened, and what the one before it tells of can.
///
/// # Errors
/// Where there is none.
fn in_front(
    (vfs, dir): (&dyn Vfs, &Path),
    file: FileId,
    opens: &dyn Fn(&Label) -> Result<()>,
    report: &mut RepairReport,
) -> Result<Label> {
    let (label, why) = match Front::read(vfs, dir, file)?.by_age() {
        (Ok(later), Ok(earlier)) => match opens(&later) {
            Err(error) if opens(&earlier).is_ok() => {
                let why = "its later label tells of what cannot be read, and the one before counts";
                (earlier, Some(format!("{why}: {error}")))
            }
            _ => (later, None),
        },
        (Ok(label), Err(error)) if error.kind() != ErrorKind::NotFound => {
            (label, Some(format!("a label is damaged, and may have been later: {error}")))
        }
        (later, _) => (later?, None),
    };
    if let Some(why) = why {
        report.lose(None, Lost::File { name: name::data(file) }, why);
    }
    Ok(label)
}

/// What data files say of `database`, or of the one that most are of, if that is not known.
pub(super) fn read_labels(
    (vfs, dir): (&dyn Vfs, &Path),
    files: &BTreeSet<FileId>,
    lines: &Lines,
    (database, state): (Option<Uuid>, &ManifestState),
    opens: &dyn Fn(&Label) -> Result<()>,
    report: &mut RepairReport,
) -> Said {
    let Said { labels: mut owners, mut prepared, mut living } = Said::default();
    let mut families: BTreeMap<_, Vec<(FileId, Label)>> = BTreeMap::new();
    let mut unread = Vec::new();
    for file in files {
        // Files that are written in place say it in front, all others at their ends.
        if let Ok(label) = in_front((vfs, dir), *file, opens, report) {
            families.entry(label.database.family()).or_default().push((*file, label));
            continue;
        }
        match label::read(vfs, dir, *file) {
            Ok(label) => {
                families.entry(label.database.family()).or_default().push((*file, label));
            }
            Err(error) => match Prepared::read(vfs, &dir.join(name::data(*file))) {
                Ok(said) => drop(prepared.insert(*file, said)),
                Err(_) => unread.push((*file, error)),
            },
        }
    }
    let most = families.iter().max_by_key(|(_, labels)| labels.len()).map(|(family, _)| *family);
    let own = database.map(Uuid::family).or(most);
    for (family, labels) in families {
        for (file, label) in labels {
            if Some(family) == own {
                owners.extend(label.owners);
                living.insert(label.living);
            } else {
                let why = format!("it is of another database, {}", label.database);
                report.lose(None, Lost::File { name: name::data(file) }, why);
            }
        }
    }
    let blobs = |meta: &SegmentMeta| meta.blobs.iter().map(|blob| blob.file).collect::<Vec<_>>();
    let mut told: BTreeSet<FileId> = state.files().keys().copied().collect();
    told.extend(owners.iter().flat_map(|owner| owner.segments.iter().flat_map(blobs)));
    for (file, error) in unread {
        let name = name::data(file);
        // A segment of the log that has become a data file is read as part of the log.
        if !told.contains(&file)
            && !lines.values().any(|line| *line == name)
            && !is_log(vfs, dir, &name)
        {
            report.lose(None, Lost::File { name }, error.to_string());
        }
    }
    Said { labels: owners, prepared, living }
}

fn is_log(vfs: &dyn Vfs, dir: &Path, name: &str) -> bool {
    !log::find_lines(vfs, dir, &[name.to_owned()]).is_empty()
}
