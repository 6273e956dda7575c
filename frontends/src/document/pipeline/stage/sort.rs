//! `$sort`: in memory as far as it goes, then in runs on disk that are merged.
//!
//! With a limit no more than twice as many documents are kept as are wanted. Documents of equal
//! keys stay in the order in which they came.

use std::sync::Arc;

use super::super::rows::{BoxedRows, Rows};
use super::super::settings::Settings;
use super::super::spill::{Compare, Merged, Record, Runs};
use super::super::weight;
use crate::Result;
use crate::document::expression::SortOrder;
use crate::document::value::{Document, Value};

/// Records that are put in order.
pub struct Sorter {
    stage: &'static str,
    compare: Compare,
    limit: usize,
    settings: Settings,
    records: Vec<Record>,
    bytes: usize,
    runs: Runs,
}

/// Records in order.
pub enum Sorted {
    Memory(std::vec::IntoIter<Record>),
    Disk(Merged, usize),
}

impl Sorter {
    /// `limit` is how many of the first records are wanted.
    pub fn new(
        stage: &'static str,
        compare: Compare,
        limit: Option<u64>,
        settings: Settings,
    ) -> Sorter {
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let runs = Runs::new(Arc::clone(&compare));
        Sorter { stage, compare, limit, settings, records: Vec::new(), bytes: 0, runs }
    }

    pub fn push(&mut self, key: Vec<Value<'static>>, document: Document<'static>) -> Result<()> {
        self.bytes += key.iter().map(weight::value).sum::<usize>() + weight::document(&document);
        self.records.push((key, document));
        if self.records.len() >= self.limit.saturating_mul(2).saturating_add(64) {
            self.order();
        }
        if self.bytes > self.settings.memory_max {
            self.order();
        }
        if self.bytes > self.settings.memory_max { self.spill() } else { Ok(()) }
    }

    /// Puts the records in order, and lets go of those that are not wanted.
    fn order(&mut self) {
        let compare = &self.compare;
        self.records.sort_by(|(a, _), (b, _)| compare(a, b));
        if self.records.len() > self.limit {
            self.records.truncate(self.limit);
            let weigh = |(key, document): &Record| {
                key.iter().map(weight::value).sum::<usize>() + weight::document(document)
            };
            self.bytes = self.records.iter().map(weigh).sum();
        }
    }

    fn spill(&mut self) -> Result<()> {
        self.order();
        let records = std::mem::take(&mut self.records);
        self.bytes = 0;
        let disk = self.settings.disk_for(self.stage)?;
        self.runs.push(disk, records.into_iter().map(Ok))
    }

    /// All records in order.
    pub fn finish(mut self) -> Result<Sorted> {
        self.order();
        if self.runs.is_empty() {
            return Ok(Sorted::Memory(self.records.into_iter()));
        }
        if !self.records.is_empty() {
            self.spill()?;
        }
        Ok(Sorted::Disk(self.runs.merge()?, self.limit))
    }
}

impl Sorted {
    pub fn next(&mut self) -> Result<Option<Record>> {
        match self {
            Sorted::Memory(records) => Ok(records.next()),
            Sorted::Disk(runs, left) => {
                let Some(rest) = left.checked_sub(1) else { return Ok(None) };
                *left = rest;
                runs.next()
            }
        }
    }
}

/// How records of an order's keys compare.
pub fn comparing(order: Arc<SortOrder>) -> Compare {
    Arc::new(move |a, b| order.compare_keys(a, b))
}

/// Documents in order.
pub struct InOrder {
    pub rows: BoxedRows,
    pub order: Arc<SortOrder>,
    pub limit: Option<u64>,
    pub settings: Settings,
    pub sorted: Option<Sorted>,
}

impl Rows for InOrder {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let sorted = match &mut self.sorted {
            Some(sorted) => sorted,
            None => {
                let compare = comparing(Arc::clone(&self.order));
                let mut sorter = Sorter::new("$sort", compare, self.limit, self.settings.clone());
                while let Some(document) = self.rows.next()? {
                    let key = self.order.key(&document);
                    let key = key.into_iter().map(Value::into_static).collect();
                    sorter.push(key, document)?;
                }
                self.sorted.insert(sorter.finish()?)
            }
        };
        Ok(sorted.next()?.map(|(_, document)| document))
    }
}
