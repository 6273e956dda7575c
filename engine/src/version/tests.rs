//! Every interleaving of commits, rotations and flushes with a reader, in a model of the pair; and
//! versions as lists.
//!
//! The model keeps what matters: which commits a memtable holds, which memtables and segments a
//! version lists for each of two indexes, its seal, the current version and the published number.
//! Every commit writes to both indexes, so a view is mixed when they differ.

use std::collections::HashSet;

use super::*;
use crate::error::ErrorKind;
use crate::file::{FileKind, Files, Output};
use crate::index::{
    Aim, Debt, Edit, ErasedIngested, ErasedPrivate, FlushCost, Footprint, Listed, Load,
    MemtableWriter, MergePlan, Opened, SegmentMeta, Work,
};
use crate::{FileId, SegmentId, SeqNo};

/// What one thread does at once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// Applies a commit to the active memtable of an index.
    Apply { commit: u8, index: usize },
    /// Publishes a commit, once it is applied everywhere and the one before is published.
    Publish(u8),
    /// Seals the current version.
    Seal(u8),
    /// Installs a version in which the index has a new active memtable, with a seal of its own.
    Rotate(usize),
    /// Waits until the commit is published.
    Await(u8),
    /// Installs a version with the oldest frozen memtable of the index as a segment; same seal.
    Flush(usize),
    /// Installs a version with a new name, with a seal of its own.
    Name,
    /// Loads the current version.
    LoadVersion,
    /// Loads the published number.
    LoadPublished,
    /// Loads the seal of the version, or of the current one when none is loaded yet.
    LoadSeal,
}
use Step::*;

/// How a view is wrong.
#[derive(Debug, PartialEq)]
enum Fault {
    /// An index does not show exactly the commits up to the view's number.
    Mixed,
    /// Something that had returned to its committer before the reader began is missing.
    Stale,
    /// The new name is there without its commit, or the other way round.
    Misnamed,
    /// Threads wait for each other.
    Stuck,
}

const UNSEALED: u8 = u8::MAX;
/// The commit that [`Name`] is about.
const NAMING: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Listing {
    /// Memtables of each index, oldest first; the last one is active.
    memtables: [Vec<usize>; 2],
    /// Commits in segments of each index, one bit each.
    segments: [u32; 2],
    named: bool,
    seal: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Reader {
    returned_before: Option<u8>,
    version: Option<usize>,
    published: Option<u8>,
    seal: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    done: Vec<usize>,
    /// Commits in each memtable, one bit each.
    memtables: Vec<u32>,
    /// The memtable of each index that commits go to.
    active: [usize; 2],
    versions: Vec<Listing>,
    seals: Vec<u8>,
    current: usize,
    published: u8,
    applied: [u8; 2],
    reader: Reader,
}

impl World {
    fn new(threads: usize) -> World {
        let memtables = [vec![0], vec![1]];
        World {
            done: vec![0; threads],
            memtables: vec![0, 0],
            active: [0, 1],
            versions: vec![Listing { memtables, segments: [0, 0], named: false, seal: 0 }],
            seals: vec![UNSEALED],
            current: 0,
            published: 0,
            applied: [0, 0],
            reader: Reader::default(),
        }
    }

    fn install(&mut self, version: Listing) {
        self.current = self.versions.len();
        self.versions.push(version);
    }

    fn new_seal(&mut self) -> usize {
        self.seals.push(UNSEALED);
        self.seals.len() - 1
    }

    /// The last commit that may have returned: a published one, except that a name's returns when
    /// the name is installed.
    fn returned(&self, names: bool) -> u8 {
        let waits = names && self.published == NAMING && !self.versions[self.current].named;
        if waits { NAMING - 1 } else { self.published }
    }

    fn may(&self, step: Step, names: bool) -> bool {
        match step {
            Publish(commit) => {
                let is_applied = self.applied.iter().all(|applied| *applied >= commit);
                self.published + 1 == commit && (is_applied || names && commit == NAMING)
            }
            Await(commit) => self.published >= commit,
            Flush(index) => self.versions[self.current].memtables[index].len() > 1,
            _ => true,
        }
    }

    fn take(&mut self, step: Step) {
        let mut next = self.versions[self.current].clone();
        match step {
            Apply { commit, index } => {
                self.memtables[self.active[index]] |= 1 << commit;
                self.applied[index] = commit;
            }
            Publish(commit) => self.published = commit,
            Seal(last) => self.seals[next.seal] = last,
            Rotate(index) => {
                self.active[index] = self.memtables.len();
                next.memtables[index].push(self.memtables.len());
                next.seal = self.new_seal();
                self.memtables.push(0);
                self.install(next);
            }
            Await(_) => {}
            Flush(index) => {
                next.segments[index] |= self.memtables[next.memtables[index].remove(0)];
                self.install(next);
            }
            Name => {
                next.named = true;
                next.seal = self.new_seal();
                self.install(next);
            }
            LoadVersion => self.reader.version = Some(self.current),
            LoadPublished => self.reader.published = Some(self.published),
            LoadSeal => {
                let version = self.reader.version.unwrap_or(self.current);
                self.reader.seal = Some(self.seals[self.versions[version].seal]);
            }
        }
    }

    /// Checks what the reader's view shows now, if it has one by now.
    fn check(&self, commits: u32, names: bool) -> std::result::Result<(), Fault> {
        let Reader { returned_before, version, published, seal } = self.reader;
        let (Some(version), Some(published), Some(seal)) = (version, published, seal) else {
            return Ok(());
        };
        let version = &self.versions[version];
        let number = published.min(seal);
        let up_to = (1 << (number + 1)) - 1;
        for (memtables, segments) in version.memtables.iter().zip(version.segments) {
            let held = memtables.iter().fold(0, |held, i| held | self.memtables[*i]);
            // Memtables filter by number, segments do not.
            if held & up_to | segments != commits & up_to {
                return Err(Fault::Mixed);
            }
        }
        if names && version.named != (number >= NAMING) {
            return Err(Fault::Misnamed);
        }
        if returned_before > Some(number) { Err(Fault::Stale) } else { Ok(()) }
    }
}

/// Every interleaving of the threads: how many different worlds there are, or the first fault.
fn explore(threads: &[&[Step]]) -> std::result::Result<usize, Fault> {
    let all = || threads.iter().copied().flatten();
    let commits = all().fold(0, |commits, step| match step {
        Apply { commit, .. } => commits | 1 << commit,
        _ => commits,
    });
    let names = all().any(|step| *step == Name);
    let mut seen = HashSet::new();
    let mut open = vec![World::new(threads.len())];
    while let Some(world) = open.pop() {
        world.check(commits, names)?;
        let mut moved = false;
        for (i, steps) in threads.iter().enumerate() {
            let Some(step) = steps.get(world.done[i]) else { continue };
            if !world.may(*step, names) {
                continue;
            }
            moved = true;
            let mut next = world.clone();
            if matches!(step, LoadVersion | LoadPublished | LoadSeal) {
                next.reader.returned_before.get_or_insert(world.returned(names));
            }
            next.take(*step);
            next.done[i] += 1;
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if !moved && threads.iter().zip(&world.done).any(|(steps, done)| *done < steps.len()) {
            return Err(Fault::Stuck);
        }
    }
    Ok(seen.len())
}

const fn apply(commit: u8, index: usize) -> Step {
    Apply { commit, index }
}

/// Three commits; the first index is rotated after the first one, the second after the second one.
const WRITER: &[Step] = &[
    apply(1, 0),
    apply(1, 1),
    Seal(1),
    Rotate(0),
    apply(2, 0),
    apply(2, 1),
    Seal(2),
    Rotate(1),
    apply(3, 0),
    apply(3, 1),
];
/// Publishing lags behind applying, as syncs do.
const PUBLISHER: &[Step] = &[Publish(1), Publish(2), Publish(3)];
const FLUSHER: &[Step] = &[Await(1), Flush(0), Await(2), Flush(1)];
const READER: &[Step] = &[LoadVersion, LoadPublished, LoadSeal];

#[test]
fn a_view_is_exactly_the_commits_up_to_its_number() {
    let worlds = explore(&[WRITER, PUBLISHER, FLUSHER, READER]).unwrap();
    assert!(worlds > 1000, "only {worlds} worlds: the model does not move");
}

#[test]
fn every_other_order_of_loads_gives_mixed_views() {
    for order in [
        [LoadVersion, LoadSeal, LoadPublished],
        [LoadPublished, LoadVersion, LoadSeal],
        [LoadPublished, LoadSeal, LoadVersion],
        [LoadSeal, LoadVersion, LoadPublished],
        [LoadSeal, LoadPublished, LoadVersion],
    ] {
        let found = explore(&[WRITER, PUBLISHER, FLUSHER, &order]);
        assert_eq!(found, Err(Fault::Mixed), "{order:?}");
    }
}

#[test]
fn a_rotation_that_installs_before_it_seals_gives_mixed_views() {
    let mut writer = WRITER.to_vec();
    writer.swap(2, 3);
    assert_eq!(explore(&[&writer, PUBLISHER, READER]), Err(Fault::Mixed));
}

#[test]
fn a_rotation_that_does_not_seal_gives_mixed_views() {
    let writer: Vec<Step> =
        WRITER.iter().copied().filter(|step| !matches!(step, Seal(_))).collect();
    assert_eq!(explore(&[&writer, PUBLISHER, READER]), Err(Fault::Mixed));
}

#[test]
fn a_commit_between_seal_and_installation_is_missed() {
    let writer = [apply(1, 0), apply(1, 1), Seal(1), apply(2, 0), apply(2, 1), Await(2), Rotate(0)];
    assert_eq!(explore(&[&writer, &PUBLISHER[..2], READER]), Err(Fault::Stale));
}

#[test]
fn a_flush_that_does_not_wait_gives_mixed_views() {
    let found = explore(&[WRITER, PUBLISHER, &[Flush(0), Flush(1)], READER]);
    assert_eq!(found, Err(Fault::Mixed));
}

#[test]
fn a_name_comes_with_its_commit_and_in_no_other_order() {
    let run = |order: [Step; 3]| {
        let mut writer = vec![apply(1, 0), apply(1, 1), Publish(1)];
        writer.extend(order);
        writer.extend([apply(3, 0), apply(3, 1), Publish(3)]);
        explore(&[&writer, READER])
    };
    let (seal, publish) = (Seal(NAMING - 1), Publish(NAMING));
    run([seal, publish, Name]).unwrap();
    for order in [
        [seal, Name, publish],
        [publish, seal, Name],
        [publish, Name, seal],
        [Name, seal, publish],
        [Name, publish, seal],
    ] {
        assert_eq!(run(order), Err(Fault::Misnamed), "{order:?}");
    }
}

/// A state that has an address and a size and can do nothing.
pub(super) struct Still {
    pub(super) address: usize,
    pub(super) bytes: usize,
}

/// What a question would be answered by that versions and pins never ask.
fn never_asked<T>() -> T {
    panic!("versions and pins do not ask for this")
}

impl ErasedState for Still {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn type_name(&self) -> &'static str {
        "still"
    }
    fn operations(&self) -> &'static str {
        "still"
    }
    fn prepare(&self, _: &mut Vec<u8>, _: Option<&mut Footprint>) -> Result<()> {
        never_asked()
    }
    fn active_is_empty(&self) -> bool {
        self.bytes == 0
    }
    fn active_address(&self) -> usize {
        never_asked()
    }
    fn active_bytes(&self) -> usize {
        self.bytes
    }
    fn flush_cost(&self) -> FlushCost {
        FlushCost::Changes
    }
    fn active_logged_bytes(&self) -> u64 {
        0
    }
    fn frozen_bytes(&self) -> Vec<usize> {
        Vec::new()
    }
    fn pruned_to(&self) -> SeqNo {
        SeqNo(0)
    }
    fn listed(&self) -> Vec<Listed> {
        Vec::new()
    }
    fn rotated(&self) -> (Box<dyn MemtableWriter>, Arc<dyn ErasedState>) {
        never_asked()
    }
    fn segments_only(&self) -> Arc<dyn ErasedState> {
        never_asked()
    }
    fn private(&self) -> (Box<dyn MemtableWriter>, ErasedPrivate) {
        never_asked()
    }
    fn with_private(&self, _: &ErasedPrivate, _: SeqNo) -> Result<Arc<dyn ErasedState>> {
        never_asked()
    }
    fn memory(&self) -> Vec<(usize, usize)> {
        vec![(self.address, self.bytes)]
    }
    fn open(&self, _: &[Listed], _: &dyn Files) -> Result<Opened> {
        never_asked()
    }
    fn installed(&self, _: usize, _: &[SegmentId], _: &Opened) -> Result<Arc<dyn ErasedState>> {
        never_asked()
    }
    fn load(&self) -> Result<Box<dyn Load>> {
        never_asked()
    }
    fn accept(
        &self,
        _: &[SegmentMeta],
        _: &dyn Files,
        _: Option<&mut dyn FnMut(String)>,
    ) -> Result<ErasedIngested> {
        never_asked()
    }
    fn ingested(&self, _: SeqNo, _: &ErasedIngested) -> Result<Arc<dyn ErasedState>> {
        never_asked()
    }
    fn waiting_files(&self) -> Vec<(FileId, FileKind)> {
        Vec::new()
    }
    fn verify_waiting(&self, _: &dyn Files, _: &mut dyn FnMut(String)) -> Result<()> {
        Ok(())
    }
    fn labelled(&self, _: &SegmentMeta) -> Result<SegmentMeta> {
        never_asked()
    }
    fn flush(&self, _: usize) -> Result<Box<dyn Work>> {
        never_asked()
    }
    fn plan(&self, _: &std::collections::BTreeSet<SegmentId>, _: Aim<'_>) -> Option<MergePlan> {
        None
    }
    fn look_ahead(&self) {
        never_asked()
    }
    fn due_ms(&self, _: u64) -> Option<u64> {
        unreachable!()
    }
    fn flush_due_ms(&self, _: &std::collections::BTreeSet<SegmentId>) -> Option<u64> {
        None
    }
    fn debt(&self) -> Debt {
        never_asked()
    }
    fn merge(&self, _: &MergePlan) -> Result<Box<dyn Work>> {
        never_asked()
    }
    fn catch_up(
        &self,
        _: Edit,
        _: &[SegmentId],
        _: &dyn ErasedState,
        _: &mut dyn Output,
    ) -> Result<Edit> {
        never_asked()
    }
    fn verify(&self, _: &dyn Files, _: &mut dyn FnMut(String)) -> Result<()> {
        Ok(())
    }

    fn verify_segment(&self, _: SegmentId, _: &dyn Files, _: &mut dyn FnMut(String)) -> Result<()> {
        Ok(())
    }

    fn salvage(
        &self,
        _: &[crate::index::Remnant],
        _: crate::index::KnownBy,
        _: &dyn Files,
        _: &mut dyn crate::index::Salvage,
    ) -> Result<()> {
        Ok(())
    }

    fn builds_on(&self, _: &[u8], _: &mut dyn FnMut(&[u8])) {}
}

/// A state of `bytes` bytes at `address`.
pub(super) fn still(address: usize, bytes: usize) -> Option<Arc<dyn ErasedState>> {
    Some(Arc::new(Still { address, bytes }))
}

#[test]
fn a_version_with_another_state_leaves_the_one_before_as_it_was() {
    let first = Version::empty(EditNo(1), Arc::default())
        .with(IndexId(7), still(70, 1))
        .with(IndexId(3), still(30, 2));
    let ids = |version: &Version| version.states().map(|(id, _)| id.0).collect::<Vec<_>>();
    let second = first.at(EditNo(2)).with(IndexId(3), still(31, 4)).with(IndexId(5), still(50, 8));
    let third = second.at(EditNo(3)).with(IndexId(7), None).with(IndexId(9), None);
    assert_eq!(ids(&first), [3, 7]);
    assert_eq!(first.memory(), [(30, 2), (70, 1)].into());
    assert_eq!(ids(&second), [3, 5, 7]);
    assert_eq!(second.memory(), [(31, 4), (50, 8), (70, 1)].into());
    assert_eq!(ids(&third), [3, 5]);
    assert_eq!(third.state(IndexId(5)).unwrap().active_bytes(), 8);
    assert_eq!(third.state(IndexId(7)).err().unwrap().kind(), ErrorKind::NotFound);
}

#[test]
fn the_oldest_living_version_is_known() {
    let living = Arc::new(Living::default());
    let first = Version::empty(EditNo(4), living.clone());
    let twin = first.at(EditNo(4));
    let later = first.at(EditNo(6));
    drop(first);
    assert_eq!(later.oldest_living(), Some(EditNo(4)));
    drop(twin);
    assert_eq!(later.oldest_living(), Some(EditNo(6)));
    drop(later);
    assert_eq!(living.oldest(), None);
}
