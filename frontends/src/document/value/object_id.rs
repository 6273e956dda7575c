//! New identifiers: the second, five bytes of whoever gives them out, and a counter.
//!
//! Source: the specification of ObjectId in MongoDB's manual.

use std::sync::atomic::{AtomicU32, Ordering};

use super::scalar::ObjectId;
use crate::env::Env;

/// Gives out identifiers that ascend by second, and within one second but for where the counter
/// begins anew. Shared between threads; it takes no lock.
#[derive(Debug)]
pub struct ObjectIds {
    giver: [u8; 5],
    counter: AtomicU32,
}

impl ObjectIds {
    /// A generator of its own, told from all others by five random bytes and a random beginning of
    /// its counter.
    pub fn new(env: &dyn Env) -> ObjectIds {
        let [a, b, c, d, e, ..] = env.rand64().to_be_bytes();
        ObjectIds { giver: [a, b, c, d, e], counter: AtomicU32::new(env.rand64() as u32) }
    }

    /// Gives out an identifier. Of one generator the first 16,777,216 of a second differ.
    pub fn give(&self, env: &dyn Env) -> ObjectId {
        let seconds = (env.wall_ms() / 1000) as u32;
        let [_, counter @ ..] = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bytes = [0; 12];
        let parts = seconds.to_be_bytes().into_iter().chain(self.giver).chain(counter);
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        ObjectId::from_bytes(bytes)
    }
}
