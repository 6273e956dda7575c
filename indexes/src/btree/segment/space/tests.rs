use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn runs_are_a_set_of_pages(
        steps in prop::collection::vec((1_u32..60, 1_u32..5, any::<bool>()), 0..80),
    ) {
        let (mut runs, mut model) = (Runs::default(), BTreeSet::new());
        for (page, len, take) in steps {
            let pages: Vec<u32> = (page..page + len).collect();
            if take {
                if let Some(page) = runs.take(len) {
                    for page in page..page + len {
                        prop_assert!(model.remove(&page));
                    }
                } else {
                    let has = |start: u32| (start..start + len).all(|page| model.contains(&page));
                    prop_assert!(!(1..70).any(has));
                }
            } else {
                let is_new = pages.iter().all(|page| !model.contains(page));
                prop_assert_eq!(runs.add(page, len), is_new);
                if is_new {
                    model.extend(pages);
                }
            }
            let all: Vec<u32> = runs.iter().flat_map(|(page, len)| page..page + len).collect();
            prop_assert!(all.iter().eq(model.iter()));
            prop_assert_eq!(runs.pages(), model.len() as u64);
            let mut bytes = Vec::new();
            runs.encode(&mut bytes);
            let mut reader = Reader::new(&bytes, "runs");
            prop_assert_eq!(&Runs::decode(&mut reader).unwrap(), &runs);
        }
    }
}

#[test]
fn a_page_is_free_once_its_edit_is_over() {
    let mut space = Space::default();
    space.free(5, 2).unwrap();
    assert!(space.free(6, 1).is_err());
    space.advance(EditNo(3), 1, |_, _| false);
    assert_eq!(space.take(1), None);
    let bytes = space.encode();
    let mut space = Space::decode(&bytes, 10).unwrap();
    space.free(8, 1).unwrap();
    space.advance(EditNo(4), 2, |edit, _| edit <= EditNo(3));
    assert_eq!(space.take(2), Some(5));
    assert_eq!(space.take(1), None);
    assert_eq!(space.unused(), 1);
    assert!(Space::decode(&bytes, 6).is_err(), "pages beyond the file");
}
