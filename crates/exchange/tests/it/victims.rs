//! Victims of one place: the file, and every refusal.

use exchange::victims::{Row, csv};
use exchange::{ExchangeError, Refusal};
use miette::Diagnostic as _;
use proptest::prelude::*;
use terms::{MemberId, Place, Timestamp};

fn row() -> Row {
    Row {
        at: "2026-03-02T00:00:01.999999Z".parse().unwrap(),
        source: "240.1.2.3".into(),
        port: 51234,
        network: 64500,
        place: place("DE"),
        infection: "harbourlight".into(),
    }
}
fn place(code: &str) -> Place {
    code.parse().unwrap()
}
fn write(rows: &[Row]) -> Result<String, ExchangeError> {
    csv(&MemberId::new("de").unwrap(), place("DE"), rows).map(|b| String::from_utf8(b).unwrap())
}

#[test]
fn the_file() {
    let pseudonym = Row { source: format!("p:{}", "0f".repeat(16)), network: 0, ..row() };
    let sixth = Row { source: "2001:DB8::0:1".into(), ..row() };
    let expected = "\"timestamp\",\"ip\",\"port\",\"asn\",\"geo\",\"infection\"\n\
        \"2026-03-02 00:00:01\",\"240.1.2.3\",\"51234\",\"64500\",\"DE\",\"harbourlight\"\n\
        \"2026-03-02 00:00:01\",\"p:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f\",\"51234\",\"0\",\"DE\",\"harbourlight\"\n\
        \"2026-03-02 00:00:01\",\"2001:db8::1\",\"51234\",\"64500\",\"DE\",\"harbourlight\"\n";
    assert_eq!(write(&[row(), pseudonym, sixth]).unwrap(), expected);
    assert_eq!(write(&[]).unwrap().lines().count(), 1);
}

#[test]
fn every_refusal_names_its_row() {
    for (bad, code) in [
        (Row { place: place("FR"), ..row() }, "CMT-0940"),
        (Row { place: Place::UNKNOWN, ..row() }, "CMT-0940"),
        (Row { source: "host.example".into(), ..row() }, "CMT-0941"),
        (Row { source: "p:0f".into(), ..row() }, "CMT-0941"),
        (Row { source: "240.1.2.3\",\"x".into(), ..row() }, "CMT-0941"),
        (Row { infection: "=cmd".into(), ..row() }, "CMT-0941"),
        (Row { infection: "a\"b".into(), ..row() }, "CMT-0941"),
        (Row { infection: String::new(), ..row() }, "CMT-0941"),
        (Row { infection: "a\nb".into(), ..row() }, "CMT-0941"),
        (Row { at: Timestamp(i64::MAX), ..row() }, "CMT-0941"),
    ] {
        let error = write(&[row(), bad.clone()]).unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), code, "{bad:?}");
        assert!(error.to_string().contains("row 2"), "{error}");
    }
    let error = csv(&MemberId::new("zz").unwrap(), Place::UNKNOWN, &[Row { place: Place::UNKNOWN, ..row() }]);
    assert_eq!(error.unwrap_err().refusal(), Refusal::Agreement);
}

proptest! {
    #[test]
    fn nobody_elses_victim_is_ever_written(places in proptest::collection::vec("[A-C]{2}", 1..20)) {
        let rows: Vec<Row> = places.iter().map(|p| Row { place: place(p), ..row() }).collect();
        let ours = places.iter().all(|p| p == "AB");
        prop_assert_eq!(csv(&MemberId::new("ab").unwrap(), place("AB"), &rows).is_ok(), ours);
    }
}
