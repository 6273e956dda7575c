//! `inspect`: what is in the files of a database, as text.
//!
//! Takes no lock and changes nothing: what a running process writes meanwhile may look torn.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use cuesta::env::Env;
use cuesta::env::os::OsEnv;
use cuesta::{Error, Result};
use cuesta_engine::env::Event;
use cuesta_engine::file::{FileTable, Reuse};
use cuesta_engine::format::name::{self, FileName};
use cuesta_engine::identity::Identity;
use cuesta_engine::index::{IndexType, SegmentMeta, Services};
use cuesta_engine::manifest::{self, IndexRecord, ManifestState};
use cuesta_engine::moment;
use cuesta_engine::{FileId, SegmentId, log};
use cuesta_indexes::btree::Btree;
use cuesta_indexes::lsm::Lsm;
use serde_json::json;

use crate::figures;
use crate::output::Output;

/// Memory for the blocks that describing segments reads.
const CACHE_BYTES: u64 = 1 << 20;

/// PATH is a file of a database, under its own name, or the directory of one.
#[derive(Debug, Args)]
pub struct Inspect {
    /// File or directory
    path: PathBuf,
    /// Lines at most
    #[arg(long, value_name = "LINES")]
    limit: Option<usize>,
}

impl Inspect {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let (kind, mut lines) = self.describe()?;
        let all = lines.len();
        if let Some(limit) = self.limit {
            lines.truncate(limit);
        }
        output.show(
            || {
                let mut text = lines.join("\n") + "\n";
                if lines.len() < all {
                    text +=
                        &format!("and {} lines more\n", figures::count((all - lines.len()) as u64));
                }
                text
            },
            || json!({ "kind": kind, "lines": lines, "lines_total": all }),
        )
    }

    /// What it is, and what is in it.
    fn describe(&self) -> Result<(&'static str, Vec<String>)> {
        let path = &self.path;
        let data = fs::metadata(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                Error::not_found(format!("there is no file {}", path.display()))
            }
            _ => Error::io(path.display(), e),
        })?;
        if data.is_dir() {
            return Ok(("directory", describe_directory(path)?));
        }
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Ok(match FileName::parse(&file_name) {
            Some(FileName::Identity) => {
                let identity = Identity::decode(&load(path)?)?;
                ("identity", describe_identity(&identity))
            }
            Some(FileName::Manifest(_)) => ("manifest", manifest::describe(&load(path)?)),
            Some(FileName::Log(number) | FileName::Spare(number)) => {
                ("log", log::describe(number, &load(path)?))
            }
            Some(FileName::Data(id)) => ("segments", describe_data(folder, id)?),
            Some(FileName::Lock | FileName::Reader(_)) => {
                let holder = String::from_utf8_lossy(&load(path)?).trim().to_owned();
                ("lock", vec![format!("held, now or before, by {holder}")])
            }
            Some(FileName::Readers | FileName::Temporary) => {
                ("other", vec![format!("{} bytes", data.len())])
            }
            None => {
                return Err(Error::invalid(format!(
                    "{file_name} is not the name of a file of a database"
                )));
            }
        })
    }
}

fn load(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::io(format_args!("reading {}", path.display()), e))
}

fn describe_identity(identity: &Identity) -> Vec<String> {
    vec![
        format!("database {}", identity.uuid),
        format!("created {}", moment::text(identity.created_ms)),
        format!(
            "features: compatible {:#x}, read-only compatible {:#x}, incompatible {:#x}",
            identity.compatible, identity.read_only_compatible, identity.incompatible
        ),
        format!(
            "pages of {} bytes, checksum {}, cipher {}",
            identity.page_bytes, identity.checksum, identity.cipher
        ),
    ]
}

/// The manifest's last word on the database in `folder`.
fn recover(environment: &dyn Env, folder: &Path) -> Result<(Identity, ManifestState)> {
    let identity = Identity::read(environment.vfs(), folder)?;
    let recovered = manifest::recover(environment.vfs(), folder, identity.uuid)?;
    Ok((identity, recovered.state))
}

fn describe_directory(folder: &Path) -> Result<Vec<String>> {
    let environment: Arc<dyn Env> = OsEnv::new();
    let (identity, state) = recover(&*environment, folder)?;
    let mut lines = describe_identity(&identity);
    lines.push(format!(
        "manifest at edit {}, log from segment {}, published up to commit {}",
        state.edit(),
        state.log_start(),
        state.published()
    ));
    for (id, index) in state.indexes() {
        lines.push(format!(
            "index {id} {:?} of type {}: {} of {}, flushed up to commit {}",
            index.name,
            index.kind,
            figures::counted(index.segments.len() as u64, "segment"),
            figures::bytes(index.segments.values().map(|segment| segment.meta.bytes()).sum()),
            index.flushed
        ));
    }
    let listing = |e| Error::io(format_args!("listing {}", folder.display()), e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let bytes = entry.metadata().map_or(0, |data| data.len());
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let remark = match FileName::parse(&file_name) {
            None => "  not of the database",
            Some(FileName::Data(id)) if !state.files().contains_key(&id) => "  not in the manifest",
            Some(_) => "",
        };
        files.push(format!("file {file_name:24} {bytes:>12} bytes{remark}"));
    }
    files.sort();
    lines.append(&mut files);
    Ok(lines)
}

/// The segments in a data file, which the manifest beside it lists.
fn describe_data(folder: &Path, file: FileId) -> Result<Vec<String>> {
    let environment: Arc<dyn Env> = OsEnv::new();
    let (_, state) = recover(&*environment, folder)?;
    let mut lines = Vec::new();
    for index in state.indexes().values() {
        for (id, segment) in &index.segments {
            if segment.meta.extents.iter().any(|extent| extent.file == file) {
                describe_segment(&environment, folder, index, *id, &segment.meta, &mut lines);
            }
        }
    }
    if lines.is_empty() {
        lines.push(format!("the manifest lists no segment in {}", name::data(file)));
    }
    Ok(lines)
}

fn describe_segment(
    environment: &Arc<dyn Env>,
    folder: &Path,
    index: &IndexRecord,
    id: SegmentId,
    meta: &Arc<SegmentMeta>,
    lines: &mut Vec<String>,
) {
    lines.push(format!(
        "segment {id} of {:?}, format {}, {} entries up to commit {}",
        index.name, meta.format, meta.entries, meta.newest
    ));
    for extent in &meta.extents {
        lines.push(format!("  {} bytes at {}", extent.len, extent.offset));
    }
    let moved = Arc::new(Event::new());
    let files = FileTable::new(environment.clone(), folder.to_owned(), Reuse::Here, moved);
    let services = Services::alone(CACHE_BYTES, CACHE_BYTES);
    let described = match index.kind.as_str() {
        Lsm::NAME => Lsm::configure(&index.options, &services)
            .and_then(|lsm| lsm.open(meta, &*files)?.summary()),
        Btree::NAME => Btree::configure(&index.options, &services)
            .and_then(|btree| Ok(btree.open(meta, &*files)?.summary())),
        other => Ok(vec![format!("of type {other}")]),
    };
    match described {
        Ok(described) => lines.extend(described.iter().map(|line| format!("  {line}"))),
        Err(error) => lines.push(format!("  {error}")),
    }
}
