use cuesta_engine::env::sim::SimEnv;

use super::{Kind, Mark, VERSION};
use crate::{Database, ErrorKind};

const SAMPLES: [(Kind, u64); 4] = [
    (Kind::Sequence, 1_001),
    (Kind::Snowflakes(1_700_000_000_000), 0x0123_4567_89AB),
    (Kind::Uuids, 1_800_000_000_000),
    (Kind::Ulids, u64::MAX),
];

#[test]
fn the_stored_sample_is_written_and_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/mark-v1");
    let written: Vec<u8> = SAMPLES.iter().flat_map(|(kind, mark)| kind.encode(*mark)).collect();
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    let stored = std::fs::read(path).unwrap();
    assert_eq!(written, stored, "not what is written now");
    let mut rest = &stored[..];
    for (kind, mark) in SAMPLES {
        let (value, others) = rest.split_at(if let Kind::Snowflakes(_) = kind { 21 } else { 13 });
        assert_eq!(Kind::decode(value), Some((kind, mark)));
        for end in 0..value.len() {
            assert_eq!(Kind::decode(&value[..end]), None, "the first {end} bytes");
        }
        rest = others;
    }
    assert_eq!(rest, b"");
}

#[test]
fn a_mark_of_another_version_is_refused_by_name() {
    let db = Database::builder().environment(SimEnv::new(4)).open("db").unwrap();
    let ids = db.keyspace("ids").unwrap();
    let mut value = Kind::Sequence.encode(7);
    value[3] = VERSION + 1;
    ids.put("later", &value).unwrap();
    let refused = Mark::open(&ids, b"later", Kind::Sequence).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.to_string().contains("format version 2"), "{refused}");
    // What is no mark of any version, as one without a version.
    ids.put("none", b"uid\x01\x07\0\0\0\0\0\0\0").unwrap();
    let refused = Mark::open(&ids, b"none", Kind::Sequence).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
