//! From which length on values are large.

/// Which values lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold(usize);

impl Default for Threshold {
    /// None.
    fn default() -> Threshold {
        Threshold(usize::MAX)
    }
}

impl Threshold {
    /// Values of at least so many bytes; none with 0.
    pub(crate) fn at(bytes: usize) -> Threshold {
        Threshold(if bytes == 0 { usize::MAX } else { bytes })
    }

    /// No value is large.
    pub(crate) fn none() -> Threshold {
        Threshold(usize::MAX)
    }

    /// Whether a value is to lie apart from its key.
    #[inline]
    pub(crate) fn is_large(self, value: &[u8]) -> bool {
        value.len() >= self.0
    }
}
