//! Operands that wait to be merged: how they are stored, and what comes of them.
//!
//! ```text
//! entry   | below u8 = 0                                  | operand, ... oldest first
//!         | nothing u8 = 1                                | operand, ...
//!         | value u8 = 2    | byte string                 | operand, ...
//!         | expiring u8 = 3 | expiry and value: byte string | operand, ...
//! operand | first varint | span varint | byte string
//! ```
//!
//! What operands build on, their *base*, lies deeper, or in front of them where merging it with
//! them is not possible here. An operand's *first* is the clock of its commit; one that was
//! combined of several has that of the oldest, and the *span* to that of the newest.
//!
//! **Expiry.** An operand builds on a base only if that had not expired when the operand was
//! committed; else on nothing. What comes of it expires when the base would have; in a keyspace
//! that gives values a time to live, that begins anew with each operand. All of this follows from
//! what is stored, so it does not matter when and where operands are merged.
//!
//! Not for: looking for them.
//!
//! Invariants:
//! 1. Whatever fails, operands and base stay as they are: an entry can hold all of them.
//! 2. Operands are combined only where no base can have expired between them.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cuesta_engine::error::{Error, Result, panic_message};
use cuesta_engine::format::{Reader, put_bytes, put_varint, varint_len};
use cuesta_engine::manifest::NUMBER_MAX;

use super::expiry;
use super::kind::Kind;
use super::op::{VALUE_BYTES_MAX, check_value};
use super::operator::{MergeOperator, Operators};

#[cfg(test)]
mod tests;

/// An operator's name, and the operator if this program knows it.
type Named = (Arc<str>, Option<Arc<dyn MergeOperator>>);

/// How the values of one index change by themselves.
#[derive(Clone, Default)]
pub struct Rules {
    operator: Option<Named>,
    /// How long values live; 0 is for ever.
    ttl_ms: u64,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.operator.as_ref().map(|(name, _)| name);
        f.debug_struct("Rules").field("operator", &name).field("ttl_ms", &self.ttl_ms).finish()
    }
}

impl Rules {
    /// The rules of an index with this operator, if any, and this time to live, 0 being none.
    pub(crate) fn new(operator: Option<&str>, ttl_ms: u64, known: &Operators) -> Rules {
        let operator = operator.map(|name| (name.into(), known.get(name).cloned()));
        Rules { operator, ttl_ms }
    }

    /// Whether there may be operands.
    pub(crate) fn can_merge(&self) -> bool {
        self.operator.is_some()
    }

    /// The operator.
    ///
    /// # Errors
    /// `Invalid` when there is none, `Unsupported` when it is not known here.
    pub(crate) fn operator(&self) -> Result<&dyn MergeOperator> {
        match &self.operator {
            Some((_, Some(operator))) => Ok(&**operator),
            Some((name, None)) => Err(Error::unsupported(format!(
                "merge operator {name:?} is not registered in this program"
            ))),
            None => Err(Error::invalid("the keyspace was created without a merge operator")),
        }
    }

    /// Whether merging never takes a value away.
    fn keeps_values(&self) -> bool {
        let known = self.operator.as_ref().and_then(|(_, operator)| operator.as_deref());
        known.is_some_and(|known| guarded(known, || Ok(known.keeps_values())).unwrap_or(false))
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let operator = self.operator()?;
        let value = guarded(operator, || operator.merge(base, operands))?;
        if let Some(value) = &value
            && (value.len() + expiry::EXPIRY_BYTES) as u64 > VALUE_BYTES_MAX
        {
            let len = value.len();
            return Err(Error::invalid(format!("merging gives a value of {len} bytes")));
        }
        Ok(value)
    }

    /// Checks an operand before it is logged.
    ///
    /// # Errors
    /// As [`Rules::operator`]; what the operator says.
    pub(crate) fn check(&self, operand: &[u8]) -> Result<()> {
        let operator = self.operator()?;
        guarded(operator, || operator.check(operand))
    }

    /// One operand for several, if there can be one.
    fn combine(&self, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let operator = self.operator().ok()?;
        guarded(operator, || Ok(operator.combine(operands))).ok().flatten()
    }
}

/// Calls an operator, which is the program's. One that panics refuses.
fn guarded<T>(operator: &dyn MergeOperator, call: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|cause| {
        let (name, message) = (operator.name(), panic_message(&*cause));
        Err(Error::invalid(format!("merge operator {name:?} panicked: {message}")))
    })
}

/// What operands build on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Base<'a> {
    /// It lies deeper.
    Below,
    /// The key has no value.
    Nothing,
    /// A value, perhaps with an expiry.
    Value(Cow<'a, [u8]>, Option<u64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operand<'a> {
    first: u64,
    last: u64,
    bytes: Cow<'a, [u8]>,
}

const BELOW: u8 = 0;
const NOTHING: u8 = 1;
const VALUE: u8 = 2;
const EXPIRING: u8 = 3;

/// Whether a stored entry has a value that expires; all of the entry is checked.
///
/// # Errors
/// `Corrupt` for an entry that makes no sense.
pub(crate) fn has_expiring_base(stored: &[u8]) -> Result<bool> {
    let mut pile = Pile::new();
    pile.add(Kind::Merge, stored)?;
    Ok(matches!(pile.base, Base::Value(_, Some(_))))
}

/// Whether a base of operands can be one that expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// There is nothing below: the base is nothing.
    Nothing,
    /// It does not expire.
    Lasting,
    /// It may expire.
    Expiring,
}

/// A stored entry taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// What is there before the operands; `None` where that lies deeper.
    pub base: Option<Outcome>,
    /// Operands that are not merged with it, oldest first.
    pub operands: Vec<SavedOperand>,
}

/// An operand by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SavedOperand {
    /// When it is to be committed again for the same outcome.
    pub clock_ms: u64,
    /// Whether a base may have expired between those that it was combined of, so that the outcome
    /// may be another.
    pub has_doubt: bool,
    pub bytes: Vec<u8>,
}

/// Takes a stored entry apart; merges its operands if it has what they build on, and the operator
/// is known here.
///
/// # Errors
/// `Corrupt`.
pub(crate) fn saved(stored: &[u8], rules: &Rules) -> Result<Saved> {
    let mut pile = Pile::new();
    if pile.add(Kind::Merge, stored)?
        && let Ok(outcome) = pile.outcome(rules)
    {
        return Ok(Saved { base: Some(outcome), operands: Vec::new() });
    }
    // What comes of it lives on from its last clock, if it does at all; else the first matters.
    let lives_on = rules.ttl_ms > 0;
    let operand = |operand: &Operand<'_>| SavedOperand {
        clock_ms: if lives_on { operand.last } else { operand.first },
        has_doubt: lives_on && operand.first < operand.last,
        bytes: operand.bytes.to_vec(),
    };
    let operands = pile.oldest_first().map(operand).collect();
    let base = match pile.base {
        Base::Below => None,
        Base::Nothing => Some(None),
        Base::Value(value, expiry_ms) => Some(Some((value.into_owned(), expiry_ms))),
    };
    Ok(Saved { base, operands })
}

/// A value, and when it expires.
pub(crate) type Outcome = Option<(Vec<u8>, Option<u64>)>;

/// What the places that speak of a key say, from the newest on, until one of them leaves nothing
/// open.
#[derive(Debug)]
pub(crate) struct Pile<'a> {
    base: Base<'a>,
    /// Newest first.
    operands: Vec<Operand<'a>>,
}

impl<'a> Pile<'a> {
    /// Nothing is known yet.
    pub(crate) fn new() -> Pile<'a> {
        Pile { base: Base::Below, operands: Vec::new() }
    }

    /// Operands of a batch committed at `clock_ms`, as the log has them.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn of_logged(operands: &'a [u8], clock_ms: u64) -> Result<Pile<'a>> {
        let mut pile = Pile::new();
        let mut reader = Reader::new(operands, "merge operands");
        while !reader.is_empty() {
            let bytes = Cow::Borrowed(reader.bytes()?);
            pile.operands.push(Operand { first: clock_ms, last: clock_ms, bytes });
        }
        pile.operands.reverse();
        Ok(pile)
    }

    /// Logged operands as a list of one, if they can be combined.
    pub(crate) fn combined(&self, rules: &Rules) -> Option<Vec<u8>> {
        let all: Vec<&[u8]> = self.oldest_first().map(|operand| &*operand.bytes).collect();
        let bytes = rules.combine(&all)?;
        let mut list = Vec::with_capacity(bytes.len() + 9);
        put_bytes(&mut list, &bytes);
        (list.len() as u64 <= VALUE_BYTES_MAX).then_some(list)
    }

    /// Adds what the next older place says; whether that leaves nothing open.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn add(&mut self, kind: Kind, stored: &'a [u8]) -> Result<bool> {
        self.base = match kind {
            Kind::Put => Base::Value(Cow::Borrowed(stored), None),
            Kind::Delete => Base::Nothing,
            Kind::Expiring => {
                let (expiry_ms, value) = expiry::split(stored)?;
                Base::Value(Cow::Borrowed(value), Some(expiry_ms))
            }
            Kind::Merge => self.add_entry(stored)?,
            Kind::Blob => return Err(Error::internal("a pointer in the place of a value")),
        };
        Ok(self.base != Base::Below)
    }

    /// Whether something older may have to be added.
    pub(crate) fn is_open(&self) -> bool {
        self.base == Base::Below
    }

    /// Adds a value that was read from elsewhere, which leaves nothing open.
    pub(crate) fn add_large(&mut self, value: &[u8]) {
        self.base = Base::Value(Cow::Owned(value.to_vec()), None);
    }

    fn add_entry(&mut self, stored: &'a [u8]) -> Result<Base<'a>> {
        let mut reader = Reader::new(stored, "merge entry");
        let base = match reader.u8()? {
            BELOW => Base::Below,
            NOTHING => Base::Nothing,
            VALUE => Base::Value(Cow::Borrowed(reader.bytes()?), None),
            EXPIRING => {
                let (expiry_ms, value) = expiry::split(reader.bytes()?)?;
                Base::Value(Cow::Borrowed(value), Some(expiry_ms))
            }
            other => return Err(reader.corrupt(&format!("a base of kind {other}"))),
        };
        let from = self.operands.len();
        while !reader.is_empty() {
            let (first, span) = (reader.varint()?, reader.varint()?);
            let last = first.checked_add(span).filter(|last| *last <= NUMBER_MAX);
            let last = last.ok_or_else(|| reader.corrupt("a clock beyond all time"))?;
            let bytes = Cow::Borrowed(reader.bytes()?);
            self.operands.push(Operand { first, last, bytes });
        }
        if self.operands.len() == from {
            return Err(reader.corrupt("no operands"));
        }
        self.operands[from..].reverse();
        Ok(base)
    }

    /// The value; nothing is below what was added.
    ///
    /// # Errors
    /// `Unsupported` when the operator is not known here, `Invalid` when it refuses.
    pub(crate) fn outcome(&self, rules: &Rules) -> Result<Outcome> {
        let (value, expiry) = match &self.base {
            Base::Below | Base::Nothing => (None, None),
            Base::Value(value, expiry) => (Some(&**value), *expiry),
        };
        if rules.ttl_ms == 0 && expiry.is_some() && !rules.keeps_values() {
            return self.step_by_step(rules, value, expiry);
        }
        // The last operand that found nothing because everything had expired.
        let mut expiry = expiry;
        let (mut start, mut base) = (0, value);
        for (i, operand) in self.oldest_first().enumerate() {
            if expiry.is_some_and(|expiry| expiry <= operand.first) {
                (start, base, expiry) = (i, None, None);
            }
            if rules.ttl_ms > 0 {
                expiry = Some(operand.last.saturating_add(rules.ttl_ms));
            }
        }
        let operands: Vec<&[u8]> = self.oldest_first().skip(start).map(|o| &*o.bytes).collect();
        if operands.is_empty() {
            return Ok(base.map(|base| (base.to_vec(), expiry)));
        }
        Ok(rules.merge(base, &operands)?.map(|value| (value, expiry)))
    }

    /// As [`Pile::outcome`]: a value that goes takes its expiry with it, so that no step must be
    /// left out.
    fn step_by_step(
        &self,
        rules: &Rules,
        base: Option<&[u8]>,
        expiry: Option<u64>,
    ) -> Result<Outcome> {
        let mut value: Option<Cow<'_, [u8]>> = base.map(Cow::Borrowed);
        let mut expiry = expiry;
        for operand in self.oldest_first() {
            if expiry.is_some_and(|expiry| expiry <= operand.first) {
                (value, expiry) = (None, None);
            }
            value = rules.merge(value.as_deref(), &[&operand.bytes])?.map(Cow::Owned);
            expiry = expiry.filter(|_| value.is_some());
        }
        Ok(value.map(|value| (value.into_owned(), expiry)))
    }

    fn oldest_first(&self) -> impl Iterator<Item = &Operand<'a>> {
        self.operands.iter().rev()
    }

    /// One entry that says what all that was added says: merged if possible, else combined as far
    /// as possible.
    pub(crate) fn into_entry(mut self, rules: &Rules, below: Below) -> (Kind, Vec<u8>) {
        if self.base == Base::Below && below == Below::Nothing {
            self.base = Base::Nothing;
        }
        if self.base == Base::Below {
            self.cut(rules);
        }
        if self.base != Base::Below {
            match self.outcome(rules) {
                Ok(Some((value, None))) => return (Kind::Put, value),
                Ok(Some((value, Some(at)))) => return (Kind::Expiring, expiry::join(at, &value)),
                Ok(None) => return (Kind::Delete, Vec::new()),
                Err(_) => {}
            }
        } else if rules.ttl_ms > 0 || below != Below::Expiring {
            self.combine(rules);
        }
        (Kind::Merge, self.encode())
    }

    /// Leaves out what had expired before an operand came that is here, too.
    fn cut(&mut self, rules: &Rules) {
        let gap = |pair: &[Operand<'_>]| {
            let (newer, older) = (&pair[0], &pair[1]);
            older.last.saturating_add(rules.ttl_ms) <= newer.first
        };
        if rules.ttl_ms > 0
            && let Some(newest_gap) = self.operands.windows(2).position(gap)
        {
            self.operands.truncate(newest_gap + 1);
            self.base = Base::Nothing;
        }
    }

    fn combine(&mut self, rules: &Rules) {
        let (Some(newest), Some(oldest)) = (self.operands.first(), self.operands.last()) else {
            return;
        };
        let (first, last) = (oldest.first, newest.last);
        if self.operands.len() < 2 || first > last {
            return;
        }
        let all: Vec<&[u8]> = self.oldest_first().map(|operand| &*operand.bytes).collect();
        if let Some(bytes) = rules.combine(&all)
            && bytes.len() as u64 <= VALUE_BYTES_MAX / 2
        {
            self.operands = vec![Operand { first, last, bytes: Cow::Owned(bytes) }];
        }
    }

    /// Fails when an entry with all of it would be longer than a stored one may be.
    ///
    /// # Errors
    /// `Invalid`.
    pub(crate) fn check_len(&self) -> Result<()> {
        check_value(self.encoded_len())
    }

    /// How long [`Pile::encode`] would be.
    fn encoded_len(&self) -> u64 {
        let bytes = |len: usize| (varint_len(len as u64) + len) as u64;
        let base = match &self.base {
            Base::Below | Base::Nothing => 0,
            Base::Value(value, None) => bytes(value.len()),
            Base::Value(value, Some(_)) => bytes(value.len() + expiry::EXPIRY_BYTES),
        };
        let clocks = |operand: &Operand<'_>| {
            let span = operand.last.saturating_sub(operand.first);
            (varint_len(operand.first) + varint_len(span)) as u64
        };
        let operands = self.operands.iter().map(|one| clocks(one) + bytes(one.bytes.len()));
        operands.fold(1 + base, u64::saturating_add)
    }

    /// The bytes of an entry with all of it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.base {
            Base::Below => out.push(BELOW),
            Base::Nothing => out.push(NOTHING),
            Base::Value(value, None) => {
                out.push(VALUE);
                put_bytes(&mut out, value);
            }
            Base::Value(value, Some(expiry_ms)) => {
                out.push(EXPIRING);
                put_bytes(&mut out, &expiry::join(*expiry_ms, value));
            }
        }
        for operand in self.oldest_first() {
            put_varint(&mut out, operand.first);
            put_varint(&mut out, operand.last.saturating_sub(operand.first));
            put_bytes(&mut out, &operand.bytes);
        }
        out
    }
}
