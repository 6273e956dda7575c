//! Placeholder for the arena skip list.

/// Which views still need old versions.
#[derive(Clone, Copy, Debug)]
pub struct Horizon<'a> {
    /// Every view to come will be at or after this.
    pub published: u64,
    /// Sequence numbers of living views, ascending.
    pub pins: &'a [u64],
}
