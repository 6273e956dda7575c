//! How values merge with operands: what a program may add, and what is built in.
//!
//! Not for: where operands lie, and when they are merged (see [`operand`](super::operand)).

use std::cmp;
use std::fmt;
use std::sync::Arc;

use cuesta_engine::error::{Error, Result};

/// A way to change a value without reading it first: an operand is written, and merged with the
/// value later, by reads and in the background.
///
/// Laws, for all bases and operands:
/// 1. Merging operands all at once gives what merging them one after the other gives.
/// 2. An operand that [`combine`](MergeOperator::combine) made does what those that it was made of
///    do one after the other.
/// 3. The result depends on nothing but the arguments, today and in later versions of the program.
///
/// It is called from many threads, and while locks are held: it should be fast, and use nothing of
/// the database. A panic counts as the error `Invalid`.
pub trait MergeOperator: Send + Sync + 'static {
    /// Its name, 1 to 255 bytes, under which keyspaces remember it. Another behaviour needs another
    /// name.
    fn name(&self) -> &str;

    /// Checks an operand before it is written.
    ///
    /// # Errors
    /// `Invalid` says what is wrong with it.
    fn check(&self, operand: &[u8]) -> Result<()> {
        let _ = operand;
        Ok(())
    }

    /// The value that comes of `base`, if the key has a value, and operands, at least one, oldest
    /// first; `None` if the key is to have none.
    ///
    /// # Errors
    /// `Invalid` when they do not fit together. Reading the key then fails, and nothing is lost:
    /// the next put or delete makes it whole.
    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>>;

    /// Whether [`merge`](MergeOperator::merge) never gives `None`. A value that expires is then
    /// merged with many operands at once; else one after the other, since a value that goes takes
    /// its expiry with it.
    fn keeps_values(&self) -> bool {
        false
    }

    /// One operand for several that follow each other, oldest first; `None` if they cannot be
    /// combined without a base.
    fn combine(&self, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let _ = operands;
        None
    }
}

/// The operators that a program knows, by name.
#[derive(Clone)]
pub struct Operators {
    /// The built-in ones first.
    known: Vec<Arc<dyn MergeOperator>>,
    built_in: usize,
    /// The name of a built-in one that another was added under.
    refused: Option<String>,
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Default for Operators {
    /// `add`, `max`, `min` and `append`.
    fn default() -> Operators {
        let known: Vec<Arc<dyn MergeOperator>> = vec![
            Arc::new(Number::Add),
            Arc::new(Number::Max),
            Arc::new(Number::Min),
            Arc::new(Append),
        ];
        Operators { built_in: known.len(), known, refused: None }
    }
}

impl Operators {
    /// None at all.
    pub fn none() -> Operators {
        Operators { known: Vec::new(), built_in: 0, refused: None }
    }

    /// Adds one. One that was added under the same name is replaced; one that is built in is not,
    /// and [`Operators::check`] tells.
    pub fn add(&mut self, operator: Arc<dyn MergeOperator>) {
        let at = self.known.iter().position(|other| other.name() == operator.name());
        match at {
            Some(at) if at < self.built_in => self.refused = Some(operator.name().to_owned()),
            Some(at) => self.known[at] = operator,
            None => self.known.push(operator),
        }
    }

    /// Fails when one was added under the name of one that is built in: values that were written
    /// with the one would be merged by the other.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let Some(name) = &self.refused else { return Ok(()) };
        Err(Error::invalid(format!(
            "merge operator {name:?} is built in and cannot be replaced: give yours another name"
        )))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|operator| operator.name())
    }

    /// The one named so.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn MergeOperator>> {
        self.known.iter().find(|operator| operator.name() == name)
    }
}

/// Numbers of eight bytes: i64, little-endian. A key without a value takes on the operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// The sum, wrapping around at both ends of i64.
    Add,
    /// The greatest.
    Max,
    /// The smallest.
    Min,
}

fn number(bytes: &[u8], what: &str) -> Result<i64> {
    let wrong = |_| {
        let len = bytes.len();
        Error::invalid(format!("{what} of {len} bytes; a number has 8, i64 little-endian"))
    };
    bytes.try_into().map(i64::from_le_bytes).map_err(wrong)
}

impl Number {
    fn of(self, a: i64, b: i64) -> i64 {
        match self {
            // Wrapping alone keeps sums independent of the order in which they are made.
            Number::Add => a.wrapping_add(b),
            Number::Max => cmp::max(a, b),
            Number::Min => cmp::min(a, b),
        }
    }

    fn all(self, operands: &[&[u8]]) -> Result<Option<i64>> {
        operands.iter().try_fold(None, |sum, operand| {
            let operand = number(operand, "an operand")?;
            Ok(Some(sum.map_or(operand, |sum| self.of(sum, operand))))
        })
    }
}

impl MergeOperator for Number {
    fn name(&self) -> &str {
        match self {
            Number::Add => "add",
            Number::Max => "max",
            Number::Min => "min",
        }
    }

    fn check(&self, operand: &[u8]) -> Result<()> {
        number(operand, "an operand").map(drop)
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let base = base.map(|base| number(base, "a value")).transpose()?;
        let all = self.all(operands)?;
        let result = match (base, all) {
            (Some(base), Some(all)) => Some(self.of(base, all)),
            (one, None) | (None, one) => one,
        };
        Ok(result.map(|result| result.to_le_bytes().to_vec()))
    }

    fn keeps_values(&self) -> bool {
        true
    }

    fn combine(&self, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let all = self.all(operands).ok().flatten()?;
        Some(all.to_le_bytes().to_vec())
    }
}

/// Operands one behind the other, behind the value.
struct Append;

impl MergeOperator for Append {
    fn name(&self) -> &str {
        "append"
    }

    fn merge(&self, base: Option<&[u8]>, operands: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let mut value = base.unwrap_or_default().to_vec();
        operands.iter().for_each(|operand| value.extend_from_slice(operand));
        Ok(Some(value))
    }

    fn keeps_values(&self) -> bool {
        true
    }

    fn combine(&self, operands: &[&[u8]]) -> Option<Vec<u8>> {
        Some(operands.concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (-3i64..3).prop_map(|n| n.to_le_bytes().to_vec()),
            any::<i64>().prop_map(|n| n.to_le_bytes().to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn built_in_operators_obey_the_laws(
            base in prop::option::of(bytes()),
            operands in prop::collection::vec(bytes(), 1..6),
        ) {
            let operators = Operators::default();
            for name in ["add", "max", "min", "append"] {
                let operator = operators.get(name).unwrap();
                let all: Vec<&[u8]> = operands.iter().map(Vec::as_slice).collect();
                let at_once = operator.merge(base.as_deref(), &all).unwrap();
                let one_by_one = all.iter().fold(base.clone(), |value, operand| {
                    operator.check(operand).unwrap();
                    operator.merge(value.as_deref(), &[operand]).unwrap()
                });
                prop_assert_eq!(&at_once, &one_by_one);
                let combined = operator.combine(&all).unwrap();
                prop_assert_eq!(at_once, operator.merge(base.as_deref(), &[&combined]).unwrap());
            }
        }
    }

    #[test]
    fn numbers_of_other_lengths_are_refused() {
        let operators = Operators::default();
        let add = operators.get("add").unwrap();
        assert!(add.check(b"123").is_err());
        assert!(add.merge(Some(b"123"), &[&[0; 8]]).unwrap_err().message().contains("3 bytes"));
        assert!(operators.get("unheard of").is_none());
    }
}
