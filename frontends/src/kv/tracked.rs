//! What a cursor of a transaction has read: stretches of keys, from where it began to where it is.
//!
//! While a cursor goes on in one direction nothing is copied: where it stands is one end of the
//! stretch. The end is taken down when it turns, seeks elsewhere, or is dropped.
//!
//! Not for: cursors of snapshots.

use std::sync::Arc;

use cuesta_engine::{IndexId, SeqNo};

use crate::Result;
use crate::kv::structure::Walker;
use crate::kv::{Bounds, after, half_open};
use crate::transaction::{Reading, Shared};

/// Where a cursor goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Forward,
    Back,
}

/// Keys from `low` to before `high` were read, and those up to where the cursor stands.
struct Stretch {
    way: Way,
    /// `None` is behind all keys.
    low: Option<Vec<u8>>,
    /// `None` is behind all keys.
    high: Option<Vec<u8>>,
}

/// What one cursor reads.
pub(super) struct Tracked {
    reading: Reading,
    low: Vec<u8>,
    high: Option<Vec<u8>>,
    stretch: Option<Stretch>,
}

impl Tracked {
    /// Begins to follow a cursor within bounds.
    pub(super) fn begin(
        shared: &Arc<Shared>,
        at: SeqNo,
        index: IndexId,
        within: Bounds<'_>,
    ) -> Result<Tracked> {
        let (low, high) = half_open(within);
        let reading = Reading::begin(shared, at, index, (low.clone(), high.clone()))?;
        Ok(Tracked { reading, low, high, stretch: None })
    }

    /// Before the cursor goes a step.
    #[inline]
    pub(super) fn step(&mut self, way: Way, cursor: &Walker) -> Result<()> {
        self.reading.check()?;
        match &self.stretch {
            Some(stretch) if stretch.way == way => {}
            Some(_) => {
                self.take_down(cursor);
                if let Some(stretch) = &mut self.stretch {
                    stretch.way = way;
                }
            }
            None => {
                // A step from nowhere begins at an end.
                let end = match way {
                    Way::Forward => Some(self.low.clone()),
                    Way::Back => self.high.clone(),
                };
                self.stretch = Some(Stretch { way, low: end.clone(), high: end });
            }
        }
        Ok(())
    }

    /// Before the cursor looks for a key at or after `key`, or at or before it going back.
    pub(super) fn seek(&mut self, way: Way, key: &[u8], cursor: &Walker) -> Result<()> {
        self.reading.check()?;
        self.end(cursor);
        let end = match (way, &self.high) {
            (Way::Forward, _) => Some(key.max(&self.low).to_vec()),
            (Way::Back, Some(high)) if key >= high => self.high.clone(),
            (Way::Back, _) => Some(after(key)),
        };
        self.stretch = Some(Stretch { way, low: end.clone(), high: end });
        Ok(())
    }

    /// Extends the stretch to where the cursor stands.
    fn take_down(&mut self, cursor: &Walker) {
        let Some(stretch) = &mut self.stretch else { return };
        match stretch.way {
            Way::Forward => {
                let here =
                    if cursor.valid() { Some(after(cursor.key())) } else { self.high.clone() };
                let further = match (&here, &stretch.high) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(here), Some(high)) => here > high,
                };
                if further {
                    stretch.high = here;
                }
            }
            Way::Back => {
                let here = if cursor.valid() { cursor.key() } else { &self.low };
                if stretch.low.as_deref().is_none_or(|low| here < low) {
                    stretch.low = Some(here.to_vec());
                }
            }
        }
    }

    /// The stretch ends where the cursor stands.
    pub(super) fn end(&mut self, cursor: &Walker) {
        self.take_down(cursor);
        if let Some(Stretch { low: Some(low), high, .. }) = self.stretch.take() {
            self.reading.note(low, high);
        }
    }

    /// A step has failed: who knows what was read.
    #[cold]
    pub(super) fn fail(&mut self) {
        self.stretch = None;
        self.reading.note(self.low.clone(), self.high.clone());
    }
}
