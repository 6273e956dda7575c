//! Tests of bits: `$bitsAllSet`, `$bitsAnySet`, `$bitsAllClear` and `$bitsAnyClear`.
//!
//! Not for: `$bit`, which changes them.

use crate::Result;
use crate::document::failure;
use crate::document::value::{Array, Binary, Value};

/// The largest position of a mask, which is as many bits as the largest document has.
const POSITION_MAX: i64 = (16 << 20) * 8;

/// Which bits are looked at, and what they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitTest {
    /// How many must be how.
    pub rule: BitRule,
    /// Positions, in order, each once; 0 is the lowest bit.
    pub positions: Box<[u32]>,
}

/// How many bits must be how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitRule {
    /// `$bitsAllSet`.
    AllSet,
    /// `$bitsAnySet`.
    AnySet,
    /// `$bitsAllClear`.
    AllClear,
    /// `$bitsAnyClear`.
    AnyClear,
}

impl BitRule {
    /// The operator's name.
    pub fn operator(self) -> &'static str {
        match self {
            BitRule::AllSet => "$bitsAllSet",
            BitRule::AnySet => "$bitsAnySet",
            BitRule::AllClear => "$bitsAllClear",
            BitRule::AnyClear => "$bitsAnyClear",
        }
    }
}

impl BitTest {
    /// Reads a mask: a number whose bits are looked at, bytes likewise, or positions in an array.
    pub(super) fn parse(rule: BitRule, mask: &Value<'_>) -> Result<BitTest> {
        let mut positions = match mask {
            Value::Array(array) => listed(rule, array)?,
            Value::Binary(binary) => of_bytes(binary),
            number => of_number(rule, number)?,
        };
        positions.sort_unstable();
        positions.dedup();
        Ok(BitTest { rule, positions: positions.into() })
    }

    /// Whether a value has these bits; false of all but whole numbers of 64 bits and bytes.
    /// Negative numbers go on with ones for ever.
    pub(super) fn matches(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Binary(binary) => self.holds(|position| {
                let byte = binary.bytes.get(position as usize / 8).copied().unwrap_or(0);
                byte >> (position % 8) & 1 == 1
            }),
            other => match other.number().and_then(|number| number.to_exact_i64()) {
                Some(number) => self.holds(|position| number >> position.min(63) & 1 == 1),
                None => false,
            },
        }
    }

    fn holds(&self, is_set: impl Fn(u32) -> bool) -> bool {
        let mut positions = self.positions.iter().copied();
        match self.rule {
            BitRule::AllSet => positions.all(is_set),
            BitRule::AnySet => positions.any(is_set),
            BitRule::AllClear => !positions.any(is_set),
            BitRule::AnyClear => !positions.all(is_set),
        }
    }
}

fn listed(rule: BitRule, array: &Array<'_>) -> Result<Vec<u32>> {
    let position = |value: Value<'_>| {
        let number = value.number().and_then(|number| number.to_exact_i64());
        let found = number.filter(|number| (0..=POSITION_MAX).contains(number));
        found.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
            let operator = rule.operator();
            failure::bad_value(format!("{operator}: {value:?} is not the position of a bit"))
        })
    };
    array.iter().map(position).collect()
}

fn of_bytes(binary: &Binary<'_>) -> Vec<u32> {
    let bits = (0_u32..).zip(binary.bytes.iter());
    let set = bits.flat_map(|(at, byte)| {
        (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| at * 8 + bit)
    });
    set.collect()
}

fn of_number(rule: BitRule, mask: &Value<'_>) -> Result<Vec<u32>> {
    let operator = rule.operator();
    let Some(number) = mask.number() else {
        return Err(failure::bad_value(format!(
            "{operator} takes an array, a number or binary data, not {mask:?}"
        )));
    };
    match number.to_exact_i64() {
        Some(bits) if bits >= 0 => Ok((0..63).filter(|bit| bits >> bit & 1 == 1).collect()),
        _ => Err(failure::failed_to_parse(format!(
            "{operator} takes a whole number from 0 to 2^63 - 1 as a mask, not {mask:?}"
        ))),
    }
}
