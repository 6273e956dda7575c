//! Ordered keys as a copy-on-write B+tree.
//!
//! For: data that is read far more often than written, in any order: a read goes straight down to
//! one leaf, through a map of the file, without a copy; so does a scan, from leaf to leaf.
//!
//! Not for: many writes all over a large set (`lsm`): a flush writes each page anew in which
//! something has changed.
//!
//! ```text
//!  put, delete ──► memtable ──flush──► new pages, up to a new root
//!                  sorted tree,
//!                  versions             root 7          root 8
//!                                      ┌──┴───┐        ┌──┴───┐
//!                                     [a  b] [c  d]◄───┘     [e  f']     shared: what
//!                                             ...                       did not change
//! ```
//!
//! There is one segment, the tree, or none; of a load that waits to be put into it there may be
//! several, side by side. Its file is written in place, but no page of a tree
//! that somebody may look at, or that a crash may bring back (`docs/formats/btree.md`).
//!
//! Invariants:
//! 1. A tree has each key at most once: nothing in it is deleted, and operands have nothing below
//!    them.
//! 2. A page that a tree names is not written before the edit that let go of it is durable and
//!    nobody looks at an older tree, in this process or another.
//! 3. What a page's bytes say is used after their checksum was compared, never before.

mod options;
mod segment;
mod layout;
mod merge;
mod find;
mod salvage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::{Files, Output};
use cuesta_engine::id::{SegmentId, SeqNo};
use cuesta_engine::index::{
    Aim, Debt, Edit, FlushCost, Footprint, Heirs, IndexType, KnownBy, Live, Load, MergePlan,
    Placed, Remnant, Salvage, SegmentMeta, Services, Work,
};
use cuesta_engine::planted::{self, Bug};

pub use layout::Trees;
pub use options::Options;
pub use segment::Tree;

use merge::{Before, Expiry, FlushWork, Job, LoadWork, Place, is_sparse};
use segment::cursor::TreeCursor;
use segment::detail::Detail;
use segment::living::Living;
use segment::tree::FORMAT;

use crate::ordered::memtable::{Memtable, Memtables, Writer};
use crate::ordered::operand::Rules;
use crate::ordered::source::{Deletes, Source};
use crate::ordered::span::{self, SPANS_MAX, Span};
use crate::ordered::threshold::Threshold;
use crate::ordered::{self, Factory, Operators, prepare, saving};

/// A tree is written anew when at least this part of its entries has expired.
const EXPIRED: u64 = 8;
/// Operands in memory hold expired values up for so long at most, in milliseconds.
const OPERANDS_HOLD_MS: u64 = 60_000;
/// How urgent it is to write a tree anew.
const PRESSURE: f64 = 0.1;

/// An index of ordered keys.
pub struct Btree {
    options: Options,
    services: Services,
    memtables: Memtables,
    rules: Arc<Rules>,
    living: Arc<Living>,
}

impl Btree {
    /// How its pages are laid out.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Makes indexes that know `operators`.
    pub fn factory(operators: Operators) -> Factory<Btree> {
        Factory::new(operators, Btree::with_operators)
    }

    /// An index with `options` that knows `operators`; see [`IndexType::configure`].
    ///
    /// # Errors
    /// As there.
    pub fn with_operators(
        options: &[u8],
        services: &Services,
        operators: &Operators,
    ) -> Result<Btree> {
        let options = Options::decode(options)?;
        let operator = Some(options.merge_operator.as_str()).filter(|name| !name.is_empty());
        let rules = Arc::new(Rules::new(operator, options.ttl_ms, operators));
        Ok(Btree {
            services: services.clone(),
            memtables: Memtables::new(rules.clone(), Threshold::none()),
            rules,
            options,
            living: Arc::default(),
        })
    }

    /// Checks an operand that is to be written.
    ///
    /// # Errors
    /// `Invalid` when the index has no merge operator, or when that refuses the operand;
    /// `Unsupported` when the operator is not known here.
    pub fn check_operand(&self, operand: &[u8]) -> Result<()> {
        self.rules.check(operand)
    }

    /// The time by which work that begins now may take something for expired: operands that are in
    /// memory, or come later, do not build on it.
    fn gone_by_ms(&self) -> u64 {
        self.gone_before(|| self.memtables.oldest_operand_ms())
    }

    /// As [`Btree::gone_by_ms`], for some operands.
    fn gone_before(&self, oldest_operand_ms: impl FnOnce() -> Option<u64>) -> u64 {
        // Settled first: an operand that was not there before is at or after that time.
        let settled_ms = self.services.clock.settled_ms();
        let oldest_ms = oldest_operand_ms().filter(|_| self.rules.can_merge());
        oldest_ms.map_or(settled_ms, |oldest_ms| settled_ms.min(oldest_ms))
    }

    fn expiry(&self, by_ms: u64) -> Expiry {
        Expiry { by_ms, clock: self.services.clock.clone() }
    }

    fn job(&self, current: &[Live<Btree>], place: Place, by_ms: u64) -> Job {
        Job {
            sources: Vec::new(),
            gone: Vec::new(),
            newest: 0,
            before: current.first().map(|live| Before {
                id: live.id,
                installed: live.installed,
                meta: live.meta.clone(),
                tree: live.segment.clone(),
            }),
            page_bytes: self.options.page_bytes as usize,
            fill_percent: usize::from(self.options.fill_percent),
            place,
            rules: self.rules.clone(),
            expiry: self.expiry(by_ms),
            living: self.living.clone(),
            cache: self.services.cache.clone(),
        }
    }
}

impl IndexType for Btree {
    const NAME: &'static str = "btree";
    const FORMAT: u16 = FORMAT;
    const OPERATIONS: &'static str = ordered::OPERATIONS;
    const FLUSH: FlushCost = FlushCost::Pages;

    type Writer = Writer;
    type Memtable = Memtable;
    type Segment = Tree;
    type Layout = Trees;

    fn configure(options: &[u8], services: &Services) -> Result<Btree> {
        Btree::with_operators(options, services, &Operators::default())
    }

    fn prepare(&self, ops: &mut Vec<u8>, footprint: Option<&mut Footprint>) -> Result<()> {
        prepare::prepare(ops, &self.rules, &|| self.services.clock.now_ms(), footprint)
    }

    fn create(&self) -> (Writer, Arc<Memtable>) {
        self.memtables.create()
    }

    fn open(&self, meta: &Arc<SegmentMeta>, files: &dyn Files) -> Result<Tree> {
        let tree = Tree::open(meta, files, &self.services.cache, &self.living)?;
        if tree.facts().expiring + tree.facts().merges > 0 {
            self.memtables.note_expiring();
        }
        Ok(tree)
    }

    fn arrange(&self, current: &[Live<Btree>]) -> Result<Trees> {
        Trees::new(current)
    }

    fn flush(&self, frozen: &[Arc<Memtable>], current: &[Live<Btree>]) -> Result<Box<dyn Work>> {
        let source = |memtable: &Arc<Memtable>| {
            let deletes =
                memtable.cover().map(|cover| Deletes::Memtable(Box::new(cover.cursor(u64::MAX))));
            (Source::Memtable(memtable.tree().cursor(u64::MAX)), deletes)
        };
        let covers = || frozen.iter().filter_map(|memtable| memtable.cover());
        let mut gone = covers().flat_map(|cover| cover.spans(u64::MAX)).collect();
        span::join(&mut gone);
        Ok(Box::new(FlushWork::new(Job {
            sources: frozen.iter().rev().map(source).collect(),
            gone,
            newest: covers().map(|cover| cover.last()).max().unwrap_or(0),
            ..self.job(current, Place::Beside, self.gone_by_ms())
        })))
    }

    fn load(&self, _current: &[Live<Btree>]) -> Result<Box<dyn Load>> {
        let Options { page_bytes, fill_percent, .. } = self.options;
        Ok(Box::new(LoadWork::new(page_bytes as usize, usize::from(fill_percent))))
    }

    fn accept(&self, given: &[Live<Btree>], footprint: &mut Footprint) -> Result<()> {
        let mut spans = given.iter().map(layout::span).collect::<Result<Vec<_>>>()?;
        spans.sort_by(|a, b| a.start.cmp(&b.start));
        span::check_apart(&spans)?;
        if spans.len() > SPANS_MAX {
            spans = spans.into_iter().reduce(|all, span| all.with(&span)).into_iter().collect();
        }
        footprint.ranges.extend(spans.into_iter().map(|Span { start, end }| (start, end)));
        Ok(())
    }

    /// Its keys may take more room than a label has, and matter to the log alone.
    fn labelled(&self, loaded: &SegmentMeta) -> Result<SegmentMeta> {
        let (detail, facts) = Detail::decode(&loaded.detail)?;
        Ok(SegmentMeta { detail: detail.encode(&facts), ..loaded.clone() })
    }

    fn note_ingested(&self, at: SeqNo) {
        self.memtables.gaps().forget(at.0);
    }

    /// A load into nothing becomes the tree; another one is put into it.
    fn place(
        &self,
        at: SeqNo,
        given: &[Live<Btree>],
        current: &[Live<Btree>],
    ) -> Result<Box<dyn Work>> {
        if current.is_empty() && given.len() == 1 {
            let meta = |live: &Live<Btree>| SegmentMeta {
                newest: at,
                // Its keys matter to the log alone.
                detail: live.segment.detail().encode(live.segment.facts()),
                ..(*live.meta).clone()
            };
            let add = given.iter().map(meta).collect();
            return Ok(Box::new(Placed::new(Edit { remove: Vec::new(), add })));
        }
        let source =
            |live: &Live<Btree>| (Source::Stored(TreeCursor::new(live.segment.clone())), None);
        Ok(Box::new(FlushWork::new(Job {
            sources: given.iter().map(source).collect(),
            newest: at.0,
            ..self.job(current, Place::Beside, self.gone_by_ms())
        })))
    }

    fn plan(
        &self,
        current: &[Live<Btree>],
        busy: &BTreeSet<SegmentId>,
        aim: Aim<'_>,
    ) -> Option<MergePlan> {
        let live = current.first().filter(|live| !busy.contains(&live.id))?;
        let (tree, by_ms) = (&live.segment, self.gone_by_ms());
        let detail = tree.detail();
        let unused = u64::from(detail.unused);
        let expired = tree.facts().expired(by_ms);
        let worth = match aim {
            Aim::Steady => {
                is_sparse(unused, detail) || expired > 0 && expired >= live.meta.entries / EXPIRED
            }
            Aim::Compact(_) if !aim.wants(live.id) => false,
            Aim::Compact(_) => expired > 0 || unused * 16 > u64::from(detail.pages) + 64,
        };
        worth.then(|| MergePlan {
            inputs: vec![live.id],
            pressure: PRESSURE,
            bytes: live.meta.bytes(),
            detail: by_ms,
            heirs: Heirs::None,
        })
    }

    fn due_ms(&self, current: &[Live<Btree>], after_ms: u64) -> Option<u64> {
        let live = current.first()?;
        let count = (live.meta.entries / EXPIRED).max(1);
        let due_ms = live.segment.facts().expired_at(count)?;
        if due_ms > after_ms {
            return Some(due_ms);
        }
        // Operands in memory keep what has expired since; nobody tells when views let go of them.
        let held_ms = self.memtables.oldest_operand_ms().filter(|_| self.rules.can_merge())?;
        (held_ms < due_ms).then(|| after_ms.saturating_add(OPERANDS_HOLD_MS))
    }

    fn flush_due_ms(
        &self,
        active: &Memtable,
        current: &[Live<Btree>],
        busy: &BTreeSet<SegmentId>,
    ) -> Option<u64> {
        // Operands in memory, which may build on what has expired since, keep it from going.
        let own_ms = active.oldest_operand_ms()?;
        let live = current.first().filter(|live| !busy.contains(&live.id))?;
        let gone_by_ms = self.gone_before(|| self.memtables.oldest_operand_but_of(active));
        let expired = live.segment.facts().expired(gone_by_ms);
        let waits = gone_by_ms > own_ms && expired > 0 && expired >= live.meta.entries / EXPIRED;
        waits.then(|| own_ms.saturating_add(OPERANDS_HOLD_MS))
    }

    fn debt(&self, _current: &[Live<Btree>]) -> Debt {
        Debt::default()
    }

    fn merge(&self, plan: &MergePlan, current: &[Live<Btree>]) -> Result<Box<dyn Work>> {
        if !current.iter().map(|live| live.id).eq(plan.inputs.iter().copied()) {
            return Err(Error::internal("a merge plan that does not fit the current tree"));
        }
        Ok(Box::new(FlushWork::new(self.job(current, Place::Apart, plan.detail))))
    }

    /// A tree that a flush has changed meanwhile is not replaced: the flush sees to space itself,
    /// where there is enough to be given back.
    fn catch_up(
        &self,
        merged: Edit,
        inputs: &[Live<Btree>],
        current: &[Live<Btree>],
        _out: &mut dyn Output,
    ) -> Result<Edit> {
        let same = inputs.iter().map(|live| live.id).eq(current.iter().map(|live| live.id));
        if same || planted::is(Bug::MissingCatchUp) {
            return Ok(merged);
        }
        Ok(Edit::default())
    }

    fn verify(&self, live: &Live<Btree>, report: &mut dyn FnMut(String)) -> Result<()> {
        segment::verify(&live.segment, live.meta.entries, report)
    }

    fn salvage(
        &self,
        remnants: &[Remnant],
        known: KnownBy,
        files: &dyn Files,
        found: &mut dyn Salvage,
    ) -> Result<()> {
        salvage::salvage(remnants, known, (files, &self.rules), found)
    }

    fn builds_on(&self, ops: &[u8], tell: &mut dyn FnMut(&[u8])) {
        saving::builds_on(ops, tell);
    }
}
