//! Keys are apart by label and period; periods are the months of the calendar.

use crate::pseudonym::key;
use privacy::{Key, Period, Pseudonymiser};
use proptest::prelude::*;
use std::collections::BTreeSet;
use terms::Timestamp;

fn period(s: &str) -> Period {
    s.parse().unwrap()
}

#[test]
fn a_key_is_its_label_and_period_alone() {
    let rows = [("a", "2026-03"), ("a", "2026-04"), ("b", "2026-03"), ("", "2026-03"), ("a2026", "2026-03")];
    let seen = |label: &str, p: &str| Pseudonymiser::new(&Key::derive(&key(1), label, period(p))).id("bot");
    let distinct: BTreeSet<String> = rows.iter().map(|(l, p)| seen(l, p)).collect();
    assert_eq!(distinct.len(), rows.len());
    assert_eq!(seen("a", "2026-03"), seen("a", "2026-03"));
    assert_ne!(
        seen("a", "2026-03"),
        Pseudonymiser::new(&Key::derive(&key(2), "a", period("2026-03"))).id("bot")
    );
}

#[test]
fn a_derived_key_is_the_one_of_the_written_construction() {
    // Recomputed here from RFC 5869 section 2.3 and the layout that `Key::derive` documents.
    use hmac::{Hmac, Mac};
    let hmac = |key: &[u8], data: &[u8]| -> Vec<u8> {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    };
    let months = 2026i32 * 12 + 2;
    let info =
        [&b"comity.privacy/1 key"[..], &4u64.to_le_bytes(), b"case", &months.to_le_bytes(), &[1]].concat();
    let derived = hmac(&[7; 32], &info);
    let bots = hmac(&derived, &[&b"comity.privacy/1 use"[..], b"bot", &[1]].concat());
    let expected = format!("b:{}", hex::encode(&hmac(&bots, b"9f0c")[..16]));
    assert_eq!(Pseudonymiser::new(&Key::derive(&key(7), "case", period("2026-03"))).id("9f0c"), expected);
}

#[test]
fn a_key_shows_nothing() {
    assert_eq!(format!("{:?}", key(65)), "Key(secret)");
    assert_eq!(format!("{:?}", Pseudonymiser::new(&key(65))), "Pseudonymiser(secret)");
}

#[test]
fn months_are_the_calendars() {
    for (instant, month) in [
        ("2026-03-01T00:00:00Z", "2026-03"),
        ("2026-02-28T23:59:59.999999Z", "2026-02"),
        ("2024-02-29", "2024-02"),
        ("1969-12-31T23:59:59Z", "1969-12"),
        ("2026-12-31T23:00:00-02:00", "2027-01"),
    ] {
        assert_eq!(Period::of(instant.parse::<Timestamp>().unwrap()).to_string(), month, "{instant}");
    }
    assert_eq!(period("2026-12").next(), period("2027-01"));
    for bad in ["2026", "2026-13", "2026-00", "2026-3", "+026-03", "26-03", "2026-03-01", ""] {
        assert!(bad.parse::<Period>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_period_is_a_prefix_of_its_day(t in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
        let p = Period::of(Timestamp(t));
        prop_assert_eq!(p.to_string(), &Timestamp(t).day().to_string()[..7]);
        prop_assert_eq!(p.to_string().parse::<Period>().unwrap(), p);
    }
    #[test]
    fn any_instant_has_a_period(t: i64, u: i64) {
        prop_assert!(t > u || Period::of(Timestamp(t)) <= Period::of(Timestamp(u)));
    }
}
