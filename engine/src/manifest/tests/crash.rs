//! After a crash or a failure at any operation, the manifest holds a prefix of the edits that
//! contains every acknowledged one.

use super::*;
use crate::env::sim::{Crash, Fault, FaultRule, OpKind, SimEnv};
use crate::error::ErrorKind;
use crate::identity::{Found, Identity, find};

/// What was done to a disk, and when.
struct Run {
    disk: Arc<SimDisk>,
    identity: Identity,
    /// After edit `i`, state `i`; the last may be of an edit whose outcome is unknown.
    states: Vec<ManifestState>,
    /// Operations after which each edit was acknowledged; the first is the creation.
    acknowledged: Vec<u64>,
}

/// Creates a manifest and an identity, appends edits, and now and then starts over.
fn run(seed: u64, edits: usize) -> Run {
    let env = SimEnv::new(seed);
    let disk = env.disk().clone();
    let mut random = Random::new(seed);
    disk.create_dir_all(dir()).unwrap();
    let identity = Identity { uuid: UUID, ..Identity::new(&*env) };
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    identity.create(&*disk, dir()).unwrap();
    let mut states = vec![ManifestState::default()];
    let mut acknowledged = vec![disk.op_count()];
    for _ in 0..edits {
        if random.one_in(6) {
            drop(writer);
            writer = ManifestWriter::resume(&*disk, dir(), read(&disk), OFTEN).unwrap();
        }
        let edit = plausible_edit(writer.state(), &mut random);
        let mut next = writer.state().clone();
        next.apply(&edit).unwrap();
        states.push(next);
        writer.append(&*disk, &edit).unwrap();
        acknowledged.push(disk.op_count());
    }
    Run { disk, identity, states, acknowledged }
}

/// Edits acknowledged by the time of an operation; `None` before the creation was.
fn acknowledged_at(run: &Run, op: u64) -> Option<usize> {
    run.acknowledged.iter().rposition(|&at| at <= op)
}

/// Checks what an image holds; returns its edits if it holds a database.
fn check(run: &Run, image: &SimDisk, op: u64, what: &str) -> Option<usize> {
    let acknowledged = acknowledged_at(run, op);
    match find(image, dir()) {
        Ok(Found::Database(identity)) => {
            assert_eq!(identity, run.identity, "{what}");
            let state = match recover(image, dir(), UUID) {
                Ok(recovered) => recovered.state,
                Err(e) => panic!("{what}: {e}"),
            };
            let edits = state.edit().0 as usize;
            let issued = acknowledged.map_or(0, |edits| edits + 1).min(run.states.len() - 1);
            assert!(acknowledged.is_none_or(|least| least <= edits), "{what}: lost {edits}");
            assert!(edits <= issued, "{what}: {edits} edits, of which {issued} were issued");
            assert_eq!(state, run.states[edits], "{what}");
            Some(edits)
        }
        Ok(Found::Nothing | Found::Leftovers) => {
            assert_eq!(acknowledged, None, "{what}: no database");
            None
        }
        Err(e) => panic!("{what}: {e}"),
    }
}

/// Goes on with an image: appends an edit, which must be there after another crash.
fn go_on(image: &SimDisk, edits: usize, what: &str) {
    let from = image.op_count();
    let recovered = read(image);
    let before = recovered.state.clone();
    let mut writer = ManifestWriter::resume(image, dir(), recovered, OFTEN).unwrap();
    let resumed = image.op_count();
    let create = create_index(9999, "after the crash");
    writer.append(image, &edit(edits as u64 + 1, vec![create])).unwrap();
    for op in from..=image.op_count() {
        let mode = Crash::all(op)[op as usize % Crash::all(0).len()];
        let again = image.crash_image(op, mode);
        let state = read(&again).state;
        if op < image.op_count() {
            assert!(state == before || state == *writer.state(), "{what}, then {op} {mode:?}");
        }
        assert!(op > resumed || state == before);
    }
    let again = image.crash_image(image.op_count(), Crash::LoseUnsynced);
    assert_eq!(read(&again).state, *writer.state(), "{what}, then a loss");
    assert_eq!(names(image).iter().filter(|name| name.starts_with("manifest")).count(), 1);
}

#[test]
fn after_a_crash_at_any_operation_every_acknowledged_edit_is_there() {
    for seed in 0..12 {
        let run = run(seed, 14);
        for op in 1..=run.disk.op_count() {
            for mode in Crash::all(op * 31 + seed) {
                let image = run.disk.crash_image(op, mode);
                let what = format!("seed {seed}, operation {op}, {mode:?}");
                if let Some(edits) = check(&run, &image, op, &what) {
                    go_on(&image, edits, &what);
                } else {
                    create_again(&image, &what);
                }
            }
        }
    }
}

/// A creation that crashed is done again.
fn create_again(image: &SimDisk, what: &str) {
    let uuid = Uuid([9; 16]);
    let env = SimEnv::new(1);
    image.create_dir_all(dir()).unwrap();
    ManifestWriter::create(image, dir(), uuid, OFTEN).unwrap();
    let identity = Identity { uuid, ..Identity::new(&*env) };
    identity.create(image, dir()).unwrap();
    let again = image.crash_image(image.op_count(), Crash::LoseUnsynced);
    assert_eq!(find(&*again, dir()).unwrap(), Found::Database(identity), "{what}");
    assert_eq!(recover(&*again, dir(), uuid).unwrap().state, ManifestState::default(), "{what}");
}

/// Appends edits while calls fail; after each failure starts over in the same directory, as a new
/// process on the same system would.
fn run_with_fault(seed: u64, nth: u64, fault: Fault) -> bool {
    let disk = disk();
    let mut random = Random::new(seed);
    let identity = Identity { uuid: UUID, ..Identity::new(&*SimEnv::new(1)) };
    let mut writer = ManifestWriter::create(&*disk, dir(), UUID, OFTEN).unwrap();
    identity.create(&*disk, dir()).unwrap();
    disk.inject(FaultRule::nth(nth, OpKind::Any, fault));
    let what = format!("seed {seed}, {fault:?} of call {nth}");
    let mut durable = ManifestState::default();
    for _ in 0..8 {
        let edit = plausible_edit(&durable, &mut random);
        let mut next = durable.clone();
        next.apply(&edit).unwrap();
        match writer.append(&*disk, &edit) {
            Ok(()) => durable = next,
            Err(e) if e.kind() == ErrorKind::Full => assert_eq!(*writer.state(), durable, "{what}"),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Poisoned, "{what}: {e}");
                let recovered = read(&disk);
                let found = recovered.state.clone();
                assert!(found == durable || found == next, "{what}: {found:?}");
                writer = ManifestWriter::resume(&*disk, dir(), recovered, OFTEN).unwrap();
                durable = found;
            }
        }
        let mode = Crash::all(nth)[random.index(9)];
        let image = disk.crash_image(disk.op_count(), mode);
        assert_eq!(read(&image).state, durable, "{what}, then {mode:?}");
    }
    disk.faults_fired() > 0
}

#[test]
fn after_a_failure_of_any_call_every_acknowledged_edit_is_there() {
    for seed in 0..6 {
        for fault in [
            Fault::Eio,
            Fault::Enospc,
            Fault::SyncFailPagesDropped,
            Fault::SyncFailPagesKept,
            Fault::ShortWrite,
        ] {
            let mut nth = 1;
            while run_with_fault(seed, nth, fault) {
                nth += 1;
            }
            assert!(nth > 3, "{fault:?} hit {nth} calls");
        }
    }
}

#[test]
fn a_reader_follows_a_manifest_that_is_replaced_while_it_reads() {
    let disk = disk_with(&every_change());
    let recovered = read(&disk);
    // The reader has listed the directory when the writer begins a new file.
    #[derive(Debug)]
    struct Racing {
        disk: Arc<SimDisk>,
        resume: std::sync::Mutex<Option<Recovered>>,
    }
    impl Racing {
        fn race(&self) {
            if let Some(recovered) = self.resume.lock().unwrap().take() {
                ManifestWriter::resume(&*self.disk, dir(), recovered, OFTEN).unwrap();
            }
        }
    }
    impl Vfs for Racing {
        fn open(
            &self,
            path: &Path,
            mode: OpenMode,
        ) -> std::io::Result<Arc<dyn crate::env::VfsFile>> {
            self.race();
            self.disk.open(path, mode)
        }
        fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            self.disk.rename(from, to)
        }
        fn remove(&self, path: &Path) -> std::io::Result<()> {
            self.disk.remove(path)
        }
        fn link(&self, from: &Path, to: &Path) -> std::io::Result<()> {
            self.disk.link(from, to)
        }
        fn list(&self, dir: &Path) -> std::io::Result<Vec<String>> {
            self.disk.list(dir)
        }
        fn folders(&self, dir: &Path) -> std::io::Result<Vec<String>> {
            self.disk.folders(dir)
        }
        fn remove_dir(&self, dir: &Path) -> std::io::Result<()> {
            self.disk.remove_dir(dir)
        }
        fn exists(&self, path: &Path) -> std::io::Result<bool> {
            self.disk.exists(path)
        }
        fn create_dir_all(&self, dir: &Path) -> std::io::Result<()> {
            self.disk.create_dir_all(dir)
        }
        fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
            self.disk.sync_dir(dir)
        }
        fn lock(&self, path: &Path) -> std::io::Result<Box<dyn crate::env::Lock>> {
            self.disk.lock(path)
        }
        fn lock_shared(&self, path: &Path) -> std::io::Result<Box<dyn crate::env::Lock>> {
            self.disk.lock_shared(path)
        }
        fn free_space(&self, dir: &Path) -> std::io::Result<u64> {
            self.disk.free_space(dir)
        }
    }
    let state = recovered.state.clone();
    let racing = Racing { disk, resume: std::sync::Mutex::new(Some(recovered)) };
    let found = recover(&racing, dir(), UUID).unwrap();
    assert_eq!((found.number, found.state), (2, state));
}
