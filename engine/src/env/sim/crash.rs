//! What a crash leaves: images of the simulated disk after power loss.
//!
//! Not for: bytes that rot on a healthy disk (`Fault::BitFlip`, `SimDisk::write_file`).
//!
//! Rules, for every image:
//!
//! 1. What a sync covered is there, and nothing that a later change, which survives, replaced.
//! 2. A sector holds what it held at some moment since its file was last synced. Two exceptions:
//!    the last write of `Tear` ends at any byte, and `GarbageTail` fills sectors that lie wholly
//!    beyond the synced length, where a file system may show what the disk held before.
//! 3. A length is one that the file had since it was last synced. If a cut survives, nothing older
//!    than it shows beyond it; if it does not, nothing written after it is there.
//! 4. Names change as `names.rs` says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Content;
use super::history::History;
use super::names::{self, NameChange, Names};
use super::random::Random;
use super::world::{File, FileChange, FileEdit, World};

/// What survives of that which was not synced. Seeds choose among the possible survivors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crash {
    /// The process was killed: everything issued survives.
    KeepAll,
    /// Nothing.
    LoseUnsynced,
    /// Operations up to some moment, in the order in which they were issued.
    Prefix(u64),
    /// As [`Crash::Prefix`], but the last surviving write ends at any of its bytes.
    Tear(u64),
    /// Each sector as it was at some moment, each file's length as it was at some other, and some
    /// changes of names.
    SectorSubset {
        /// Bytes in a sector: 512 or 4096.
        sector: u32,
        /// Chooses the survivors.
        seed: u64,
    },
    /// All lengths and names, but some pages, or all of a file's, are as they were when last
    /// synced; zeros where the file has grown since.
    LenWithoutData(u64),
    /// All lengths and names, but some sectors that a file has grown by hold garbage, and some
    /// others are as they were when last synced.
    GarbageTail(u64),
    /// All data, but only some changes of names.
    DirSubset(u64),
}

impl Crash {
    /// One of each.
    pub fn all(seed: u64) -> Vec<Crash> {
        vec![
            Crash::KeepAll,
            Crash::LoseUnsynced,
            Crash::Prefix(seed),
            Crash::Tear(seed),
            Crash::SectorSubset { sector: 512, seed },
            Crash::SectorSubset { sector: 4096, seed },
            Crash::LenWithoutData(seed),
            Crash::GarbageTail(seed),
            Crash::DirSubset(seed),
        ]
    }

    /// A short name for tables; the seed is not part of it.
    pub fn name(self) -> &'static str {
        match self {
            Crash::KeepAll => "keep-all",
            Crash::LoseUnsynced => "lose-unsynced",
            Crash::Prefix(_) => "prefix",
            Crash::Tear(_) => "tear",
            Crash::SectorSubset { sector: 4096, .. } => "sectors-4096",
            Crash::SectorSubset { .. } => "sectors-512",
            Crash::LenWithoutData(_) => "length-without-data",
            Crash::GarbageTail(_) => "garbage-tail",
            Crash::DirSubset(_) => "names-subset",
        }
    }

    fn seed(self) -> u64 {
        match self {
            Crash::KeepAll | Crash::LoseUnsynced => 0,
            Crash::Prefix(seed) | Crash::Tear(seed) | Crash::SectorSubset { seed, .. } => seed,
            Crash::LenWithoutData(seed) | Crash::GarbageTail(seed) | Crash::DirSubset(seed) => seed,
        }
    }
}

/// The disk as found after a crash just after operation `op`; `world` is the disk at that moment.
pub(super) fn image(world: &World, history: &History, op: u64, how: Crash) -> World {
    let mut random = Random::of(&[how.seed(), op]);
    let moment = Moment { world, history, op };
    match how {
        Crash::KeepAll => moment.image(Names::clone(&world.names), |file, _| file.now.clone()),
        Crash::LoseUnsynced => {
            moment.image(Names::clone(&world.durable_names), |file, _| file.durable.clone())
        }
        Crash::Prefix(_) => {
            let ops = moment.unsynced(|_| true);
            let last = random.index(ops.len() + 1).checked_sub(1).map_or(0, |at| ops[at]);
            moment.prefix(last, u64::MAX)
        }
        Crash::Tear(_) => {
            let writes = moment.unsynced(|change| matches!(change.edit, FileEdit::Write { .. }));
            match writes.get(random.index(writes.len())) {
                Some(last) => moment.prefix(*last, random.next_u64()),
                None => moment.prefix(op, u64::MAX),
            }
        }
        Crash::SectorSubset { sector, .. } => {
            let names = moment.names(|_| random.one_in(2));
            let sector = u64::from(sector);
            moment.image(names, |file, pending| any_sectors(file, pending, sector, &mut random))
        }
        Crash::LenWithoutData(_) => moment.image(Names::clone(&world.names), |file, pending| {
            let nothing = random.one_in(2);
            patchwork(file, pending, Length::all(file, pending), 4096, |touched| {
                let lost = nothing || random.one_in(2);
                Fate::First(if lost { 0 } else { touched.writes })
            })
        }),
        Crash::GarbageTail(_) => moment.image(Names::clone(&world.names), |file, pending| {
            patchwork(file, pending, Length::all(file, pending), 512, |touched| {
                match random.below(4) {
                    0 | 1 if touched.start >= file.durable.len() => {
                        Fate::Garbage(random.next_u64())
                    }
                    0 => Fate::First(0),
                    _ => Fate::First(touched.writes),
                }
            })
        }),
        Crash::DirSubset(_) => {
            let names = moment.names(|_| random.one_in(2));
            moment.image(names, |file, pending| replay(file, pending, u64::MAX))
        }
    }
}

/// The moment of the crash.
struct Moment<'a> {
    world: &'a World,
    history: &'a History,
    op: u64,
}

impl Moment<'_> {
    /// The disk with these names and what `survives` of each file that has one.
    fn image(
        &self,
        names: Names,
        mut survives: impl FnMut(&File, &[FileChange]) -> Content,
    ) -> World {
        let mut contents = BTreeMap::new();
        for no in names.values() {
            let file = self.world.file(*no);
            let pending = self.history.pending(*no, file.clean_at, self.op);
            contents.entry(*no).or_insert_with(|| survives(file, pending));
        }
        World::of(Arc::clone(&self.world.dirs), names, contents)
    }

    /// The disk with all operations up to `last`, which if it is a write is torn at a byte that
    /// `tear` chooses; `u64::MAX` tears nothing.
    fn prefix(&self, last: u64, tear: u64) -> World {
        let names = self.names(|change| change.op <= last);
        self.image(names, |file, pending| {
            let mut content = replay(file, pending, last);
            let torn = pending.iter().find(|change| change.op == last && tear != u64::MAX);
            if let Some(FileChange { edit: FileEdit::Write { offset, bytes }, .. }) = torn {
                content = replay(file, pending, last - 1);
                let kept = (tear % bytes.len() as u64) as usize;
                content.write(*offset, &bytes[..kept]);
            }
            content
        })
    }

    /// The durable names and the changes that `survives` picks, with all that they depend on.
    fn names(&self, survives: impl FnMut(&NameChange) -> bool) -> Names {
        let mut names = Names::clone(&self.world.durable_names);
        for change in &names::split(&self.world.name_changes, survives).0 {
            change.edit.apply(&mut names);
        }
        names
    }

    /// Numbers of the unsynced operations, in order; of changes of files only those that count.
    fn unsynced(&self, counts: impl Fn(&FileChange) -> bool) -> Vec<u64> {
        let mut ops = Vec::new();
        for (no, file) in self.world.files.iter() {
            let pending = self.history.pending(*no, file.clean_at, self.op);
            ops.extend(pending.iter().filter(|change| counts(change)).map(|change| change.op));
        }
        ops.extend(self.world.name_changes.iter().map(|change| change.op));
        ops.sort_unstable();
        ops
    }
}

/// The durable content and all changes up to operation `last`.
fn replay(file: &File, pending: &[FileChange], last: u64) -> Content {
    if last == u64::MAX && !file.lossy {
        return file.now.clone();
    }
    let mut content = file.durable.clone();
    for change in pending.iter().take_while(|change| change.op <= last) {
        change.apply(&mut content);
    }
    content
}

/// A length and the last operation that went into it.
#[derive(Clone, Copy)]
struct Length {
    op: u64,
    len: u64,
}

impl Length {
    fn all(file: &File, pending: &[FileChange]) -> Length {
        Length::at(file, pending, pending.len())
    }

    /// The length after so many changes.
    fn at(file: &File, pending: &[FileChange], changes: usize) -> Length {
        match changes.checked_sub(1).and_then(|last| pending.get(last)) {
            Some(change) => Length { op: change.op, len: change.len },
            None => Length { op: 0, len: file.durable.len() },
        }
    }
}

/// A sector that unsynced writes touched.
struct Touched {
    start: u64,
    /// How many writes touched it.
    writes: usize,
}

/// What becomes of such a sector.
#[derive(Clone, Copy)]
enum Fate {
    /// So many of the writes that touched it survive.
    First(usize),
    /// Its written bytes are random.
    Garbage(u64),
}

fn any_sectors(file: &File, pending: &[FileChange], sector: u64, random: &mut Random) -> Content {
    let length = Length::at(file, pending, random.index(pending.len() + 1));
    patchwork(file, pending, length, sector, |touched| {
        Fate::First(random.index(touched.writes + 1))
    })
}

/// The durable content with what `fate` lets survive in each sector, and with this length.
fn patchwork(
    file: &File,
    pending: &[FileChange],
    length: Length,
    sector: u64,
    mut fate: impl FnMut(&Touched) -> Fate,
) -> Content {
    let lost_cut = |change: &FileChange| change.edit.cuts() && change.op > length.op;
    let pending = &pending[..pending.iter().position(lost_cut).unwrap_or(pending.len())];
    // Writes that touched each sector, and those of them that came before a cut inside it: the cut
    // wrote the sector, so they survive with it.
    let mut writes: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    for change in pending {
        for part in parts(change, sector) {
            writes.entry(part.sector).or_default().0 += 1;
        }
        if change.edit.cuts()
            && change.len % sector > 0
            && let Some((all, before)) = writes.get_mut(&(change.len / sector))
        {
            *before = *all;
        }
    }
    // Writes that touched a sector so far, and its fate.
    let mut sectors: BTreeMap<u64, (usize, Fate)> = BTreeMap::new();
    for (no, (writes, before)) in writes {
        let fate = match fate(&Touched { start: no * sector, writes }) {
            Fate::First(survivors) => Fate::First(survivors.max(before)),
            garbage @ Fate::Garbage(_) => garbage,
        };
        sectors.insert(no, (0, fate));
    }
    let mut content = file.durable.clone();
    for change in pending {
        for part in parts(change, sector) {
            let Some((seen, fate)) = sectors.get_mut(&part.sector) else { continue };
            *seen += 1;
            match fate {
                Fate::First(writes) if *seen <= *writes => content.write(part.offset, part.bytes),
                Fate::First(_) => {}
                Fate::Garbage(seed) => {
                    content.write(part.offset, &garbage(*seed, part.bytes.len()));
                }
            }
        }
        if change.edit.cuts() {
            content.set_len(change.len);
        }
    }
    content.set_len(length.len);
    content
}

/// A part of a write that lies within one sector.
struct Part<'a> {
    sector: u64,
    offset: u64,
    bytes: &'a [u8],
}

/// Cuts a write at the borders of sectors; other changes have no parts.
fn parts(change: &FileChange, sector: u64) -> impl Iterator<Item = Part<'_>> {
    let (mut offset, mut rest) = match &change.edit {
        FileEdit::Write { offset, bytes } => (*offset, &bytes[..]),
        FileEdit::Grow | FileEdit::Cut => (0, &[][..]),
    };
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let size = (sector - offset % sector).min(rest.len() as u64) as usize;
        let (bytes, after) = rest.split_at(size);
        let part = Part { sector: offset / sector, offset, bytes };
        offset += size as u64;
        rest = after;
        Some(part)
    })
}

fn garbage(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..len).map(|_| random.next_u64() as u8).collect()
}
