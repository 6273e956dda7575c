//! Keys that were read, each once, in little memory.
//!
//! Not for: being asked before [`Points::settle`], which brings them into order.

/// Points before duplicates are looked for.
const SETTLE_MIN: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Point {
    hash: u64,
    start: u32,
    len: u32,
}

/// A set of keys with their hashes.
#[derive(Clone, Debug, Default)]
pub struct Points {
    points: Vec<Point>,
    keys: Vec<u8>,
    /// So many of the points are in order of their hashes, without duplicates.
    settled: usize,
}

impl Points {
    /// Adds a key. Duplicates go when the set has doubled.
    pub fn add(&mut self, hash: u64, key: &[u8]) {
        if let Some(last) = self.points.last()
            && last.hash == hash
            && self.key(last) == key
        {
            return;
        }
        let (start, len) = (self.keys.len() as u32, key.len() as u32);
        self.keys.extend_from_slice(key);
        self.points.push(Point { hash, start, len });
        if self.points.len() >= SETTLE_MIN.max(self.settled * 2) {
            self.settle();
        }
    }

    /// Adds all of `other`.
    pub fn append(&mut self, other: &Points) {
        other.iter().for_each(|(hash, key)| self.add(hash, key));
    }

    fn key(&self, point: &Point) -> &[u8] {
        let start = point.start as usize;
        self.keys.get(start..start + point.len as usize).unwrap_or_default()
    }

    /// Brings the points into order and drops duplicates.
    pub fn settle(&mut self) {
        if self.settled == self.points.len() {
            return;
        }
        let mut points = std::mem::take(&mut self.points);
        points.sort_unstable_by(|a, b| {
            a.hash.cmp(&b.hash).then_with(|| self.key(a).cmp(self.key(b)))
        });
        let before = points.len();
        points.dedup_by(|a, b| a.hash == b.hash && self.key(a) == self.key(b));
        if points.len() < before {
            let mut keys = Vec::with_capacity(points.iter().map(|point| point.len as usize).sum());
            for point in &mut points {
                let start = keys.len() as u32;
                keys.extend_from_slice(self.key(point));
                point.start = start;
            }
            self.keys = keys;
        }
        self.settled = points.len();
        self.points = points;
    }

    /// Number of points, some perhaps counted twice.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.points.len() * size_of::<Point>() + self.keys.len()
    }

    /// Hashes and keys.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.points.iter().map(|point| (point.hash, self.key(point)))
    }

    /// Whether some point has this hash. They must be settled.
    #[inline]
    pub fn has(&self, hash: u64) -> bool {
        debug_assert_eq!(
            self.settled,
            self.points.len(),
            "points are settled before they are asked"
        );
        self.points.binary_search_by_key(&hash, |point| point.hash).is_ok()
    }
}
