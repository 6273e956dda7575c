//! Bytes as text and numbers, in the formats that `$convert` knows.

use crate::document::value::Binary;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes as text; `None` when the format is not known or does not fit them.
pub(super) fn write(binary: &Binary<'_>, format: Option<&str>) -> Option<String> {
    let bytes: &[u8] = &binary.bytes;
    let is_uuid = binary.subtype == Binary::UUID && bytes.len() == 16;
    match format? {
        "auto" if is_uuid => Some(uuid(bytes)),
        "auto" | "base64" => Some(base64(bytes, STANDARD)),
        "base64url" => Some(base64(bytes, URL)),
        "hex" => Some(hex(bytes)),
        "utf8" => std::str::from_utf8(bytes).ok().map(str::to_owned),
        "uuid" if is_uuid => Some(uuid(bytes)),
        _ => None,
    }
}

/// Bytes out of text; `None` when it is not of the format.
pub(super) fn read(text: &str, format: &str) -> Option<Vec<u8>> {
    match format {
        "base64" => from_base64(text, STANDARD),
        "base64url" => from_base64(text, URL),
        "hex" => from_hex(text),
        "utf8" => Some(text.as_bytes().to_vec()),
        "uuid" | "auto" => {
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            let sound = groups == [8, 4, 4, 4, 12];
            from_hex(&text.replace('-', "")).filter(|_| sound)
        }
        _ => None,
    }
}

/// A whole number of 1, 2, 4 or 8 bytes.
pub(super) fn to_whole(bytes: &[u8], little: bool) -> Option<i64> {
    if !matches!(bytes.len(), 1 | 2 | 4 | 8) {
        return None;
    }
    let mut ordered = bytes.to_vec();
    if little {
        ordered.reverse();
    }
    let negative = ordered.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1 } else { 0 };
    Some(ordered.iter().fold(start, |number: i64, byte| number << 8 | i64::from(*byte)))
}

/// A double of 4 or 8 bytes.
pub(super) fn to_double(bytes: &[u8], little: bool) -> Option<f64> {
    let mut ordered = bytes.to_vec();
    if !little {
        ordered.reverse();
    }
    match ordered.len() {
        4 => Some(f64::from(f32::from_le_bytes(*ordered.first_chunk()?))),
        8 => Some(f64::from_le_bytes(*ordered.first_chunk()?)),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = hex(bytes);
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some((digit(pair.first()?)? << 4 | digit(pair.get(1)?)?) as u8)).collect()
}

/// RFC 4648; that for URLs is not padded.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = alphabet.get((bits >> (18 - 6 * at) & 63) as usize).copied();
            if at <= group.len() {
                text.push(char::from(digit.unwrap_or(b'=')));
            } else if alphabet == STANDARD {
                text.push('=');
            }
        }
    }
    text
}

fn from_base64(text: &str, alphabet: &[u8; 64]) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let padded = text.len().is_multiple_of(4) && padding <= 2;
    if !padded && (alphabet == STANDARD || padding > 0) || digits.len() % 4 == 1 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in digits.bytes() {
        let value = alphabet.iter().position(|other| *other == digit)? as u32;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}
