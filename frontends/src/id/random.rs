//! UUIDs of version 7 (RFC 9562, section 5.7) and ULIDs: a millisecond, then random bits.
//!
//! Both count up within a millisecond by random steps (RFC 9562, section 6.2, method 2), so that
//! they ascend and stay hard to collide with what other machines make.

use std::sync::{Mutex, PoisonError};

use ulid::Ulid;
use uuid::Uuid;

use super::clock::Clock;
use super::mark::Kind;
use crate::{Keyspace, Result};

/// Random bits behind the millisecond, counted up within one.
#[derive(Debug)]
struct Ascending {
    clock: Clock,
    bits: u32,
    last: Option<(u64, u128)>,
}

impl Ascending {
    fn close(this: Mutex<Ascending>) -> Result<()> {
        this.into_inner().unwrap_or_else(PoisonError::into_inner).clock.close()
    }

    fn open(keyspace: &Keyspace, key: &[u8], (kind, bits): (Kind, u32)) -> Result<Ascending> {
        Ok(Ascending { clock: Clock::open(keyspace, key, kind)?, bits, last: None })
    }

    /// A millisecond and bits, greater than all before.
    fn next(&mut self) -> Result<(u64, u128)> {
        let mut ms = self.clock.now()?;
        let random = u128::from(self.clock.random()) << 64 | u128::from(self.clock.random());
        // The topmost bit starts as 0, so that there is room to count.
        let mut bits = random >> (128 - self.bits + 1);
        if let Some((_, last)) = self.last.filter(|(last_ms, _)| *last_ms == ms) {
            let step = u128::from(random as u32) + 1;
            if last + step < 1 << self.bits {
                bits = last + step;
            } else {
                ms = self.clock.later()?;
            }
        }
        self.last = Some((ms, bits));
        Ok((ms, bits))
    }
}

/// Gives out UUIDs of version 7, each greater than the one before.
///
/// About every two seconds of use one durable commit reserves the next two; all else costs a lock.
#[derive(Debug)]
pub struct Uuids(Mutex<Ascending>);

impl Uuids {
    /// Bits of the version-7 layout that are free: 12 and 62.
    const BITS: u32 = 74;

    /// The generator whose time is kept at `key`.
    ///
    /// # Errors
    /// `Invalid` when the key holds something else; as [`Keyspace::get`].
    pub fn open(keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Uuids> {
        let layout = (Kind::Uuids, Uuids::BITS);
        Ok(Uuids(Mutex::new(Ascending::open(keyspace, key.as_ref(), layout)?)))
    }

    /// Gives out a UUID.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact) when time has to be reserved.
    pub fn give(&self) -> Result<Uuid> {
        let (ms, bits) = self.0.lock().unwrap_or_else(PoisonError::into_inner).next()?;
        let (high, low) = ((bits >> 62) as u16 & 0x0fff, bits as u64 & ((1 << 62) - 1));
        let mut tail = [0; 10];
        tail[..2].copy_from_slice(&high.to_be_bytes());
        tail[2..].copy_from_slice(&low.to_be_bytes());
        Ok(uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid())
    }

    /// Gives back the rest of the time that was reserved, unless others have reserved since.
    /// Without it the next generator of this key begins up to two seconds later, each time.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact); nothing is lost but time.
    pub fn close(self) -> Result<()> {
        Ascending::close(self.0)
    }
}

/// Gives out ULIDs, each greater than the one before.
///
/// About every two seconds of use one durable commit reserves the next two; all else costs a lock.
#[derive(Debug)]
pub struct Ulids(Mutex<Ascending>);

impl Ulids {
    /// The generator whose time is kept at `key`.
    ///
    /// # Errors
    /// `Invalid` when the key holds something else; as [`Keyspace::get`].
    pub fn open(keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Ulids> {
        let layout = (Kind::Ulids, Ulid::RAND_BITS.into());
        Ok(Ulids(Mutex::new(Ascending::open(keyspace, key.as_ref(), layout)?)))
    }

    /// Gives out a ULID.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact) when time has to be reserved.
    pub fn give(&self) -> Result<Ulid> {
        let (ms, bits) = self.0.lock().unwrap_or_else(PoisonError::into_inner).next()?;
        Ok(Ulid::from_parts(ms, bits))
    }

    /// Gives back the rest of the time that was reserved, unless others have reserved since.
    /// Without it the next generator of this key begins up to two seconds later, each time.
    ///
    /// # Errors
    /// As [`Database::transact`](crate::Database::transact); nothing is lost but time.
    pub fn close(self) -> Result<()> {
        Ascending::close(self.0)
    }
}
