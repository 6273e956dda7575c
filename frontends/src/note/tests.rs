//! What notes say.

use super::*;

#[test]
fn a_note_is_found_among_others_and_nothing_in_other_bytes() {
    let mut notes = vec![];
    put_varint(&mut notes, 7);
    put_bytes(&mut notes, b"of another");
    assert_eq!(get(&notes), None);
    let mut note = Vec::new();
    set(&mut note, b"by ada");
    notes.extend_from_slice(&note);
    assert_eq!(get(&notes), Some(&b"by ada"[..]));
    assert_eq!(get(b""), None);
    assert_eq!(get(b"\xff\xff"), None);
}
