//! Crashes at every operation of a run, and judges what recovery makes of it.
//!
//! ```text
//! run ──crash──► image ──open──► content = the model at one commit within its bounds
//!                          │         └── commit again ──crash──► image ──open──► still there
//!                          └─crash in recovery──► image ──open──► the same commit
//! ```
//!
//! What is asked of every image:
//! 1. It opens.
//! 2. All keyspaces, names included, are as the model has them after the commit that the database
//!    says is its last, which lies within the bounds that `claims.rs` computes.
//!    The feed gives the commits up to there, from where the log begins.
//! 3. `Engine::verify` finds nothing wrong.
//! 4. Once background work rests, no file remains that neither the manifest nor the log needs.
//! 5. A crash inside recovery changes nothing of the answer; recovery is repeatable.
//! 6. Opened for reading it gives an answer as good, and nothing on the disk changes.
//! 7. What is committed afterwards is there after another crash, and nothing else is.
//! 8. Checkpoints and backups that were done hold what they held then; others that are there do so,
//!    too, whatever has become of the database since.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cuesta_engine::env::sim::{Crash, Random, SimDisk, SimEnv};
use cuesta_engine::{Access, Batch, Durability, ErrorKind, IndexId, Options, SeqNo};

use super::cast::Cast;
use super::copies::Copies;
use super::count::Counts;
use super::model::{Change, Content, Model, Write, difference, living};
use super::process::{Process, trace};
use super::run::{Life, encode};
use super::workload::Workload;

/// How far images are followed.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Of one image in so many the recovery is crashed, too.
    pub nested_one_in: u64,
    /// Crashes in each such recovery, at most.
    pub nested_max: usize,
    /// One image in so many is committed to and crashed again.
    pub after_one_in: u64,
    /// One image in so many is opened for reading first.
    pub read_one_in: u64,
}

impl Depth {
    /// What continuous integration has time for.
    pub const SAMPLED: Depth =
        Depth { nested_one_in: 4, nested_max: 8, after_one_in: 3, read_one_in: 4 };
    /// Every image, with every crash in its recovery.
    pub const FULL: Depth =
        Depth { nested_one_in: 1, nested_max: usize::MAX, after_one_in: 1, read_one_in: 1 };
}

/// Judges images.
pub struct Examiner<'a> {
    cast: &'a Cast,
    depth: Depth,
    /// Totals so far.
    pub counts: Counts,
}

/// An image and what is known of it.
struct Case<'a> {
    workload: &'a Workload,
    model: &'a Model,
    copies: &'a Copies,
    op: u64,
    least: SeqNo,
    last: SeqNo,
    key: u64,
}

impl<'a> Examiner<'a> {
    /// One that has seen nothing.
    pub fn new(cast: &'a Cast, depth: Depth) -> Examiner<'a> {
        Examiner { cast, depth, counts: Counts::default() }
    }

    /// Crashes at every operation of a life, in every way.
    ///
    /// # Errors
    /// What is wrong with the first image that has something wrong.
    pub fn life(&mut self, workload: &Workload, life: &Life<'_>) -> Result<(), String> {
        for op in life.from..=life.disk.op_count() {
            self.counts.operations += 1;
            for mode in Crash::all(workload.seed.wrapping_mul(1_000_003) + op) {
                self.crash(workload, life, op, mode)?;
            }
        }
        Ok(())
    }

    /// Crashes after an operation in one way.
    ///
    /// # Errors
    /// What is wrong with the image.
    pub fn crash(
        &mut self,
        workload: &Workload,
        life: &Life<'_>,
        op: u64,
        mode: Crash,
    ) -> Result<(), String> {
        let image = life.disk.crash_image(op, mode);
        let (least, last) = life.claims.bounds(op, mode);
        let key = image.content_hash() ^ life.model.hash(least, last).rotate_left(17);
        if !self.counts.image(mode, workload.asked, key) {
            return Ok(());
        }
        let Life { model, copies, .. } = *life;
        let case = Case { workload, model, copies, op, least, last, key };
        guarded(|| self.case(&case, &image)).map_err(|what| {
            let trace = trace(life.disk, op);
            format!("life {}, {mode:?} after disk operation {op}: {what}\n{trace}", life.number)
        })
    }

    fn case(&mut self, case: &Case<'_>, image: &Arc<SimDisk>) -> Result<(), String> {
        let options = &case.workload.options;
        let seed = case.workload.seed;
        let mut random = Random::new(case.key);
        if random.one_in(self.depth.read_one_in) {
            self.read_only(case, image).map_err(|what| format!("opened for reading: {what}"))?;
        }
        let open = recover(self.cast, image, seed, options)?;
        let seq = self.judge(&open, case)?;
        open.check_sound()?;
        open.check_files()?;
        let recovered_at = image.op_count();
        if random.one_in(self.depth.after_one_in) {
            self.go_on(case, &open, seq, &mut random)?;
        }
        drop(open);
        if random.one_in(self.depth.nested_one_in) {
            self.crash_recovery(case, image, recovered_at, seq, &mut random)?;
        }
        if random.one_in(self.depth.read_one_in) {
            self.counts.copies += case.copies.examine(self.cast, options, image, case.op)?;
        }
        Ok(())
    }

    /// Opens an image for reading, which changes nothing on the disk.
    fn read_only(&self, case: &Case<'_>, image: &Arc<SimDisk>) -> Result<(), String> {
        let options = Options { access: Access::Read, ..case.workload.options.clone() };
        let env = SimEnv::on(image.clone(), case.workload.seed);
        let hash = image.content_hash();
        match Process::open(&env, self.cast, &options) {
            Ok(open) => _ = self.judge(&open, case)?,
            // The crash came before there was a database.
            Err(e) if e.kind() == ErrorKind::NotFound && case.least == SeqNo(0) => {}
            Err(e) => return Err(format!("does not open: {e:?}")),
        }
        match image.content_hash() == hash {
            true => Ok(()),
            false => Err(format!("changed the disk\n{}", trace(image, image.op_count()))),
        }
    }

    /// Compares with the model; returns the last commit.
    fn judge(&self, open: &Process, case: &Case<'_>) -> Result<SeqNo, String> {
        let (seq, content, clock_ms) =
            open.content(self.cast).map_err(|e| format!("recovered, but not readable: {e:?}"))?;
        let Case { least, last, .. } = *case;
        if seq < least || seq > last {
            return Err(format!(
                "recovered commits up to {seq}; {least} were acknowledged as durable and {last} \
                 issued{}",
                resembles(case.model, &content, clock_ms)
            ));
        }
        compare(case.model.at(seq), &content, clock_ms).map_err(|difference| {
            let like = resembles(case.model, &content, clock_ms);
            format!("recovered to commit {seq}, but with another content{like}\n{difference}")
        })?;
        self.judge_feed(open, case, seq).map_err(|what| format!("the feed up to {seq}: {what}"))?;
        Ok(seq)
    }

    /// Whether the log gives, from where it begins, what was committed.
    fn judge_feed(&self, open: &Process, case: &Case<'_>, last: SeqNo) -> Result<(), String> {
        let failed = |e| format!("{e:?}");
        let mut at = SeqNo(open.engine.gauges().log_first.0 - 1);
        if open.engine.options().log_retention_bytes == u64::MAX && at != SeqNo(0) {
            return Err(format!("it begins after commit {at}, and all was to be kept"));
        }
        let mut feed = open.engine.feed(at).map_err(failed)?;
        while let Some(change) = feed.next().map_err(failed)? {
            at = at.next();
            let found: BTreeSet<IndexId> = change.parts().map(|(id, _)| id).collect();
            let expected: BTreeSet<IndexId> = match case.model.change(at) {
                Some(Change::Writes(writes, _)) => writes.iter().map(|write| write.index).collect(),
                Some(_) => BTreeSet::from([IndexId::CATALOG]),
                None => return Err(format!("nobody made commit {at}")),
            };
            if change.seq != at || found != expected {
                let seq = change.seq;
                return Err(format!("{seq} of {found:?} where {at} of {expected:?} is due"));
            }
        }
        if at == last { Ok(()) } else { Err(format!("it ends with commit {at}")) }
    }

    /// Crashes again inside the recovery of an image, at operations up to `ops`.
    fn crash_recovery(
        &mut self,
        case: &Case<'_>,
        image: &Arc<SimDisk>,
        ops: u64,
        seq: SeqNo,
        random: &mut Random,
    ) -> Result<(), String> {
        let modes = Crash::all(random.next_u64());
        let mut places: Vec<(u64, Crash)> = Vec::new();
        for op in 0..=ops {
            places.extend(modes.iter().map(|mode| (op, *mode)));
        }
        while places.len() > self.depth.nested_max {
            places.swap_remove(random.index(places.len()));
        }
        for (op, mode) in places {
            let again = image.crash_image(op, mode);
            let key = again.content_hash() ^ case.model.hash(seq, seq).rotate_left(17);
            if !self.counts.nested(key) {
                continue;
            }
            self.same(&again, case, case.model.at(seq), seq).map_err(|what| {
                let trace = trace(image, op);
                format!("crashed again, {mode:?} after operation {op} of recovery: {what}\n{trace}")
            })?;
        }
        Ok(())
    }

    /// Recovers an image that can hold one content only.
    fn same(
        &self,
        image: &Arc<SimDisk>,
        case: &Case<'_>,
        expected: &Content,
        seq: SeqNo,
    ) -> Result<(), String> {
        let open = recover(self.cast, image, case.workload.seed, &case.workload.options)?;
        let read = open.content(self.cast);
        let (found, content, clock_ms) = read.map_err(|e| format!("reading: {e:?}"))?;
        compare(expected, &content, clock_ms).map_err(|difference| {
            format!("recovered to commit {found}, not {seq}\n{difference}")
        })?;
        if found != seq {
            return Err(format!("recovered to commit {found}, not {seq}, with the same content"));
        }
        open.check_sound()?;
        open.check_files()
    }

    /// Commits to a recovered database, and crashes it once more.
    fn go_on(
        &mut self,
        case: &Case<'_>,
        open: &Process,
        seq: SeqNo,
        random: &mut Random,
    ) -> Result<(), String> {
        let before = open.ops();
        let mut content = case.model.at(seq).clone();
        let change = self.commit_again(case, open, &content, seq)?;
        let acknowledged = open.ops();
        let earlier = content.clone();
        change.apply(&mut content);
        let further = match random.below(4) {
            0 => open.engine.flush(),
            1 => open.engine.compact(),
            _ => Ok(()),
        };
        further.map_err(|e| format!("after recovery: {e:?}"))?;
        let read = open.content(self.cast);
        let (_, found, clock_ms) = read.map_err(|e| format!("reading: {e:?}"))?;
        compare(&content, &found, clock_ms)
            .map_err(|difference| format!("after a commit to what was recovered\n{difference}"))?;
        let disk = open.env.disk();
        let end = open.ops();
        let some = Crash::all(random.next_u64());
        let places = [
            (end, Crash::KeepAll),
            (end, Crash::LoseUnsynced),
            (before + random.below(end - before + 1), some[random.index(some.len())]),
        ];
        for (op, mode) in places {
            let again = disk.crash_image(op, mode);
            let opened = recover(self.cast, &again, case.workload.seed, &case.workload.options);
            self.counts.after += 1;
            let judged = opened.and_then(|again| {
                let read = again.content(self.cast);
                let (found, content_found, clock_ms) =
                    read.map_err(|e| format!("reading: {e:?}"))?;
                let (expected, wanted) = match found == seq && op < acknowledged {
                    true => (&earlier, seq),
                    false => (&content, seq.next()),
                };
                compare(expected, &content_found, clock_ms)?;
                if found != wanted {
                    return Err(format!("commit {found} found, {wanted} expected"));
                }
                again.check_sound()?;
                again.check_files()
            });
            judged.map_err(|what| {
                let trace = trace(disk, op);
                format!(
                    "committed again after recovery to commit {seq}, then {mode:?} after operation \
                     {op}: {what}\n{trace}"
                )
            })?;
        }
        Ok(())
    }

    /// Repeats the commit that the crash took, with other values of the same lengths, or makes up
    /// one: what a client does that got no answer.
    fn commit_again(
        &self,
        case: &Case<'_>,
        open: &Process,
        content: &Content,
        seq: SeqNo,
    ) -> Result<Change, String> {
        let failed = |e| format!("committing after recovery: {e:?}");
        let Some(first) = content.keys().next() else {
            let shape = self.cast.shape(0);
            let (name, kind) = ("after".to_owned(), shape.kind.to_owned());
            let id = open.engine.create_index(&name, shape.kind, &shape.options).map_err(failed)?;
            return Ok(Change::Create { id, name, kind });
        };
        let lost = (seq < case.model.last()).then(|| case.model.change(seq.next())).flatten();
        let mut writes = match lost {
            Some(Change::Writes(writes, _)) => writes.clone(),
            _ => {
                vec![Write {
                    index: *first,
                    key: b"key 001".to_vec(),
                    end: None,
                    value: Some(vec![b'x'; 20]),
                }]
            }
        };
        for value in writes.iter_mut().filter_map(|write| write.value.as_mut()) {
            if let Some(byte) = value.first_mut() {
                *byte = b'r';
            }
        }
        let slots: Vec<(IndexId, usize)> = content
            .iter()
            .filter_map(|(id, keyspace)| {
                let shape = self.cast.shapes.iter().position(|s| s.kind == keyspace.kind)?;
                Some((*id, shape))
            })
            .collect();
        let mut batch = Batch::new();
        for write in &writes {
            encode(self.cast, &slots, write, &mut batch);
        }
        let committed = open.engine.commit(batch, Durability::Sync).map_err(failed)?;
        if committed != seq.next() {
            return Err(format!("the commit after {seq} got number {committed}"));
        }
        let clock_ms = open.engine.parts().tail().log.clock_ms();
        Ok(Change::Writes(writes, clock_ms))
    }
}

/// Opens what a crash left.
fn recover(
    cast: &Cast,
    image: &Arc<SimDisk>,
    seed: u64,
    options: &Options,
) -> Result<Process, String> {
    let env = SimEnv::on(image.clone(), seed);
    Process::open(&env, cast, options).map_err(|e| format!("does not open: {e:?}"))
}

/// Whether a content found at some clock is the expected one.
fn compare(expected: &Content, found: &Content, clock_ms: u64) -> Result<(), String> {
    let expected = living(expected, clock_ms);
    if expected == *found { Ok(()) } else { Err(difference(&expected, found)) }
}

/// Says which commit a wrong content is that of, if any.
fn resembles(model: &Model, content: &Content, clock_ms: u64) -> String {
    match model.find(content, clock_ms).as_slice() {
        [] => "; the content is that of no commit".to_owned(),
        [seq] => format!("; the content is that of commit {seq}"),
        [first, .., last] => format!("; the content is that of commits {first} to {last}"),
    }
}

/// Turns a panic into words.
pub fn guarded(call: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without words")))
    })
}
