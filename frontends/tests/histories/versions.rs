//! The order of appends to each list, and what is wrong with reads by themselves.
//!
//! A list only grows, so the longest one that was read tells the order of all appends, and every
//! other read must be a beginning of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::anomalies::{Anomaly, Class};
use crate::history::{Element, History, Key};

/// Who appended what, and in which order.
pub struct Versions {
    /// Elements of each list, in order.
    pub lists: BTreeMap<Key, Vec<Element>>,
    /// The record that appended an element.
    pub writers: BTreeMap<(Key, Element), usize>,
}

impl Versions {
    /// Takes the order from a history; adds what is wrong by itself.
    pub fn of(history: &History, anomalies: &mut Vec<Anomaly>) -> Versions {
        let mut writers = BTreeMap::new();
        for (number, record) in history.records.iter().enumerate() {
            for append in record.appends().chain(record.taken_back.iter().copied()) {
                let before = writers.insert(append, number);
                assert!(before.is_none(), "{append:?} was appended twice by the test");
            }
        }
        let mut versions = Versions { lists: BTreeMap::new(), writers };
        versions.find_lists(history, anomalies);
        versions.check_reads(history, anomalies);
        versions.check_lost(history, anomalies);
        versions
    }

    fn find_lists(&mut self, history: &History, anomalies: &mut Vec<Anomaly>) {
        for (number, record) in history.records.iter().enumerate() {
            for read in record.reads() {
                let Some(list) = read.of_others(record) else {
                    let what = format!(
                        "read {:?} of {} after its own {:?}",
                        read.list,
                        read.key,
                        record.own(read.key, read.place)
                    );
                    anomalies.push(Anomaly::alone(Class::Internal, number, what));
                    continue;
                };
                let unique: BTreeSet<Element> = list.iter().copied().collect();
                if unique.len() < list.len() {
                    let what = format!("read {list:?} of {}", read.key);
                    anomalies.push(Anomaly::alone(Class::Duplicate, number, what));
                }
                // Its own appends count, too, once it has committed.
                let list = if record.is_committed() { read.list } else { list };
                let longest = self.lists.entry(read.key).or_default();
                let (shorter, longer) = if list.len() <= longest.len() {
                    (list, longest.as_slice())
                } else {
                    (longest.as_slice(), list)
                };
                if !longer.starts_with(shorter) {
                    let what = format!("{} was read as {shorter:?} and {longer:?}", read.key);
                    anomalies.push(Anomaly::alone(Class::Fork, number, what));
                }
                if list.len() > longest.len() {
                    *longest = list.to_vec();
                }
            }
        }
    }

    /// Looks for what was read and never was: aborted, intermediate, unheard of.
    fn check_reads(&self, history: &History, anomalies: &mut Vec<Anomaly>) {
        for (number, record) in history.records.iter().enumerate() {
            for read in record.reads() {
                let list = read.of_others(record).unwrap_or_default();
                for element in list {
                    let writer = self.writers.get(&(read.key, *element)).copied();
                    let wrote = writer.and_then(|writer| history.records.get(writer));
                    let is_real = wrote.is_some_and(|wrote| {
                        wrote.is_committed() && !wrote.taken_back.contains(&(read.key, *element))
                    });
                    if !is_real {
                        let what = format!("read {element} of {}, by {writer:?}", read.key);
                        anomalies.push(Anomaly::alone(Class::G1a, number, what));
                    }
                }
                let Some(last) = list.last() else { continue };
                let Some(writer) = self.writers.get(&(read.key, *last)) else { continue };
                let wrote = &history.records[*writer];
                let last_append = wrote.appends().filter(|(key, _)| *key == read.key).last();
                let is_taken_back = wrote.taken_back.contains(&(read.key, *last));
                let is_end = is_taken_back || last_append == Some((read.key, *last));
                if wrote.is_committed() && !is_end {
                    let what = format!("read {} up to {last}, amid {writer}", read.key);
                    anomalies.push(Anomaly::alone(Class::G1b, number, what));
                }
            }
        }
    }

    /// Looks for appends that were overwritten: somebody who began after they were done did not
    /// find them.
    fn check_lost(&self, history: &History, anomalies: &mut Vec<Anomaly>) {
        let mut last_reads: BTreeMap<Key, u64> = BTreeMap::new();
        for record in history.records.iter().filter(|record| record.is_committed()) {
            for read in record.reads() {
                let last = last_reads.entry(read.key).or_default();
                *last = record.began.max(*last);
            }
        }
        for (number, record) in history.records.iter().enumerate() {
            for (key, element) in record.appends().filter(|_| record.is_committed()) {
                let is_known = self.lists.get(&key).is_some_and(|list| list.contains(&element));
                if !is_known && last_reads.get(&key).is_some_and(|last| *last > record.ended) {
                    let what = format!("{element} of {key} is gone");
                    anomalies.push(Anomaly::alone(Class::LostUpdate, number, what));
                }
            }
        }
    }
}
