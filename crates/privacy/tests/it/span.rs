//! Days, weeks and months: one spelling, the calendar's bounds, one or two months.

use privacy::Span;
use proptest::prelude::*;
use terms::Timestamp;

#[test]
fn spans_are_the_calendars() {
    for (text, word, from, until, months) in [
        ("2026-03-02", "day", "2026-03-02", "2026-03-03", &["2026-03"][..]),
        ("2026-02-28", "day", "2026-02-28", "2026-03-01", &["2026-02"]),
        ("2026-W10", "week", "2026-03-02", "2026-03-09", &["2026-03"]),
        ("2026-W09", "week", "2026-02-23", "2026-03-02", &["2026-02", "2026-03"]),
        ("2026-W01", "week", "2025-12-29", "2026-01-05", &["2025-12", "2026-01"]),
        ("2026-12", "month", "2026-12-01", "2027-01-01", &["2026-12"]),
        ("2024-02", "month", "2024-02-01", "2024-03-01", &["2024-02"]),
    ] {
        let span: Span = text.parse().unwrap();
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        assert_eq!((span.word(), span.bounds()), (word, (at(from), at(until))), "{text}");
        assert_eq!(span.months().iter().map(ToString::to_string).collect::<Vec<_>>(), months, "{text}");
        assert_eq!(span.to_string(), text);
    }
}

#[test]
fn other_texts_are_none() {
    for bad in [
        "",
        "2026",
        "2026-13",
        "2026-W54",
        "2026-W00",
        "2026-w10",
        "2025-W53",
        "2026-02-29",
        "2026-3-2",
        "1969-12",
        "+026-03-0",
        "2026-03-02 ",
        "20260302",
        "2026/03/02",
        "2026-W1",
    ] {
        assert!(bad.parse::<Span>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_stops_it(text in "\\PC{0,12}|[0-9W-]{6,11}") {
        if let Ok(span) = text.parse::<Span>() {
            let (from, until) = span.bounds();
            prop_assert!(from < until && span.to_string() == text);
            prop_assert!((1..=2).contains(&span.months().len()));
        }
    }
}
