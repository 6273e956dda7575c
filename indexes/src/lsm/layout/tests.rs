//! What comes before what.

use cuesta_engine::ErrorKind;

use super::*;
use crate::lsm::segment::tests::of_level;
use crate::lsm::tests::disk::{Disk, Maps};
use crate::ordered::kind::Kind;

fn segment(disk: &mut Disk, level: u8, recency: u64, keys: [&str; 2]) -> Arc<Segment> {
    let put = |key: &str| (key.as_bytes().to_vec(), (Kind::Put, recency.to_le_bytes().to_vec()));
    of_level(disk, level, recency, &keys.map(put).into())
}

fn recencies(layout: &Layout) -> Vec<Vec<u64>> {
    let run = |run: &Arc<Run>| run.segments().iter().map(|s| s.detail().recency).collect();
    layout.runs().iter().map(run).collect()
}

#[test]
fn flushes_are_ordered_by_commits_and_not_by_numbers() {
    let disk = &mut Disk::new(Maps::Yes);
    let segments = vec![
        (SegmentId(9), segment(disk, 0, 5, ["a", "m"])),
        (SegmentId(3), segment(disk, 0, 8, ["n", "z"])),
        (SegmentId(4), segment(disk, 0, 8, ["a", "m"])),
        (SegmentId(1), segment(disk, 1, 2, ["n", "z"])),
        (SegmentId(2), segment(disk, 1, 3, ["a", "m"])),
        (SegmentId(8), segment(disk, 3, 1, ["a", "z"])),
    ];
    let layout = Layout::new(segments.into_iter()).unwrap();
    assert_eq!(recencies(&layout), [vec![8, 8], vec![5], vec![3, 2], vec![1]]);
    let run = &layout.runs()[2];
    for (key, at) in [("", 0), ("a", 0), ("m", 0), ("mm", 1), ("n", 1), ("z", 1), ("zz", 2)] {
        assert_eq!(run.find(key.as_bytes()), at, "{key}");
    }
    assert!(run.holding(b"mm").is_none() && run.holding(b"q").is_some());
}

#[test]
fn overlapping_segments_of_one_flush_are_ordered_by_number() {
    let disk = &mut Disk::new(Maps::Yes);
    let (one, two) = (segment(disk, 0, 5, ["a", "n"]), segment(disk, 0, 5, ["m", "z"]));
    let all = vec![(SegmentId(1), one), (SegmentId(2), two.clone())];
    let layout = Layout::new(all.into_iter()).unwrap();
    assert_eq!(layout.runs().len(), 2);
    assert!(Arc::ptr_eq(&layout.runs()[0].segments()[0], &two));
}

#[test]
fn overlapping_segments_of_a_level_are_damage() {
    let disk = &mut Disk::new(Maps::Yes);
    let all = [["a", "m"], ["m", "z"]].map(|keys| (SegmentId(1), segment(disk, 2, 1, keys)));
    let e = Layout::new(all.into_iter()).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
    assert!(e.message().contains("level 2"), "{e}");
}

#[test]
fn a_key_is_found_in_the_segment_around_it_and_in_no_other() {
    let disk = &mut Disk::new(Maps::Yes);
    // Keys with equal heads, of zeros, that are prefixes of each other or share one.
    let tails =
        ["", "\0", "\0\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0a", "a", "same head", "same headed"];
    for prefix in ["", "p", "a long prefix, "] {
        let mut keys: Vec<String> = tails.map(|tail| format!("{prefix}{tail}")).into();
        keys.extend(["\u{7f}".to_owned(), "o".to_owned(), "q".to_owned(), format!("{prefix}z")]);
        keys.sort();
        keys.dedup();
        for skip in 0..4 {
            let pairs: Vec<_> = keys[skip..].chunks_exact(2).collect();
            for pairs in [&pairs[..], &pairs[1..], &pairs[..2], &pairs[2..3]] {
                let of = |pair: &&[String]| segment(disk, 1, 1, [&pair[0], &pair[1]]);
                let run = Run::new(pairs.iter().map(of).collect()).unwrap();
                for key in keys.iter().map(|key| key.as_bytes()).chain([&b""[..], b"\xff"]) {
                    let found = pairs.iter().position(|pair| key <= pair[1].as_bytes());
                    assert_eq!(run.find(key), found.unwrap_or(pairs.len()), "{key:?}");
                    let wanted = found.filter(|at| pairs[*at][0].as_bytes() <= key);
                    let holding = run.holding(key).map(Arc::as_ptr);
                    let wanted = wanted.map(|at| Arc::as_ptr(&run.segments()[at]));
                    assert_eq!(holding, wanted, "{key:?} in {pairs:?}");
                }
            }
        }
    }
}
