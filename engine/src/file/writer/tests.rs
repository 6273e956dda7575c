//! What outputs promise of files that they take over.

use std::path::Path;

use super::*;
use crate::env::sim::{Crash, SimEnv};

const DIR: &str = "db";

#[test]
fn a_file_that_was_taken_over_keeps_its_length() {
    let env = SimEnv::new(1);
    let (vfs, dir) = (env.vfs(), Path::new(DIR));
    vfs.create_dir_all(dir).unwrap();
    let log = vfs.open(&dir.join(name::log(LogNo(1))), OpenMode::CreateNew).unwrap();
    log.write_all_at(0, &[7; 5000]).unwrap();
    log.sync(SyncKind::Full).unwrap();
    vfs.sync_dir(dir).unwrap();
    log.set_len(3000).unwrap();
    let log_files = LogFiles::default();
    log_files.completed(LogNo(1), 3000);
    let next_file = Arc::new(AtomicU64::new(1));
    let (dir_buf, vain) = (DIR.into(), Vain::default());
    let mut out =
        FileOutput::new(env.clone(), dir_buf, next_file, None, Spread::Apart, log_files, vain);
    let file = out.adopt(LogNo(1), 2000).unwrap();
    vfs.sync_dir(dir).unwrap();
    let disk = env.disk();
    for crash in Crash::all(1) {
        let found = disk.crash_image(disk.op_count(), crash).read_file(dir.join(name::data(file)));
        assert_eq!(found.len(), 3000, "after {crash:?}");
    }
}
