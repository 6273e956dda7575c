//! Which old versions of a key no view can want.

/// What the views of a database may still look at, as the writer knows it.
///
/// A version is of no use to a view as of `at` if the key has a newer one committed at or before
/// `at`. [`Horizon::hides`] says when that holds for every view, those still to be made included,
/// if all sides keep to this order:
///
/// - *The writer* loads the published number and then, behind a sequentially consistent fence, all
///   pins.
/// - *A view* stores as its pin the number that it means to read as of and then, behind such a
///   fence, loads the published number again; if that changed, it starts over. So either the writer
///   sees the pin, or the view reads as of no less than what the writer took for published.
/// - *A reader without a pin* loads the published number, looks up, then loads
///   [`Tree::pruned_to`](super::Tree::pruned_to); if that is greater, it starts over.
#[derive(Clone, Copy, Debug)]
pub struct Horizon<'a> {
    /// The newest published number: new views read as of this one or later ones.
    pub published: u64,
    /// What other views read as of, ascending.
    pub pins: &'a [u64],
}

impl Horizon<'_> {
    /// Nothing is known: every version may be wanted.
    pub const UNKNOWN: Horizon<'static> = Horizon { published: 0, pins: &[] };

    /// Whether no view can want a version committed at `older`, given that the same key has one
    /// committed at `newer`.
    pub fn hides(&self, older: u64, newer: u64) -> bool {
        if newer > self.published {
            return false;
        }
        let first = self.pins.partition_point(|&pin| pin < older);
        self.pins.get(first).is_none_or(|&pin| pin >= newer)
    }
}
