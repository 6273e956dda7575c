//! What planning knows of a collection: how many documents there are, and the keys that a sample of
//! them has in each index.
//!
//! The sample is of rows at random places. It is taken when a query first has a choice, and again
//! when the number of documents has changed by a quarter, or an index has come.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;
use crate::document::catalog::Sum;
use crate::document::collection::State;
use crate::document::index::Entries;
use crate::document::plan::choose::{SampledKeys, Statistics};
use crate::document::value::{Document, RawDocument};
use crate::env::Env;
use crate::kv::Moment;

/// Documents in a sample.
const SAMPLE: usize = 256;

/// Samples of collections, by id.
#[derive(Debug, Default)]
pub(crate) struct Samples(Mutex<BTreeMap<u64, Arc<Sampled>>>);

#[derive(Debug)]
struct Sampled {
    /// Ids of the indexes whose keys are known.
    indexes: Vec<u32>,
    statistics: Statistics,
}

impl Samples {
    /// What is known of a collection, whose usable indexes have these numbers in `state`. `moment`
    /// is not that of a transaction: what is read here is no reason for conflicts.
    pub(crate) fn of(
        &self,
        state: &State,
        numbers: &[usize],
        moment: &Moment,
        env: &dyn Env,
    ) -> Result<Statistics> {
        let documents = state.sum(moment, Sum::Documents)?;
        let indexes: Vec<u32> =
            numbers.iter().filter_map(|at| Some(state.indexes.get(*at)?.entry.id)).collect();
        let known =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&state.entry.id).cloned();
        if let Some(known) = known
            && known.indexes == indexes
            && is_like(known.statistics.documents, documents)
        {
            return Ok(Statistics { documents, ..known.statistics.clone() });
        }
        let statistics = sample(state, numbers, moment, documents, env)?;
        let sampled = Arc::new(Sampled { indexes, statistics: statistics.clone() });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(state.entry.id, sampled);
        Ok(statistics)
    }
}

fn is_like(then: u64, now: u64) -> bool {
    then.abs_diff(now) <= then / 4
}

fn sample(
    state: &State,
    numbers: &[usize],
    moment: &Moment,
    documents: u64,
    env: &dyn Env,
) -> Result<Statistics> {
    let mut keys: Vec<Vec<Vec<u8>>> = vec![Vec::new(); numbers.len()];
    let mut sampled = 0;
    let mut cursor = moment.cursor(&state.rows, (Bound::Unbounded, Bound::Unbounded))?;
    let row = |key: &[u8]| key.try_into().map_or(0, u64::from_be_bytes);
    let last = if cursor.prev()? { row(cursor.key()) } else { 0 };
    let first = if cursor.seek([])? { row(cursor.key()) } else { 0 };
    let all = documents <= SAMPLE as u64;
    let mut there = documents > 0 && cursor.is_valid();
    while there && sampled < SAMPLE {
        if !all {
            let place = first + env.rand64() % (last - first + 1);
            there = cursor.seek(place.to_be_bytes())?;
            if !there {
                break;
            }
        }
        let document = Document::from_raw(RawDocument::trusted(cursor.value()));
        for (keys, at) in keys.iter_mut().zip(numbers) {
            let Some(index) = state.indexes.get(*at) else { continue };
            let mut entries = Entries::default();
            index.shape.derive(&document, row(cursor.key()), &mut entries)?;
            keys.extend(entries.iter().map(|(key, _)| index.shape.fields_of(key).to_vec()));
        }
        sampled += 1;
        if all {
            there = cursor.next()?;
        }
    }
    let keys = keys.into_iter().map(SampledKeys::new).collect();
    Ok(Statistics { documents, sampled, keys })
}
