//! Ranges of keys, as few of them as cover the same keys.
//!
//! A span begins with a key and ends before another, or never.
//!
//! Not for: being asked before [`Spans::settle`], which brings them into order.

/// The first key, and the first key behind.
pub type Span = (Vec<u8>, Option<Vec<u8>>);

/// Spans before overlaps are looked for.
const SETTLE_MIN: usize = 16;

/// Whether two spans have a key in common.
pub fn overlap(a: &Span, b: &Span) -> bool {
    let ends = [a.1.as_deref(), b.1.as_deref()];
    // Both begin before both end: one that ends before it begins holds nothing.
    [&a.0, &b.0].iter().all(|start| ends.iter().all(|end| begins_before(start, *end)))
}

fn begins_before(start: &[u8], end: Option<&[u8]>) -> bool {
    end.is_none_or(|end| start < end)
}

fn bytes_of((start, end): &Span) -> usize {
    size_of::<Span>() + start.len() + end.as_ref().map_or(0, Vec::len)
}

/// A set of keys, made of spans.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    spans: Vec<Span>,
    bytes: usize,
    /// So many of the spans are in order and apart from each other.
    settled: usize,
}

impl Spans {
    /// Adds a span. Overlaps go when the set has doubled.
    pub fn add(&mut self, start: Vec<u8>, end: Option<Vec<u8>>) {
        if !begins_before(&start, end.as_deref()) {
            return;
        }
        let span = (start, end);
        self.bytes += bytes_of(&span);
        self.spans.push(span);
        if self.spans.len() >= SETTLE_MIN.max(self.settled * 2) {
            self.settle();
        }
    }

    /// Brings the spans into order and joins those that touch.
    pub fn settle(&mut self) {
        if self.settled == self.spans.len() {
            return;
        }
        self.spans.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut joined: Vec<Span> = Vec::with_capacity(self.spans.len());
        for (start, end) in self.spans.drain(..) {
            match joined.last_mut() {
                Some((_, last)) if last.as_ref().is_none_or(|last| start <= *last) => {
                    let longer = match (&end, &last) {
                        (_, None) => false,
                        (None, _) => true,
                        (Some(end), Some(last)) => end > last,
                    };
                    if longer {
                        *last = end;
                    }
                }
                _ => joined.push((start, end)),
            }
        }
        self.settled = joined.len();
        self.bytes = joined.iter().map(bytes_of).sum();
        self.spans = joined;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The spans.
    pub fn iter(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter()
    }

    /// Whether `key` lies in one of them. They must be settled.
    #[inline]
    pub fn contain(&self, key: &[u8]) -> bool {
        debug_assert_eq!(self.settled, self.spans.len(), "spans are settled before they are asked");
        let behind = self.spans.partition_point(|(start, _)| start.as_slice() <= key);
        match behind.checked_sub(1).and_then(|at| self.spans.get(at)) {
            Some((_, end)) => begins_before(key, end.as_deref()),
            None => false,
        }
    }
}
