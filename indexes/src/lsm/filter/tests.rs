//! The hash of the format, and how well filters tell keys apart.

use super::*;

fn filter(keys: &[Vec<u8>], bits: u32) -> Vec<[u8; BUCKET_BYTES]> {
    let mut filter = vec![[0; BUCKET_BYTES]; buckets(keys.len(), bits) as usize];
    let n = filter.len() as u32;
    for key in keys {
        let h = hash(key);
        insert(&mut filter[bucket_of(h, n) as usize], h);
    }
    filter
}

fn has(filter: &[[u8; BUCKET_BYTES]], key: &[u8]) -> bool {
    let h = hash(key);
    contains(&filter[bucket_of(h, filter.len() as u32) as usize], h)
}

#[test]
fn the_hash_is_that_of_the_format() {
    // The vectors of docs/formats/segment.md.
    let bytes: Vec<u8> = (0..40).collect();
    let vectors = [
        (0, 0x398a_2388_0c28_9b39),
        (1, 0x8172_f655_452c_4f90),
        (8, 0x6e43_877e_e6ca_0e04),
        (16, 0xfcd1_e9ea_24eb_d234),
        (17, 0xf2ac_9d29_39eb_25a3),
        (40, 0xfcbb_7d8c_8a73_f3d2),
    ];
    for (len, wanted) in vectors {
        assert_eq!(hash(&bytes[..len]), wanted, "of {len} bytes");
    }
}

#[test]
fn a_filter_never_denies_a_key_and_lets_few_others_through() {
    type Shape = fn(u64) -> Vec<u8>;
    let shapes: [(&str, Shape); 4] = [
        ("counters", |i| i.to_be_bytes().to_vec()),
        ("decimal", |i| format!("user:{i:010}").into_bytes()),
        ("low bytes first", |i| i.to_le_bytes().to_vec()),
        ("long", |i| format!("{:>60}", i * 977).into_bytes()),
    ];
    for (name, shape) in shapes {
        let keys: Vec<Vec<u8>> = (0..50_000).map(shape).collect();
        let filter = filter(&keys, 10);
        assert!(keys.iter().all(|key| has(&filter, key)), "{name}");
        let passed = (50_000..150_000).filter(|&i| has(&filter, &shape(i))).count();
        assert!(passed < 1600, "{name}: {passed} of 100000 pass");
    }
}
