//! Claims about the simulated world.

mod crash;
mod disk;
mod fault;
mod schedule;

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::env::{OpenMode, SyncKind, VfsFile};

fn open(disk: &SimDisk, name: &str) -> Arc<dyn VfsFile> {
    disk.open(Path::new(name), OpenMode::Write).unwrap()
}

fn create(disk: &SimDisk, name: &str) -> Arc<dyn VfsFile> {
    disk.open(Path::new(name), OpenMode::CreateNew).unwrap()
}

/// Creates a file with its bytes and name durable.
fn durable(disk: &SimDisk, name: &str, bytes: &[u8]) -> Arc<dyn VfsFile> {
    let file = create(disk, name);
    file.write_all_at(0, bytes).unwrap();
    file.sync(SyncKind::Full).unwrap();
    sync_dir(disk, Path::new(name).parent().unwrap());
    file
}

fn sync_dir(disk: &SimDisk, dir: impl AsRef<Path>) {
    disk.sync_dir(dir.as_ref()).unwrap();
}

fn rename(disk: &SimDisk, from: &str, to: &str) {
    disk.rename(Path::new(from), Path::new(to)).unwrap();
}

/// The disk after a crash now.
fn crash(disk: &SimDisk, mode: Crash) -> Arc<SimDisk> {
    disk.crash_image(disk.op_count(), mode)
}

/// Names and contents.
fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    disk.files().iter().map(|name| (path(name), disk.read_file(name))).collect()
}

fn names(disk: &SimDisk) -> Vec<String> {
    files(disk).into_iter().map(|(name, _)| name).collect()
}

/// The file's content in images of one kind for many seeds, without doubles, sorted.
fn outcomes(disk: &SimDisk, name: &str, mode: impl Fn(u64) -> Crash) -> Vec<Vec<u8>> {
    let images = (0..400).map(|seed| crash(disk, mode(seed)).read_file(name));
    let mut outcomes: Vec<_> = images.collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}
