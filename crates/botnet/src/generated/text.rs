//! Letters out of numbers.

use md5::{Digest as _, Md5};

/// The letter `n` places after `a`, for `n` below 26; larger ones begin again at `a`.
pub(super) fn letter(n: u32) -> char {
    char::from(b'a' + (n % 26) as u8)
}

/// The letter of an alphabet at `n`, which begins again after its end. An empty alphabet gives `a`.
pub(super) fn pick(alphabet: &[u8], n: u32) -> char {
    let at = (n as usize).checked_rem(alphabet.len()).unwrap_or(0);
    char::from(alphabet.get(at).copied().unwrap_or(b'a'))
}

/// The suffix at `n`, which begins again after the last; written with its dot.
pub(super) fn push_suffix(out: &mut String, suffixes: &[&str], n: u32) {
    out.push('.');
    let at = (n as usize).checked_rem(suffixes.len()).unwrap_or(0);
    out.push_str(suffixes.get(at).copied().unwrap_or("com"));
}

/// The first bytes in hexadecimal digits, lower case.
pub(super) fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push(pick(b"0123456789abcdef", u32::from(byte >> 4)));
        out.push(pick(b"0123456789abcdef", u32::from(byte & 15)));
    }
}

/// A number in decimal digits.
pub(super) fn push_number(out: &mut String, number: impl std::fmt::Display) {
    use std::fmt::Write as _;
    // Writing into a string does not fail.
    let _ = write!(out, "{number}");
}

/// The date as `2026-03-10`.
pub(super) fn push_iso_date(out: &mut String, date: super::date::Date) {
    use std::fmt::Write as _;
    let _ = write!(out, "{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

/// MD5 of a text.
pub(super) fn md5(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

/// CRC-32 of ISO 3309, bit by bit: a few bytes once in a while.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| c >> 1 ^ if c & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// The first `most` characters of Base64 (RFC 4648, padded), in lower case; `=` becomes `a`.
pub(super) fn push_base64_lower(out: &mut String, text: &str, most: usize) {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut left = most;
    for chunk in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4u32 {
            if left == 0 {
                return;
            }
            left -= 1;
            let padding = i as usize > chunk.len();
            out.push(if padding { 'a' } else { pick(ALPHABET, bits >> (18 - 6 * i) & 63) });
        }
    }
}

/// Whether a text can be a host name: at least two labels of lower-case letters, digits and hyphens, the last of letters
/// alone; at most 253 characters.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    let suffix = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase());
    text.len() <= 253
        && text.split('.').all(label)
        && text.rsplit_once('.').is_some_and(|(_, last)| suffix(last))
}
