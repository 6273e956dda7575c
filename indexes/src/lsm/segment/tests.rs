//! Segments against a sorted map, whole and damaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use cuesta_engine::ErrorKind;
use cuesta_engine::file::{FileKind, Output};
use cuesta_engine::format::{Codec, put_bytes, put_varint};
use cuesta_engine::index::SegmentMeta;
use proptest::prelude::*;

use super::*;
use crate::lsm::filter;
use crate::lsm::tests::disk::{Disk, Maps};
use crate::lsm::tests::driver::services;
use crate::ordered::expiry;
use crate::ordered::kind::Kind;
use crate::ordered::op::key_after;
use crate::ordered::operand::{Pile, Rules};
use crate::ordered::operator::Operators;
use crate::ordered::span::{self, Span};

/// Bytes that entries of no kind have that says more than a value.
pub(in crate::lsm) const NONSENSE: &[u8] = b"???";

pub(in crate::lsm) type Entries = BTreeMap<Vec<u8>, (Kind, Vec<u8>)>;

pub(in crate::lsm) fn shape(codec: Codec, block_bytes: usize) -> Shape {
    Shape { block_bytes, interval: 16, codec, filter_bits: 10 }
}

/// An open segment.
pub(in crate::lsm) fn of_level(
    disk: &mut Disk,
    level: u8,
    recency: u64,
    entries: &Entries,
) -> Arc<Segment> {
    let meta = write(disk, entries, shape(Codec::None, 4096));
    let detail = Detail { level, recency, ..Detail::decode(&meta.detail).unwrap() };
    open(disk, &SegmentMeta { detail: detail.encode(), ..meta }).unwrap()
}

pub(in crate::lsm) fn write(disk: &mut Disk, entries: &Entries, shape: Shape) -> SegmentMeta {
    write_deleting(disk, entries, &[], shape)
}

fn write_deleting(
    disk: &mut Disk,
    entries: &Entries,
    ranges: &[Span],
    shape: Shape,
) -> SegmentMeta {
    let file = disk.create(FileKind::Sealed).unwrap();
    let mut writer = Writer::new(disk, file, shape).unwrap();
    for (key, (kind, value)) in entries {
        if let Err(error) = writer.add(disk, key, *kind, value) {
            // What makes no sense is in its block all the same, as if damaged code had written it.
            assert!(error.kind() == ErrorKind::Corrupt, "{error}");
        }
    }
    let written = writer.finish(disk, ranges).unwrap();
    let detail = Detail {
        level: 1,
        recency: 7,
        tombstones: written.tombstones,
        codec: shape.codec.code(),
        smallest: written.smallest,
        largest: written.largest,
        facts: written.facts,
        ranges: written.ranges,
        ..Detail::default()
    };
    SegmentMeta {
        format: format_of(detail.ranges.is_some()),
        extents: vec![written.extent],
        entries: written.entries,
        detail: detail.encode(),
        ..SegmentMeta::default()
    }
}

fn open(disk: &Disk, meta: &SegmentMeta) -> cuesta_engine::Result<Arc<Segment>> {
    Segment::open(meta, disk, &services(1 << 20, 1 << 20)).map(Arc::new)
}

/// Entries in order.
type Walked = Vec<(Vec<u8>, (Kind, Vec<u8>))>;

fn walk(segment: &Arc<Segment>) -> cuesta_engine::Result<Walked> {
    let mut cursor = SegmentCursor::new(segment.clone(), Fill::Keep);
    let mut walked = Vec::new();
    cursor.first()?;
    while cursor.valid() {
        assert_eq!(cursor.value_owned(), cursor.value());
        walked.push((cursor.key().to_vec(), (cursor.kind(), cursor.value().to_vec())));
        cursor.next()?;
    }
    Ok(walked)
}

fn get(segment: &Segment, key: &[u8]) -> cuesta_engine::Result<Option<(Kind, Vec<u8>)>> {
    if !segment.may_hold(filter::hash(key))? {
        return Ok(None);
    }
    let hit = segment.find(key)?;
    Ok(hit.map(|hit| {
        let (kind, bytes) = (hit.kind(), hit.bytes().to_vec());
        assert_eq!(hit.into_value(), bytes);
        (kind, bytes)
    }))
}

fn problems(segment: &Segment) -> Vec<String> {
    let mut problems = Vec::new();
    verify(segment, &mut |problem| problems.push(problem)).unwrap();
    problems
}

fn check(segment: &Arc<Segment>, entries: &Entries, probes: &[Vec<u8>]) {
    assert_eq!(problems(segment), Vec::<String>::new());
    assert!(walk(segment).unwrap().iter().map(|(k, v)| (k, v)).eq(entries));
    let mut cursor = SegmentCursor::new(segment.clone(), Fill::Pass);
    let mut back = Vec::new();
    cursor.last().unwrap();
    while cursor.valid() {
        back.push(cursor.key().to_vec());
        cursor.prev().unwrap();
    }
    assert!(back.iter().eq(entries.keys().rev()));
    for key in entries.keys().chain(probes) {
        assert_eq!(get(segment, key).unwrap().as_ref(), entries.get(key));
        cursor.seek(key).unwrap();
        let wanted = entries.range(key.clone()..).next().map(|(k, _)| &k[..]);
        assert_eq!(cursor.valid().then(|| cursor.key()), wanted);
        if cursor.valid() {
            cursor.prev().unwrap();
            let wanted = entries.range(..key.clone()).next_back().map(|(k, _)| &k[..]);
            assert_eq!(cursor.valid().then(|| cursor.key()), wanted);
        }
        cursor.seek_before(key).unwrap();
        let wanted = entries.range(..key.clone()).next_back().map(|(k, _)| &k[..]);
        assert_eq!(cursor.valid().then(|| cursor.key()), wanted);
        if cursor.valid() {
            cursor.next().unwrap();
            let wanted = entries.range(key.clone()..).next().map(|(k, _)| &k[..]);
            assert_eq!(cursor.valid().then(|| cursor.key()), wanted);
        }
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    let letter = prop::sample::select(vec![0u8, b'a', b'b', 0xff]);
    prop_oneof![
        prop::collection::vec(letter, 0..10),
        (0u64..3000).prop_map(|i| format!("a/long/prefix/{i:08}").into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_segment_holds_what_was_put_in(
        entries in prop::collection::btree_map(
            key(),
            (
                prop_oneof![5 => Just(Kind::Put), 1 => Just(Kind::Delete)],
                prop::collection::vec(0u8..4, 0..120),
            ),
            1..400,
        ),
        probes in prop::collection::vec(key(), 0..40),
        codec in prop::sample::select(vec![Codec::None, Codec::Lz4, Codec::Zstd]),
        block_bytes in prop::sample::select(vec![256usize, 1000, 8192]),
        maps in prop::sample::select(vec![Maps::Yes, Maps::No]),
    ) {
        let mut disk = Disk::new(maps);
        let meta = write(&mut disk, &entries, shape(codec, block_bytes));
        check(&open(&disk, &meta).unwrap(), &entries, &probes);
    }
}

#[test]
fn a_large_segment_has_two_levels_of_index() {
    let entries: Entries = (0..9000u32)
        .map(|i| (format!("key{i:07}").into_bytes(), (Kind::Put, vec![i as u8; 150])))
        .collect();
    let probes: Vec<Vec<u8>> =
        (0..9000u32).step_by(97).map(|i| format!("key{i:07}x").into_bytes()).collect();
    for maps in [Maps::Yes, Maps::No] {
        let mut disk = Disk::new(maps);
        let meta = write(&mut disk, &entries, shape(Codec::None, 256));
        let segment = open(&disk, &meta).unwrap();
        assert_eq!(segment.footer.depth, 2);
        assert!(segment.footer.leaves > 1);
        check(&segment, &entries, &probes);
    }
}

#[test]
fn the_longest_keys_and_long_values_fit() {
    let long = |last: u8| [vec![b'k'; 65_534], vec![last]].concat();
    let entries = Entries::from([
        (Vec::new(), (Kind::Put, Vec::new())),
        (b"a".to_vec(), (Kind::Put, vec![1; 1 << 20])),
        (b"b".to_vec(), (Kind::Put, Vec::new())),
        (long(0), (Kind::Put, vec![2; 100])),
        (long(1), (Kind::Delete, Vec::new())),
        (long(2), (Kind::Put, vec![3; 3 << 20])),
    ]);
    for codec in [Codec::None, Codec::Lz4] {
        for maps in [Maps::Yes, Maps::No] {
            let mut disk = Disk::new(maps);
            let meta = write(&mut disk, &entries, shape(codec, 4096));
            check(&open(&disk, &meta).unwrap(), &entries, &[long(3), vec![b'k'; 65_533]]);
        }
    }
    let mut disk = Disk::new(Maps::No);
    let file = disk.create(FileKind::Sealed).unwrap();
    let mut writer = Writer::new(&mut disk, file, shape(Codec::None, 4096)).unwrap();
    let e = writer.add(&mut disk, &[0; 65_536], Kind::Put, b"").unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid);
}

#[test]
fn segments_share_a_file_and_know_their_place() {
    let one = Entries::from([(b"a".to_vec(), (Kind::Put, b"1".to_vec()))]);
    let two = Entries::from([(b"b".to_vec(), (Kind::Put, b"2".to_vec()))]);
    let mut disk = Disk::new(Maps::Yes);
    disk.share_bytes = 1 << 20;
    let first = write(&mut disk, &one, shape(Codec::None, 4096));
    let second = write(&mut disk, &two, shape(Codec::None, 4096));
    assert_eq!(first.extents[0].file, second.extents[0].file);
    check(&open(&disk, &first).unwrap(), &one, &[]);
    check(&open(&disk, &second).unwrap(), &two, &[]);
    // The same bytes elsewhere do not validate.
    let (a, b) = (first.extents[0], second.extents[0]);
    disk.edit(a.file, |bytes| {
        let copy = bytes[a.offset as usize..(a.offset + a.len) as usize].to_vec();
        bytes.truncate(b.offset as usize);
        bytes.extend(copy);
    });
    let moved = SegmentMeta {
        extents: vec![cuesta_engine::file::Extent { offset: b.offset, ..a }],
        ..first
    };
    assert_eq!(open(&disk, &moved).err().unwrap().kind(), ErrorKind::Corrupt);
}

fn small() -> Entries {
    (0..60u32)
        .map(|i| {
            let kind = if i % 7 == 0 { Kind::Delete } else { Kind::Put };
            let value = if i % 7 == 0 { Vec::new() } else { vec![i as u8 / 4; 30] };
            (format!("some/key/{i:04}").into_bytes(), (kind, value))
        })
        .collect()
}

/// Everything that can be asked of a segment, or the first error.
fn read_all(disk: &Disk, meta: &SegmentMeta, keys: &Entries) -> cuesta_engine::Result<Entries> {
    let segment = open(disk, meta)?;
    let walked: Entries = walk(&segment)?.into_iter().collect();
    let mut found = Entries::new();
    for key in keys.keys() {
        if let Some(entry) = get(&segment, key)? {
            found.insert(key.clone(), entry);
        }
    }
    assert_eq!(walked, found, "walking and finding disagree");
    Ok(walked)
}

#[test]
fn a_flipped_bit_in_any_byte_is_an_error_or_harmless() {
    let entries = small();
    for (codec, maps) in
        [(Codec::None, Maps::Yes), (Codec::None, Maps::No), (Codec::Lz4, Maps::Yes)]
    {
        let mut disk = Disk::new(maps);
        let meta = write(&mut disk, &entries, shape(codec, 512));
        let extent = meta.extents[0];
        for at in 0..extent.len as usize {
            let bit = at % 8;
            disk.edit(extent.file, |bytes| bytes[at] ^= 1 << bit);
            match read_all(&disk, &meta, &entries) {
                Ok(read) => assert_eq!(read, entries, "a flip of byte {at} went unnoticed"),
                Err(e) => assert!(
                    matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported),
                    "byte {at}: {e}"
                ),
            }
            disk.edit(extent.file, |bytes| bytes[at] ^= 1 << bit);
        }
    }
}

#[cfg(feature = "planted-bugs")]
#[test]
fn without_checksums_flipped_bits_go_unnoticed() {
    use cuesta_engine::planted::{Bug, plant};
    let mut disk = Disk::new(Maps::Yes);
    let meta = write(&mut disk, &small(), shape(Codec::None, 512));
    let extent = meta.extents[0];
    // A byte of the last value of the first block.
    disk.edit(extent.file, |bytes| bytes[400] ^= 1);
    assert!(read_all(&disk, &meta, &small()).is_err());
    plant(Some(Bug::MissingChecksum));
    let read = read_all(&disk, &meta, &small());
    plant(None);
    assert_ne!(read.unwrap(), small());
}

#[test]
fn every_truncation_is_an_error() {
    let entries = small();
    let mut disk = Disk::new(Maps::No);
    let meta = write(&mut disk, &entries, shape(Codec::None, 512));
    let extent = meta.extents[0];
    for len in (0..extent.len).step_by(61).chain(extent.len - 130..extent.len) {
        let mut short = meta.clone();
        short.extents[0].len = len;
        assert!(open(&disk, &short).is_err(), "{len} bytes of {} open", extent.len);
    }
    disk.edit(extent.file, |bytes| bytes.truncate(extent.len as usize - 1));
    assert_eq!(open(&disk, &meta).err().unwrap().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let mut disk = Disk::new(Maps::No);
    let meta = write(&mut disk, &small(), shape(Codec::None, 512));
    let extent = meta.extents[0];
    disk.edit(extent.file, |bytes| {
        let at = bytes.len() - 128;
        bytes[at + 8] = 9;
        let seed = format::seed(extent.file, at as u64);
        let crc = cuesta_engine::format::crc32_seeded(seed, &bytes[at..at + 124]);
        bytes[at + 124..].copy_from_slice(&crc.to_le_bytes());
    });
    let e = open(&disk, &meta).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(e.message().contains("format 9"), "{e}");
}

#[test]
fn wrong_statements_of_the_manifest_are_noticed() {
    let mut disk = Disk::new(Maps::Yes);
    let meta = write(&mut disk, &small(), shape(Codec::None, 512));
    let more = SegmentMeta { entries: meta.entries + 1, ..meta.clone() };
    assert_eq!(open(&disk, &more).err().unwrap().kind(), ErrorKind::Corrupt);
    let mut detail = Detail::decode(&meta.detail).unwrap();
    detail.largest = b"some/key/0030".to_vec();
    let narrow = SegmentMeta { detail: detail.encode(), ..meta.clone() };
    let problems = problems(&open(&disk, &narrow).unwrap());
    assert!(problems.iter().any(|p| p.contains("outside the range")), "{problems:?}");
    for end in 0..meta.detail.len() {
        let cut = SegmentMeta { detail: meta.detail[..end].to_vec(), ..meta.clone() };
        assert!(open(&disk, &cut).is_err());
    }
}

#[test]
fn keys_out_of_order_are_not_written() {
    let mut disk = Disk::new(Maps::No);
    let file = disk.create(FileKind::Sealed).unwrap();
    let mut writer = Writer::new(&mut disk, file, shape(Codec::None, 256)).unwrap();
    writer.add(&mut disk, b"b", Kind::Put, &[0; 300]).unwrap();
    for key in [&b"b"[..], b"a", b""] {
        let e = writer.add(&mut disk, key, Kind::Put, b"").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt);
    }
}

/// What the samples hold: several blocks, deletes, an empty key and value, a long value.
fn sampled() -> Entries {
    let mut entries: Entries = (0..40u32)
        .map(|i| match i % 9 {
            4 => (format!("fruit/{:03}", i * 7).into_bytes(), (Kind::Delete, Vec::new())),
            _ => {
                let value = format!("{i} ").repeat(i as usize % 11);
                (format!("fruit/{:03}", i * 7).into_bytes(), (Kind::Put, value.into_bytes()))
            }
        })
        .collect();
    entries.insert(Vec::new(), (Kind::Put, b"of the empty key".to_vec()));
    entries.insert(b"zoo".to_vec(), (Kind::Put, b"tail ".repeat(120)));
    entries
}

fn listing(entries: &Walked) -> String {
    let line = |(key, (kind, value)): &(_, (Kind, Vec<u8>))| {
        let key: &Vec<u8> = key;
        format!("{kind:?} \"{}\" \"{}\"\n", key.escape_ascii(), value.escape_ascii())
    };
    entries.iter().map(line).collect()
}

#[test]
fn samples_of_the_format_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/");
    for (name, codec) in [("lsm-segment-v1", Codec::None), ("lsm-segment-v1-lz4", Codec::Lz4)] {
        let path = format!("{folder}{name}");
        let mut disk = Disk::new(Maps::Yes);
        disk.next_file = 7;
        let meta = write(&mut disk, &sampled(), shape(codec, 256));
        let file = meta.extents[0].file;
        if std::env::var_os("CUESTA_REGENERATE").is_some() {
            disk.edit(file, |bytes| std::fs::write(&path, bytes).unwrap());
            let text = listing(&walk(&open(&disk, &meta).unwrap()).unwrap());
            std::fs::write(format!("{folder}lsm-segment-v1.txt"), text).unwrap();
        }
        let sample = std::fs::read(&path).unwrap();
        let text = std::fs::read_to_string(format!("{folder}lsm-segment-v1.txt")).unwrap();
        disk.edit(file, |bytes| {
            // A compressor may find other bytes for the same content one day; nothing else may.
            assert!(codec != Codec::None || *bytes == sample, "{name} is not what is written now");
            *bytes = sample;
        });
        let mut meta = meta;
        meta.extents[0].len = std::fs::metadata(&path).unwrap().len();
        let segment = open(&disk, &meta).unwrap();
        assert_eq!(listing(&walk(&segment).unwrap()), text);
        check(&segment, &sampled(), &[]);
    }
}

/// What the sample of values that expire, and of operands on every base, holds.
fn sampled_lively() -> Entries {
    let mut entries = sampled();
    for (number, (_, (kind, value))) in entries.iter_mut().enumerate() {
        let expiry_ms = 1_760_000_000_000 + number as u64;
        let base: &[u8] = match number % 12 {
            2 | 9 => {
                (*kind, *value) = (Kind::Expiring, expiry::join(expiry_ms, value));
                continue;
            }
            3 => b"\x00",
            6 => b"\x01",
            7 => b"\x02\x04base",
            11 => b"\x03\x0c\0\0\0\0\0\x02\0\0four",
            _ => continue,
        };
        *kind = Kind::Merge;
        *value = base.to_vec();
        for (operand, span) in [(&b"one"[..], 0), (b"", 7), (b"of two or more", 300)] {
            put_varint(value, expiry_ms);
            put_varint(value, span);
            put_bytes(value, operand);
        }
    }
    entries
}

#[test]
fn the_sample_with_expiries_and_operands_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/");
    let path = format!("{folder}lsm-segment-v1-lively");
    let mut disk = Disk::new(Maps::Yes);
    disk.next_file = 7;
    let meta = write(&mut disk, &sampled_lively(), shape(Codec::None, 256));
    let file = meta.extents[0].file;
    let text = listing(&walk(&open(&disk, &meta).unwrap()).unwrap());
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        disk.edit(file, |bytes| std::fs::write(&path, bytes).unwrap());
        std::fs::write(format!("{path}.txt"), &text).unwrap();
    }
    let sample = std::fs::read(&path).unwrap();
    disk.edit(file, |bytes| assert!(*bytes == sample, "the sample is not what is written now"));
    let segment = open(&disk, &meta).unwrap();
    assert_eq!(std::fs::read_to_string(format!("{path}.txt")).unwrap(), text);
    check(&segment, &sampled_lively(), &[]);
    // Every pile is one, and gives what the page says.
    let rules = Rules::new(Some("append"), 0, &Operators::default());
    for (kind, value) in sampled_lively().values().filter(|(kind, _)| *kind == Kind::Merge) {
        let mut pile = Pile::new();
        pile.add(*kind, value).unwrap();
        let (merged, expiry_ms) = pile.outcome(&rules).unwrap().unwrap();
        let (base, expected_ms): (&[u8], _) = match value[0] {
            2 => (b"base", None),
            3 => (b"four", Some(2 << 40)),
            _ => (b"", None),
        };
        assert_eq!(merged, [base, b"one", b"of two or more"].concat());
        assert_eq!(expiry_ms, expected_ms);
    }
}

#[test]
fn damage_of_the_sample_with_expiries_and_operands_is_found() {
    let mut disk = Disk::new(Maps::No);
    let meta = write(&mut disk, &sampled_lively(), shape(Codec::None, 256));
    let file = meta.extents[0].file;
    let len = meta.extents[0].len as usize;
    for at in (0..len).step_by(3) {
        disk.edit(file, |bytes| bytes[at] ^= 1 << (at % 8));
        let found = open(&disk, &meta).map(|segment| {
            let walked = walk(&segment);
            let same =
                walked.is_ok_and(|walked| walked.iter().map(|(k, v)| (k, v)).eq(&sampled_lively()));
            (same, problems(&segment).is_empty())
        });
        match found {
            Ok((same, sound)) => assert!(!sound || same, "a change of byte {at} is not found"),
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported),
                "{at}: {error:?}"
            ),
        }
        disk.edit(file, |bytes| bytes[at] ^= 1 << (at % 8));
    }
}

fn span(start: &[u8], end: Option<&[u8]>) -> Span {
    Span { start: start.to_vec(), end: end.map(<[u8]>::to_vec) }
}

/// What the sample of the second format deletes.
fn sampled_ranges() -> Vec<Span> {
    vec![
        span(b"", Some(b"a")),
        span(b"fruit/021", Some(b"fruit/05")),
        span(b"zebra", Some(b"zebra\0")),
        span(b"zoom", None),
    ]
}

#[test]
fn the_sample_with_range_deletes_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/lsm-segment-v2");
    let mut disk = Disk::new(Maps::Yes);
    disk.next_file = 7;
    let shape = shape(Codec::None, 256);
    let meta = write_deleting(&mut disk, &sampled(), &sampled_ranges(), shape);
    let file = meta.extents[0].file;
    if std::env::var_os("CUESTA_REGENERATE").is_some() {
        disk.edit(file, |bytes| std::fs::write(path, bytes).unwrap());
    }
    let sample = std::fs::read(path).unwrap();
    disk.edit(file, |bytes| assert!(*bytes == sample, "the sample is not what is written now"));
    let segment = open(&disk, &meta).unwrap();
    assert_eq!(segment.spans(Fill::Pass).unwrap(), sampled_ranges());
    assert_eq!(*segment.span(), span(b"", None));
    check(&segment, &sampled(), &[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn ranges_are_found_as_in_a_list(
        borders in prop::collection::btree_set(key(), 2..40),
        endless in any::<bool>(),
        probes in prop::collection::vec(key(), 0..40),
        maps in prop::sample::select(vec![Maps::Yes, Maps::No]),
    ) {
        let borders: Vec<Vec<u8>> = borders.into_iter().collect();
        let mut ranges: Vec<Span> =
            borders.chunks_exact(2).map(|pair| span(&pair[0], Some(&pair[1]))).collect();
        if endless {
            ranges.last_mut().unwrap().end = None;
        }
        let mut disk = Disk::new(maps);
        let shape = shape(Codec::None, 4096);
        let meta = write_deleting(&mut disk, &Entries::new(), &ranges, shape);
        let segment = open(&disk, &meta).unwrap();
        prop_assert_eq!(problems(&segment), Vec::<String>::new());
        prop_assert_eq!(&segment.spans(Fill::Keep).unwrap(), &ranges);
        prop_assert_eq!(&segment.span().start, &ranges[0].start);
        let within = |key: &[u8]| {
            ranges.iter().find(|range| *range.start <= *key && span::is_before(key, range.end()))
        };
        for key in probes.iter().chain(&borders) {
            let range = within(key);
            prop_assert_eq!(segment.deletes_key(key).unwrap(), range.is_some());
            let whole = range.is_some_and(|range| range.end().is_none());
            prop_assert_eq!(segment.deletes(key, None).unwrap(), whole);
            let end = key_after(key);
            prop_assert_eq!(segment.deletes(key, end.as_deref()).unwrap(), range.is_some());
        }
    }
}

#[test]
fn a_damaged_range_block_is_noticed() {
    let ranges = [span(b"a", Some(b"c")), span(b"x", Some(b"z"))];
    let mut disk = Disk::new(Maps::No);
    let shape = shape(Codec::None, 4096);
    let meta = write_deleting(&mut disk, &small(), &ranges, shape);
    let extent = meta.extents[0];
    let segment = open(&disk, &meta).unwrap();
    let (at, len) = segment.footer.ranges;
    for offset in at..at + len {
        disk.edit(extent.file, |bytes| bytes[offset as usize] ^= 0x10);
        let segment = open(&disk, &meta).unwrap();
        assert_eq!(segment.deletes_key(b"b").err().unwrap().kind(), ErrorKind::Corrupt);
        assert!(!problems(&segment).is_empty(), "byte {offset}");
        disk.edit(extent.file, |bytes| bytes[offset as usize] ^= 0x10);
    }
    let mut detail = Detail::decode(&meta.detail).unwrap();
    detail.ranges.as_mut().unwrap().count += 1;
    let more = SegmentMeta { detail: detail.encode(), ..meta.clone() };
    let found = problems(&open(&disk, &more).unwrap());
    assert!(found.iter().any(|problem| problem.contains("range deletes")), "{found:?}");
    detail.ranges = None;
    let none = SegmentMeta { detail: detail.encode(), ..meta };
    assert_eq!(open(&disk, &none).err().unwrap().kind(), ErrorKind::Corrupt);
}

/// What salvage gets out of a segment, and how many places it finds nothing at.
fn remains(disk: &Disk, meta: &SegmentMeta) -> (Entries, usize, Option<Vec<Span>>) {
    let detail = Detail::decode(&meta.detail).unwrap();
    let remains = Remains::find(&meta.extents[0], (detail.ranges.as_ref(), None), disk).unwrap();
    let (mut found, mut lost) = (Entries::new(), 0);
    for part in &remains.parts {
        match part {
            Part::Block(place) => match remains.entries(*place) {
                Ok(entries) => {
                    let entries = entries.into_iter();
                    found.extend(entries.map(|(key, kind, stored)| (key, (kind, stored))));
                }
                Err(_) => lost += 1,
            },
            Part::Lost(_) => lost += 1,
        }
    }
    (found, lost, remains.ranges.ok())
}

#[test]
fn what_is_intact_is_saved_wherever_a_byte_is_damaged_or_the_rest_cut_off() {
    let entries: Entries = (0..400u32)
        .map(|n| {
            (format!("key {n:05}").into_bytes(), (Kind::Put, vec![n as u8; 20 + n as usize % 9]))
        })
        .collect();
    let span = |start: &[u8], end: &[u8]| Span { start: start.to_vec(), end: Some(end.to_vec()) };
    let ranges = [span(b"a", b"b"), span(b"x", b"y")];
    for codec in [Codec::None, Codec::Lz4] {
        let mut disk = Disk::new(Maps::No);
        // The segment is not the first in its file.
        let file = disk.create(FileKind::Sealed).unwrap();
        disk.append(file, &[0xaa; 96]).unwrap();
        disk.share_bytes = 1 << 20;
        let meta = write_deleting(&mut disk, &entries, &ranges, shape(codec, 512));
        let whole = (entries.clone(), 0, Some(ranges.to_vec()));
        assert_eq!(remains(&disk, &meta), whole);
        let extent = meta.extents[0];
        let blocks = entries.len() / 8;
        for at in (0..extent.len).step_by(37).chain(extent.len - 200..extent.len) {
            let place = (extent.offset + at) as usize;
            disk.edit(extent.file, |bytes| bytes[place] ^= 4);
            let (found, lost, spans) = remains(&disk, &meta);
            assert!(found.iter().all(|(key, entry)| entries.get(key) == Some(entry)), "{at}");
            assert!(found.len() + 60 > entries.len(), "{} of {blocks} blocks, {at}", found.len());
            assert!(lost > 0 || found.len() == entries.len(), "{at}");
            assert!(spans.is_none_or(|spans| spans == ranges), "{at}");
            disk.edit(extent.file, |bytes| bytes[place] ^= 4);
        }
        let full: usize = disk.len_of(extent.file) as usize;
        let mut saved = 0;
        for len in (96..full).step_by(101) {
            let mut cut = Disk::new(Maps::No);
            let again = cut.create(FileKind::Sealed).unwrap();
            assert_eq!(again, extent.file);
            cut.append(again, &disk.region_bytes(again)[..len]).unwrap();
            let (found, lost, _) = remains(&cut, &meta);
            assert!(found.iter().all(|(key, entry)| entries.get(key) == Some(entry)));
            assert!(found.len() >= saved && (lost > 0 || found.len() == entries.len()), "{len}");
            saved = found.len();
        }
        assert_eq!(saved, entries.len());
    }
}

#[test]
fn without_an_index_block_what_it_lists_is_found() {
    // Long separators: index blocks of their own below the root.
    let entries: Entries = (0..400u32)
        .map(|n| (format!("{}{n:04}", "k".repeat(900)).into_bytes(), (Kind::Put, vec![1; 9])))
        .collect();
    let mut disk = Disk::new(Maps::No);
    let meta = write(&mut disk, &entries, shape(Codec::None, 256));
    let segment = open(&disk, &meta).unwrap();
    assert_eq!(segment.footer.depth, 2);
    let (body, frame) = segment.root(Fill::Pass).unwrap();
    let leaves = frame.place(body.bytes(), 0).unwrap().offset..segment.footer.root.0;
    let (extent, mut damaged) = (meta.extents[0], 0);
    for at in leaves.step_by(307) {
        let place = (extent.offset + at) as usize;
        disk.edit(extent.file, |bytes| bytes[place] ^= 1);
        let (found, lost, _) = remains(&disk, &meta);
        assert!(found == entries && lost == 0, "{at}: {} of {}", found.len(), entries.len());
        damaged += 1;
        disk.edit(extent.file, |bytes| bytes[place] ^= 1);
    }
    assert!(damaged > 3, "{damaged}");
}

#[test]
fn facts_that_cannot_be_are_damage() {
    use super::facts::Facts;
    let facts = Facts { expiring: 1, expiry_first: 0, expiry_last: 5, ..Facts::default() };
    let mut bytes = Vec::new();
    facts.encode(&mut bytes);
    let mut reader = cuesta_engine::format::Reader::new(&bytes, "facts");
    let error = Facts::decode(&mut reader, "a segment").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!([0, 3, 5, u64::MAX].iter().all(|now_ms| facts.expired(*now_ms) <= 1));
}
