//! Makes an input that fails smaller.

/// How often it is tried whether a smaller input fails, too.
const TRIES_MAX: usize = 2000;

/// The input without all that it fails without: pieces are taken out, large ones first, then bytes
/// set to zero. What is left fails, though perhaps in another way.
pub fn shrunk(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut tries = 0;
    let mut try_it = |shorter: Vec<u8>, best: &mut Vec<u8>| {
        tries += 1;
        let better = tries <= TRIES_MAX && shorter != *best && fails(&shorter);
        if better {
            *best = shorter;
        }
        better
    };
    let mut len = best.len() / 2;
    while len > 0 {
        let mut at = 0;
        while at < best.len() {
            let end = (at + len).min(best.len());
            let without = [&best[..at], &best[end..]].concat();
            if !try_it(without, &mut best) {
                at += len;
            }
        }
        len /= 2;
    }
    for at in 0..best.len() {
        let mut zeroed = best.clone();
        zeroed[at] = 0;
        try_it(zeroed, &mut best);
    }
    best
}
