//! Values as sensors write them: times, addresses, names, with their bounds.

use super::Why;
use std::net::IpAddr;
use terms::{MICROS_PER_SECOND, Timestamp};

/// Longest DNS name kept, in bytes (RFC 1035 allows 255; escaped bytes make text longer).
pub(super) const MAX_NAME: usize = 1024;
/// Answers kept of one DNS record.
pub(super) const MAX_ANSWERS: usize = 64;
/// Longest answer kept, in bytes; the rest of a longer one is cut.
pub(super) const MAX_ANSWER: usize = 300;
/// Longest service, state, type and id kept, in bytes.
pub(super) const MAX_WORD: usize = 256;

/// Seconds as decimal text (`1596790164.509987`) to microseconds, exactly; digits beyond the sixth are cut.
pub(super) fn micros(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = digits.splitn(2, |&b| b == b'.');
    let whole = parts.next().filter(|w| !w.is_empty())?;
    let fraction = parts.next().unwrap_or(b"");
    if !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return scientific(text);
    }
    let digit = |n: i64, b: &u8| n.checked_mul(10)?.checked_add(i64::from(b - b'0'));
    let seconds = whole.iter().try_fold(0i64, digit)?;
    let padded = fraction.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = padded.fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
    let all = seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)?;
    Some(if negative { -all } else { all })
}

fn scientific(text: &[u8]) -> Option<i64> {
    seconds(std::str::from_utf8(text).ok()?.parse().ok()?)
}

/// Seconds as a number to microseconds; none where that leaves the range.
pub(super) fn seconds(value: f64) -> Option<i64> {
    let micros = value * MICROS_PER_SECOND as f64;
    (micros.is_finite() && micros.abs() < 9.0e18).then_some(micros.round() as i64)
}

/// An instant with its offset (RFC 3339) to microseconds.
pub(super) fn instant(text: &str) -> Result<i64, Why> {
    text.parse::<Timestamp>().map(|t| t.0).map_err(|_| Why::Time)
}

pub(super) fn address(text: &[u8]) -> Result<IpAddr, Why> {
    let text = std::str::from_utf8(text).map_err(|_| Why::Address)?;
    text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| Why::Address)
}

/// A count or port: decimal digits and nothing else.
pub(super) fn number<T: TryFrom<u64>>(text: &[u8]) -> Result<T, Why> {
    let digit = |n: u64, b: &u8| {
        let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    };
    let read = if text.is_empty() { None } else { text.iter().try_fold(0, digit) };
    read.and_then(|n| T::try_from(n).ok()).ok_or(Why::Number)
}

/// A name in lower case without its final dot.
pub(super) fn name(text: &[u8]) -> Result<String, Why> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.len() > MAX_NAME {
        return Err(Why::LongText);
    }
    Ok(String::from_utf8_lossy(text).to_lowercase())
}

pub(super) fn word(text: &[u8]) -> Result<String, Why> {
    if text.len() > MAX_WORD {
        return Err(Why::LongText);
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// An answer, cut at [`MAX_ANSWER`]; commas become spaces, because the table parts answers by commas.
pub(super) fn answer(text: &str) -> String {
    let cut = text.char_indices().take_while(|(i, c)| i + c.len_utf8() <= MAX_ANSWER).map(|(_, c)| c);
    cut.map(|c| if c == ',' { ' ' } else { c }).collect()
}
