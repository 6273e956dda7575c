//! What a tree knows of what expires.

use super::*;

fn expiring(expiry_ms: u64) -> Vec<u8> {
    [&expiry_ms.to_le_bytes()[..], b"value"].concat()
}

#[test]
fn one_has_expired_as_soon_as_any_may_have() {
    let mut facts = Facts::default();
    for expiry_ms in [50, 60, 1_000_000] {
        facts.add(Kind::Expiring, &expiring(expiry_ms)).unwrap();
    }
    assert_eq!((facts.expiry_first, facts.expiry_last), (50, 1_000_000));
    let expired = [49, 50, 60, 999_999, 1_000_000].map(|now_ms| facts.expired(now_ms));
    assert_eq!(expired, [0, 1, 1, 2, 3]);
    facts.remove(Kind::Expiring);
    facts.remove(Kind::Expiring);
    assert_eq!((facts.expired(49), facts.expired(70)), (0, 1));
    facts.remove(Kind::Expiring);
    assert_eq!(facts.expired(u64::MAX), 0);
}
