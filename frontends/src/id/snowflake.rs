//! Numbers of 63 bits made of time, node and count, as Twitter's Snowflake of 2010 had them.
//!
//! ```text
//! 63 │ 62 .............. 22 │ 21 ....... 12 │ 11 ...... 0
//! 0  │ ms since the epoch   │ node          │ count
//! ```

use std::sync::{Mutex, PoisonError};

use super::clock::Clock;
use super::mark::Kind;
use crate::{Error, Keyspace, Result};

const COUNT_BITS: u32 = 12;
const NODE_BITS: u32 = 10;
const TIME_BITS: u32 = 41;
/// 2024-01-01 00:00:00 UTC.
const EPOCH_MS: u64 = 1_704_067_200_000;

/// Where and since when snowflakes are made.
#[derive(Clone, Copy, Debug)]
#[must_use = "options do nothing until a generator is opened with them"]
pub struct SnowflakeOptions {
    node: u16,
    epoch_ms: u64,
}

impl Default for SnowflakeOptions {
    fn default() -> SnowflakeOptions {
        SnowflakeOptions { node: 0, epoch_ms: EPOCH_MS }
    }
}

impl SnowflakeOptions {
    /// Node 0, and the epoch 2024-01-01.
    pub fn new() -> SnowflakeOptions {
        SnowflakeOptions::default()
    }

    /// The number of this node, 0 to 1,023: no two that share a table of identifiers may have the
    /// same.
    pub fn node(mut self, node: u16) -> SnowflakeOptions {
        self.node = node;
        self
    }

    /// When time begins, in milliseconds since 1970; identifiers last 69 years from then.
    pub fn epoch_ms(mut self, epoch_ms: u64) -> SnowflakeOptions {
        self.epoch_ms = epoch_ms;
        self
    }

    /// When a generator with this epoch gave out a number, in milliseconds since 1970; at most a
    /// little later than it was.
    ///
    /// ```
    /// use cuesta::id::{Snowflake, SnowflakeOptions};
    ///
    /// let id = (1000 << 22) | (7 << 12) | 3;
    /// assert_eq!(Snowflake::of(id)?, Snowflake { ms: 1000, node: 7, count: 3 });
    /// assert_eq!(SnowflakeOptions::new().time_ms(id)?, 1_704_067_201_000);
    /// # cuesta::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Snowflake::of`].
    pub fn time_ms(&self, number: u64) -> Result<u64> {
        Ok(self.epoch_ms.saturating_add(Snowflake::of(number)?.ms))
    }
}

/// What a snowflake is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snowflake {
    /// Milliseconds since the epoch of its generator.
    pub ms: u64,
    /// The node that made it.
    pub node: u16,
    /// Which one it was of its millisecond, from 0.
    pub count: u16,
}

impl Snowflake {
    /// Takes a number apart.
    ///
    /// # Errors
    /// `Invalid` for one of 64 bits, which is no snowflake.
    pub fn of(number: u64) -> Result<Snowflake> {
        let ms = number >> (NODE_BITS + COUNT_BITS);
        if ms >> TIME_BITS != 0 {
            let message =
                format!("{number} is no snowflake: they have 63 bits, and are below 2^63");
            return Err(Error::invalid(message));
        }
        Ok(Snowflake {
            ms,
            node: (number >> COUNT_BITS) as u16 & ((1 << NODE_BITS) - 1),
            count: number as u16 & ((1 << COUNT_BITS) - 1),
        })
    }

    fn number(self) -> u64 {
        self.ms << (NODE_BITS + COUNT_BITS)
            | u64::from(self.node) << COUNT_BITS
            | u64::from(self.count)
    }
}

/// Gives out snowflakes: ascending 63-bit numbers that fit a signed 64-bit column.
///
/// More than 4,096 in a millisecond run ahead of the time. About every two seconds of use one
/// durable commit reserves the next two; all else costs a lock.
#[derive(Debug)]
pub struct Snowflakes {
    options: SnowflakeOptions,
    state: Mutex<(Clock, Option<Snowflake>)>,
}

impl Snowflakes {
    /// The generator whose time is kept at `key`.
    ///
    /// # Errors
    /// `Invalid` for a node above 1,023, or when the key holds something else, such as the mark of
    /// a generator with another epoch; as [`Keyspace::get`].
    pub fn open(
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        options: SnowflakeOptions,
    ) -> Result<Snowflakes> {
        if options.node >> NODE_BITS != 0 {
            return Err(Error::invalid(format!("node {}; the last one is 1023", options.node)));
        }
        let clock = Clock::open(keyspace, key.as_ref(), Kind::Snowflakes(options.epoch_ms))?;
        Ok(Snowflakes { options, state: Mutex::new((clock, None)) })
    }

    /// Gives out a snowflake that is greater than all before.
    ///
    /// # Errors
    /// `Invalid` when the machine's clock is before the epoch, `Full` 69 years after it; as
    /// [`Database::transact`](crate::Database::transact) when time has to be reserved.
    pub fn give(&self) -> Result<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (clock, last) = &mut *state;
        let mut next =
            Snowflake { ms: self.since(clock.now()?)?, node: self.options.node, count: 0 };
        if let Some(last) = last.filter(|last| last.ms == next.ms) {
            if last.count + 1 < 1 << COUNT_BITS {
                next.count = last.count + 1;
            } else {
                next.ms = self.since(clock.later()?)?;
            }
        }
        *last = Some(next);
        Ok(next.number())
    }

    /// When it gave out a number, in milliseconds since 1970; at most a little later than it was.
    ///
    /// # Errors
    /// As [`Snowflake::of`].
    pub fn time_ms(&self, number: u64) -> Result<u64> {
        self.options.time_ms(number)
    }

    /// Gives back the rest of the time that was reserved, unless others have reserved since.
    /// Without it the next generator of this key begins up to two seconds later, each time.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact); nothing is lost but time.
    pub fn close(self) -> Result<()> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).0.close()
    }

    fn since(&self, ms: u64) -> Result<u64> {
        let epoch_ms = self.options.epoch_ms;
        let since = ms.checked_sub(epoch_ms).ok_or_else(|| {
            Error::invalid(format!(
                "the clock says {ms} ms since 1970, before the epoch {epoch_ms}"
            ))
        })?;
        if since >> TIME_BITS != 0 {
            return Err(Error::full(format!(
                "{ms} ms since 1970 do not fit {TIME_BITS} bits from the epoch {epoch_ms}"
            )));
        }
        Ok(since)
    }
}
