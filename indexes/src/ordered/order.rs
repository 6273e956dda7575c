//! The order of keys, made cheap to compare: heads, common prefixes, separators.
//!
//! Keys are ordered bytewise, and a proper prefix comes before what it begins. The *head* of a
//! key is its first eight bytes as a big-endian number, missing bytes being zero: different heads
//! decide, equal heads leave it open.

use std::cmp::Ordering;

/// The first eight bytes as a number that orders as they do.
#[inline]
pub(crate) fn head(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

/// How many bytes two keys have in common at their front.
#[inline]
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut at = 0;
    let (chunks_a, rest_a) = a.as_chunks::<8>();
    let (chunks_b, _) = b.as_chunks::<8>();
    for (x, y) in chunks_a.iter().zip(chunks_b) {
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return at + differ.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest_a = a.get(at..).unwrap_or(rest_a);
    let rest_b = b.get(at..).unwrap_or_default();
    at + rest_a.iter().zip(rest_b).take_while(|(x, y)| x == y).count()
}

/// How a key that was looked for lies to the keys that share a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside<'k> {
    /// Before all of them.
    Before,
    /// It has the prefix; this is the rest of it.
    Within(&'k [u8]),
    /// After all of them.
    After,
}

/// Where `key` lies to all keys that begin with `prefix`.
#[inline]
pub(crate) fn beside<'k>(key: &'k [u8], prefix: &[u8]) -> Beside<'k> {
    if prefix.is_empty() {
        return Beside::Within(key);
    }
    if let Some(rest) = key.strip_prefix(prefix) {
        return Beside::Within(rest);
    }
    match key.cmp(prefix) {
        Ordering::Less | Ordering::Equal => Beside::Before,
        Ordering::Greater => Beside::After,
    }
}

/// The length of the shortest prefix of `above` that still orders after `below`, which is before
/// `above`. It is the key that separates the two: greater than `below`, at most `above`.
fn separator_len(below: &[u8], above: &[u8]) -> usize {
    common_prefix(below, above) + 1
}

/// Appends a short key `s` with `below <= s < above`.
///
/// The shortest key between is looked for in two places: `below` itself cut after a byte that is
/// raised by one, and the shortest proper prefix of `above`.
pub(crate) fn put_separator(below: &[u8], above: &[u8], out: &mut Vec<u8>) {
    debug_assert!(below < above, "a separator needs two keys in order");
    let len = separator_len(below, above);
    if len < above.len() {
        // The prefix of `above` that is greater than `below`, and not `above` itself.
        out.extend_from_slice(&above[..len]);
        return;
    }
    let shared = len - 1;
    if let (Some(&low), Some(&high)) = (below.get(shared), above.get(shared))
        && low + 1 < high
    {
        out.extend_from_slice(&below[..shared]);
        out.push(low + 1);
        return;
    }
    out.extend_from_slice(below);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 0x7f, 0xfe, 0xff]), 0..12)
    }

    proptest! {
        #[test]
        fn heads_never_contradict_keys(a in key(), b in key()) {
            match head(&a).cmp(&head(&b)) {
                Ordering::Equal => {}
                decided => prop_assert_eq!(decided, a.cmp(&b)),
            }
        }

        #[test]
        fn a_common_prefix_is_the_longest(a in key(), b in key()) {
            let n = common_prefix(&a, &b);
            prop_assert_eq!(&a[..n], &b[..n]);
            prop_assert!(a.get(n).is_none() || a.get(n) != b.get(n));
        }

        #[test]
        fn a_separator_lies_between(a in key(), b in key()) {
            prop_assume!(a != b);
            let (below, above) = if a < b { (a, b) } else { (b, a) };
            let mut s = Vec::new();
            put_separator(&below, &above, &mut s);
            prop_assert!(below <= s && s < above, "{:?} {:?} {:?}", below, s, above);
        }

        #[test]
        fn a_prefix_splits_the_keys_in_three(key in key(), prefix in key(), rest in key()) {
            let member = [&prefix[..], &rest].concat();
            match beside(&key, &prefix) {
                Beside::Before => prop_assert!(key < member),
                Beside::Within(rest) => prop_assert_eq!(&[&prefix[..], rest].concat(), &key),
                Beside::After => prop_assert!(key > member),
            }
        }
    }
}
