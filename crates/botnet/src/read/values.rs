//! Values as sensors write them: times, addresses, names, with their bounds.

use super::Why;
use std::net::{IpAddr, Ipv4Addr};
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
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // As many digits as cannot overflow; more are no time.
    let (mut seconds, mut at) = (0i64, 0);
    while let Some(digit) = digits.get(at).and_then(digit).filter(|_| at < 13) {
        seconds = seconds * 10 + digit;
        at += 1;
    }
    let (mut fraction, mut places) = (0i64, 0);
    match digits.get(at..) {
        Some([]) if at > 0 => {}
        Some([b'.', rest @ ..]) if at > 0 => {
            for byte in rest {
                let Some(digit) = digit(byte) else { return scientific(text) };
                if places < 6 {
                    (fraction, places) = (fraction * 10 + digit, places + 1);
                }
            }
        }
        _ => return scientific(text),
    }
    for _ in places..6 {
        fraction *= 10;
    }
    let all = seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(fraction)?;
    Some(if negative { -all } else { all })
}

fn digit(byte: &u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
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
    if let Some(ip) = dotted(text) {
        return Ok(IpAddr::V4(ip));
    }
    let text = std::str::from_utf8(text).map_err(|_| Why::Address)?;
    text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| Why::Address)
}

/// An IPv4 address as it is mostly written, quicker than by the standard library, which is asked about all else.
fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut filled, mut octet, mut digits) = (0u32, 0, 0u32, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                // No leading zero (RFC 6943 section 3.1.1).
                if digits > 0 && octet == 0 {
                    return None;
                }
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
                if octet > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && filled < 3 => {
                octets = octets << 8 | octet;
                (filled, octet, digits) = (filled + 1, 0, 0);
            }
            _ => return None,
        }
    }
    (filled == 3 && digits > 0).then(|| Ipv4Addr::from_bits(octets << 8 | octet))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The quick ways read what the slow ones read.
        #[test]
        fn addresses_read_as_the_standard_library_reads_them(
            text in prop_oneof!["[0-9]{1,4}(\\.[0-9]{0,4}){0,4}", "[0-9a-f:.]{0,20}", any::<u32>().prop_map(|n| Ipv4Addr::from_bits(n).to_string())],
        ) {
            let expect = text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| Why::Address);
            prop_assert_eq!(address(text.as_bytes()), expect);
        }

        #[test]
        fn times_read_exactly(seconds in 0i64..9_000_000_000, micros_part in 0i64..1_000_000, more in "[0-9]{0,5}", negative in any::<bool>()) {
            let sign = if negative { "-" } else { "" };
            let expect = (seconds * MICROS_PER_SECOND + micros_part) * if negative { -1 } else { 1 };
            prop_assert_eq!(micros(format!("{sign}{seconds}.{micros_part:06}{more}").as_bytes()), Some(expect));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "[-+.0-9eE]{0,24}") {
            let as_number = text.parse::<f64>().ok().and_then(super::seconds);
            let read = micros(text.as_bytes());
            // Both read it, to the precision of a double, or neither does; only a number read may be too large.
            match (read, as_number) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1 + a.abs() / (1 << 50)),
                (Some(_), None) => prop_assert!(false, "{}", text),
                (None, _) => {}
            }
        }
    }

    #[test]
    fn times_are_what_is_written() {
        for (text, expect) in [
            ("1596790164.509987", Some(1_596_790_164_509_987)),
            ("19.9817459", Some(19_981_745)),
            ("1.5", Some(1_500_000)),
            ("1.", Some(1_000_000)),
            ("-0.000001", Some(-1)),
            ("1e9", Some(1_000_000_000_000_000)),
            ("", None),
            ("-", None),
            ("x", None),
            ("1.x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(micros(text.as_bytes()), expect, "{text}");
        }
    }
}
