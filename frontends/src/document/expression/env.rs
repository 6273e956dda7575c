//! What an expression is evaluated in: a document, the values of variables, and the moment.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::document::value::{DateTime, Document, Value};

/// What holds for a whole query or pipeline: the moment, variables given from outside, randomness.
///
/// One context serves every document of a query, so `$$NOW` is one moment throughout.
#[derive(Debug)]
pub struct Context {
    now: DateTime,
    random: AtomicU64,
    bound: Vec<Option<Value<'static>>>,
}

impl Context {
    /// A context of this moment. `seed` is what `$rand` and `$sample` begin from; the same seed
    /// gives the same numbers.
    pub fn new(now: DateTime, seed: u64) -> Context {
        Context { now, random: AtomicU64::new(seed), bound: Vec::new() }
    }

    /// A context of the same moment, with the values of variables that
    /// [`Scope::bind`](super::Scope::bind) declared, in order of their declaration.
    pub fn with_bound(&self, bound: Vec<Option<Value<'static>>>) -> Context {
        Context { now: self.now, random: AtomicU64::new(self.random_u64()), bound }
    }

    /// The values of variables given from outside.
    pub fn bound(&self) -> &[Option<Value<'static>>] {
        &self.bound
    }

    /// The moment that is now.
    pub fn now(&self) -> DateTime {
        self.now
    }

    /// The next random number: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    pub fn random_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random number from 0 to below 1.
    pub fn random_fraction(&self) -> f64 {
        (self.random_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One document and the variables set while an expression is evaluated on it.
#[derive(Debug)]
pub struct Env<'d> {
    root: &'d Document<'d>,
    current: &'d Document<'d>,
    context: &'d Context,
    slots: RefCell<Vec<Option<Value<'d>>>>,
}

impl<'d> Env<'d> {
    /// For expressions on this document. Allocates nothing.
    pub fn new(root: &'d Document<'_>, context: &'d Context) -> Env<'d> {
        Env::with_current(root, root, context)
    }

    /// For expressions on `current`, a document within `root`.
    pub fn with_current(
        root: &'d Document<'_>,
        current: &'d Document<'_>,
        context: &'d Context,
    ) -> Env<'d> {
        Env { root, current, context, slots: RefCell::new(Vec::new()) }
    }

    /// The document that `$$ROOT` is.
    pub fn root(&self) -> &'d Document<'d> {
        self.root
    }

    /// The document that paths begin in.
    pub fn current(&self) -> &'d Document<'d> {
        self.current
    }

    /// What holds for the whole query.
    pub fn context(&self) -> &'d Context {
        self.context
    }

    /// The value of the variable in a slot; a copy, which is cheap but for text.
    pub(super) fn slot(&self, slot: usize) -> Option<Value<'d>> {
        self.slots.borrow().get(slot)?.clone()
    }

    /// Sets the variable in a slot.
    pub(super) fn set_slot(&self, slot: usize, value: Option<Value<'d>>) {
        let mut slots = self.slots.borrow_mut();
        if slots.len() <= slot {
            slots.resize(slot + 1, None);
        }
        if let Some(place) = slots.get_mut(slot) {
            *place = value;
        }
    }
}
