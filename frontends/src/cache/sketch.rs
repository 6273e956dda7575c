//! How often keys were used of late, roughly: a count-min sketch that ages.
//!
//! Four counters of 4 bits for each key; the least of them is the estimate, never less than the
//! truth up to 15. After ten uses for each word of the table all counters are halved, so that what
//! was used long ago counts less (Einziger, Friedman, Manes: TinyLFU, ACM ToS 13(4), 2017).
//!
//! ```text
//! word of the table: 16 counters │ 3 2 1 0 │ 3 2 1 0 │ 3 2 1 0 │ 3 2 1 0 │
//!                                  row of a counter, in the group that the hash names
//! ```
//!
//! Invariant: the number of words is a power of two, and a key's word in a table of half the size
//! is its word here, less the highest bit.

/// Fewest words of a table.
const WORDS_MIN: usize = 64;
/// Uses for each word until all counters are halved.
const AGE: usize = 10;
/// Odd numbers that make four hashes of one.
const ROWS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0xd6e8_feb8_6659_fd93];

/// Counters of uses.
#[derive(Debug)]
pub(super) struct Sketch {
    words: Vec<u64>,
    uses: usize,
}

impl Sketch {
    /// Counters that are zero.
    pub(super) fn new() -> Sketch {
        Sketch { words: vec![0; WORDS_MIN], uses: 0 }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    /// Grows to at least one word for each of so many entries. Estimates stay what they are.
    pub(super) fn fit(&mut self, entries: usize) {
        while self.words.len() < entries {
            self.words.extend_from_within(..);
        }
    }

    /// The word and the shift of a key's counter in a row.
    fn place(&self, hash: u64, row: usize) -> (usize, u32) {
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(ROWS[row]);
        let word = (mixed >> 32) as usize & (self.words.len() - 1);
        let group = (hash & 3) as u32;
        (word, (group * 4 + row as u32) * 4)
    }

    /// Counts a use.
    pub(super) fn count(&mut self, hash: u64) {
        for row in 0..ROWS.len() {
            let (word, shift) = self.place(hash, row);
            if (self.words[word] >> shift) & 15 < 15 {
                self.words[word] += 1 << shift;
            }
        }
        self.uses += 1;
        if self.uses >= self.words.len() * AGE {
            self.words.iter_mut().for_each(|word| *word = (*word >> 1) & 0x7777_7777_7777_7777);
            self.uses /= 2;
        }
    }

    /// Uses of late, 15 at most.
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        let counters = (0..ROWS.len()).map(|row| {
            let (word, shift) = self.place(hash, row);
            (self.words[word] >> shift) & 15
        });
        counters.min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        let key = (key + 1).wrapping_mul(0xff51_afd7_ed55_8ccd);
        (key ^ (key >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53)
    }

    #[test]
    fn an_estimate_is_never_less_than_the_truth_until_it_ages() {
        let mut sketch = Sketch::new();
        sketch.fit(1000);
        for key in 0..1000 {
            (0..key % 9).for_each(|_| sketch.count(hash(key)));
        }
        let exact = (0..1000).filter(|key| sketch.estimate(hash(*key)) == key % 9).count();
        assert!((0..1000).all(|key| sketch.estimate(hash(key)) >= key % 9));
        assert!(exact > 900, "{exact} of 1000 are exact");
        let before: Vec<u64> = (0..1000).map(|key| sketch.estimate(hash(key))).collect();
        sketch.fit(4000);
        assert!((0..1000).all(|key| sketch.estimate(hash(key)) == before[key as usize]));
    }

    #[test]
    fn what_was_used_long_ago_counts_less() {
        let mut sketch = Sketch::new();
        (0..12).for_each(|_| sketch.count(hash(1)));
        assert_eq!(sketch.estimate(hash(1)), 12);
        (0..630).for_each(|_| sketch.count(hash(2)));
        assert_eq!((sketch.estimate(hash(1)), sketch.estimate(hash(2))), (6, 9));
    }
}
