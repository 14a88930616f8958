//! Values as reports write them: times, addresses, names.

use std::net::{IpAddr, Ipv4Addr};
use terms::{MICROS_PER_DAY, MICROS_PER_SECOND, Timestamp};

/// Longest name of an infection that is kept, in characters.
const MAX_NAME: usize = 100;

/// `2021-03-04 00:00:00`, UTC; `T` for the space, a fraction and a final `Z` are allowed.
pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let [b' ' | b'T', clock @ ..] = rest else { return None };
    let (clock, fraction) = clock.split_at_checked(8)?;
    let (&[a, b, c, d, b'-', e, f, b'-', g, h], &[i, j, b':', k, l, b':', m, n]) = (date, clock) else {
        return None;
    };
    let (year, month, day) = (two(a, b)? * 100 + two(c, d)?, two(e, f)?, two(g, h)?);
    let (hour, minute, second) = (two(i, j)?, two(k, l)?, two(m, n)?);
    let whole = (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    if !whole || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    Some(Timestamp(days(year, month, day) * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + micros(fraction)?))
}

/// What may follow the second: a fraction (digits beyond the sixth are cut), a `Z`.
fn micros(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let Some(digits) = text.strip_prefix(b".") else { return text.is_empty().then_some(0) };
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let of = |i: usize| digits.get(i).map_or(0, |b| i64::from(b - b'0'));
    Some((0..6).fold(0, |n, i| n * 10 + of(i)))
}

fn two(a: u8, b: u8) -> Option<i64> {
    let both = a.is_ascii_digit() && b.is_ascii_digit();
    both.then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: years counted from March, so that a leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Windows FILETIME: 100 nanoseconds since 1601-01-01.
pub(super) fn filetime(ticks: u64) -> Option<Timestamp> {
    const TO_1970: i64 = 11_644_473_600 * MICROS_PER_SECOND;
    Some(Timestamp(i64::try_from(ticks / 10).ok()? - TO_1970))
}

/// An address, IPv4 read by hand: most are.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    if let Some(v4) = v4(text) {
        return Some(IpAddr::V4(v4));
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut at, mut value, mut digits) = ([0u8; 4], 0, 0u16, 0);
    for &byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 && !(digits > 0 && value == 0) => {
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 => {
                *octets.get_mut(at)? = u8::try_from(value).ok()?;
                (at, value, digits) = (at + 1, 0, 0);
            }
            _ => return None,
        }
    }
    *octets.get_mut(at)? = u8::try_from(value).ok()?;
    (at == 3 && digits > 0).then_some(Ipv4Addr::from(octets))
}

/// A number that is there, `None` for nothing, an error for anything else.
pub(super) fn number<T: TryFrom<u64>>(text: &[u8]) -> Result<Option<T>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > 12 || !text.iter().all(u8::is_ascii_digit) {
        return Err(());
    }
    let value = text.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
    T::try_from(value).map(Some).map_err(|_| ())
}

/// The name of an infection as telemetry and letters carry it: lower case, `a-z 0-9 . _ -`, everything else a hyphen.
pub(super) fn name(text: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(text.len().min(MAX_NAME));
    for &byte in text.iter().take(MAX_NAME) {
        let kept = match byte.to_ascii_lowercase() {
            b @ (b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_') => char::from(b),
            _ => '-',
        };
        if !out.is_empty() || kept.is_ascii_alphanumeric() {
            out.push(kept);
        }
    }
    (!out.is_empty()).then_some(out)
}

/// `family/name`, or the one of both that is there.
pub(super) fn infection(family: &[u8], infection: &[u8]) -> Option<String> {
    match (name(family), name(infection)) {
        (Some(mut family), Some(infection)) if family != infection => {
            family.push('/');
            family.push_str(&infection);
            Some(family)
        }
        (family, infection) => infection.or(family),
    }
}

/// A host name as a channel has it: lower case, letters of the host name alphabet, at least one dot, no address, no port.
pub(super) fn domain(text: &str) -> Option<String> {
    let host = text.split(':').next()?.trim_end_matches('.');
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let named = host.contains('.') && host.len() <= 253 && host.bytes().all(good);
    (named && host.parse::<IpAddr>().is_err()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_are_those_of_the_calendar(t in -60_000_000_000i64..200_000_000_000) {
            let whole = Timestamp(t * MICROS_PER_SECOND);
            let text = whole.to_string();
            prop_assert_eq!(time(text.as_bytes()), Some(whole));
            let text = text.trim_end_matches('Z').replace('T', " ");
            prop_assert_eq!(time(text.as_bytes()), Some(whole));
        }
        #[test]
        fn addresses_are_those_of_the_library(text in "[0-9.]{1,16}|[0-9a-f:.]{1,20}|([0-9]{1,3}\\.){3}[0-9]{1,3}") {
            let expected = text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
            prop_assert_eq!(address(text.as_bytes()), expected);
        }
    }

    #[test]
    fn no_time() {
        for text in [
            "",
            "2021-02-29 00:00:00",
            "2021-13-01 00:00:00",
            "2021-01-01 24:00:00",
            "2021-01-01",
            "2021-01-01 00:00:00.",
            "2021-01-01 00:00:00+01:00",
            "2021-01-01 00:00:0x",
        ] {
            assert_eq!(time(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_ticks_of_windows() {
        // The feed writes this instant beside the number, in words: 24 May 2020 22:45:28.4870.
        let expected = "2020-05-24T22:45:28.487Z".parse().ok();
        assert_eq!(filetime(132_348_339_284_870_000), expected);
    }
}
