//! What many numbers come to: sums, means, deviations, percentiles. For operators and accumulators.

use std::cmp::Ordering;

use super::number;
use crate::document::value::{Array, Decimal128, Number, Value};

/// A sum of numbers of all types, exact for whole ones, compensated for doubles (A. Neumaier,
/// 1974).
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    whole: i128,
    double: f64,
    lost: f64,
    decimal: Option<Decimal128>,
    doubles: bool,
    longs: bool,
    count: u64,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, number: Number) {
        self.count += 1;
        match number {
            Number::Int32(number) => self.whole += i128::from(number),
            Number::Int64(number) => {
                self.longs = true;
                self.whole += i128::from(number);
            }
            Number::Double(number) => {
                self.doubles = true;
                self.add_double(number);
            }
            Number::Decimal128(number) => {
                self.decimal = Some(match self.decimal {
                    Some(sum) => sum.plus(number),
                    None => number,
                });
            }
        }
    }

    fn add_double(&mut self, number: f64) {
        let sum = self.double + number;
        let (large, small) = if self.double.abs() >= number.abs() {
            (self.double, number)
        } else {
            (number, self.double)
        };
        self.lost += (large - sum) + small;
        self.double = sum;
    }

    /// Adds what another sum has.
    pub fn merge(&mut self, other: &Sum) {
        self.whole += other.whole;
        self.longs |= other.longs;
        self.doubles |= other.doubles;
        self.count += other.count;
        self.add_double(other.double);
        self.lost += other.lost;
        if let Some(decimal) = other.decimal {
            self.decimal = Some(self.decimal.map_or(decimal, |sum| sum.plus(decimal)));
        }
    }

    /// All of it as values, to be read by [`load`](Sum::load).
    pub fn save(&self) -> Array<'static> {
        [
            Value::Int64((self.whole >> 64) as i64),
            Value::Int64(self.whole as i64),
            Value::Double(self.double),
            Value::Double(self.lost),
            self.decimal.into(),
            Value::Bool(self.doubles),
            Value::Bool(self.longs),
            Value::Int64(self.count as i64),
        ]
        .into_iter()
        .collect()
    }

    /// The sum that was saved; `None` if it is none.
    pub fn load(saved: &Array<'_>) -> Option<Sum> {
        let mut parts = saved.iter();
        let mut long = || parts.next()?.number()?.to_exact_i64();
        let (high, low) = (long()?, long()?);
        let mut double = || Some(parts.next()?.number()?.to_f64());
        let (double, lost) = (double()?, double()?);
        let decimal = match parts.next()? {
            Value::Decimal128(decimal) => Some(decimal),
            _ => None,
        };
        Some(Sum {
            whole: i128::from(high) << 64 | i128::from(low as u64),
            double,
            lost,
            decimal,
            doubles: parts.next()?.as_bool()?,
            longs: parts.next()?.as_bool()?,
            count: parts.next()?.number()?.to_exact_i64()? as u64,
        })
    }

    /// The doubles' sum; infinities and not-a-number make the compensation meaningless.
    fn doubles(&self) -> f64 {
        if self.double.is_finite() { self.double + self.lost } else { self.double }
    }

    fn as_double(&self) -> f64 {
        let mut all = self.clone();
        // Both halves are exact.
        let low = self.whole % (1 << 53);
        all.add_double((self.whole - low) as f64);
        all.add_double(low as f64);
        all.doubles()
    }

    fn as_decimal(&self, decimal: Decimal128) -> Decimal128 {
        let high = (self.whole >> 62) as i64;
        let low = (self.whole & ((1 << 62) - 1)) as i64;
        let whole = Decimal128::from(high).times(Decimal128::from(1_i64 << 62));
        let whole = whole.plus(Decimal128::from(low));
        let sum = if self.whole == 0 { decimal } else { decimal.plus(whole) };
        if self.doubles { sum.plus(Decimal128::from_f64(self.doubles())) } else { sum }
    }

    /// The sum, of the type that the numbers make it.
    pub fn total(&self) -> Number {
        if let Some(decimal) = self.decimal {
            return Number::Decimal128(self.as_decimal(decimal));
        }
        if self.doubles {
            return Number::Double(self.as_double());
        }
        match i64::try_from(self.whole) {
            Ok(whole) if self.longs => Number::Int64(whole),
            Ok(whole) => number::narrow(whole),
            Err(_) => Number::Double(self.whole as f64),
        }
    }

    /// The mean, a double or a decimal; `None` of no numbers.
    pub fn mean(&self) -> Option<Number> {
        if self.count == 0 {
            return None;
        }
        Some(match self.decimal {
            Some(decimal) => {
                let count = Decimal128::from(i64::try_from(self.count).unwrap_or(i64::MAX));
                Number::Decimal128(self.as_decimal(decimal).divided_by(count))
            }
            None => Number::Double(self.as_double() / self.count as f64),
        })
    }
}

/// How far numbers are from their mean, in one pass (B. P. Welford, 1962).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deviation {
    count: u64,
    mean: f64,
    squares: f64,
}

/// Of what the numbers are a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// They are all there are.
    Population,
    /// They are a sample.
    Sample,
}

impl Deviation {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        let distance = number - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (number - self.mean);
    }

    /// Adds what another one has (T. F. Chan, G. H. Golub, R. J. LeVeque, 1979).
    pub fn merge(&mut self, other: &Deviation) {
        if other.count == 0 {
            return;
        }
        let (own, others) = (self.count as f64, other.count as f64);
        let distance = other.mean - self.mean;
        let all = own + others;
        self.squares += other.squares + distance * distance * own * others / all;
        self.mean += distance * others / all;
        self.count += other.count;
    }

    /// All of it as values, to be read by [`load`](Deviation::load).
    pub fn save(&self) -> Array<'static> {
        let parts = [self.count as f64, self.mean, self.squares];
        parts.into_iter().collect()
    }

    /// What was saved; `None` if it is none.
    pub fn load(saved: &Array<'_>) -> Option<Deviation> {
        let mut parts = saved.iter();
        let mut double = || Some(parts.next()?.number()?.to_f64());
        Some(Deviation { count: double()? as u64, mean: double()?, squares: double()? })
    }

    /// The standard deviation; null of too few numbers.
    pub fn result(&self, of: Of) -> Value<'static> {
        let less = if of == Of::Sample { 1 } else { 0 };
        if self.count <= less {
            return Value::Null;
        }
        Value::Double((self.squares / (self.count - less) as f64).sqrt())
    }
}

/// How a percentile is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// One of the numbers.
    Discrete,
    /// Between two of them.
    Continuous,
}

/// The percentile of numbers in order; `None` of none. `fraction` is from 0 to 1.
pub(crate) fn percentile(sorted: &[f64], fraction: f64, method: Method) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    match method {
        Method::Discrete => {
            let rank = (fraction * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1).min(last)).copied()
        }
        Method::Continuous => {
            let rank = fraction * last as f64;
            let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
            let (low, high) = (*sorted.get(low)?, *sorted.get(high)?);
            let part = rank - rank.floor();
            Some(if part == 0.0 { low } else { low + (high - low) * part })
        }
    }
}

/// The order of doubles, not-a-number first.
pub(crate) fn double_order(a: &f64, b: &f64) -> Ordering {
    Number::Double(*a).compare(Number::Double(*b))
}
