//! Noisy counts of a partner: one form, every other refused.

use exchange::counts::Counts;
use miette::Diagnostic as _;
use serde_json::{Value, json};

fn good() -> Value {
    json!({
        "schema": "comity.noisy-counts/1", "span": "2026-03", "period": "month", "unit": "bot", "epsilon": 100_000,
        "sensitivity": 1, "error": 30, "confidence": 95, "counted": "2026-03-09T12:00:00Z",
        "places": [["DE", 1003], ["FR", 0], ["ZZ", 12]],
    })
}

#[test]
fn good_counts_read_and_are_written_the_same() {
    let counts = Counts::parse(good().to_string().as_bytes()).unwrap();
    let item = counts.item("noisy-counts.json").unwrap();
    assert_eq!((item.records, Counts::parse(&item.bytes).unwrap()), (3, counts));
}

#[test]
fn what_breaks_a_bound_is_refused() {
    let many: Vec<Value> = (0..700u32)
        .map(|n| {
            json!([format!("{}{}", (b'A' + (n / 26) as u8) as char, (b'A' + (n % 26) as u8) as char), 1])
        })
        .collect();
    for (member, value) in [
        ("schema", json!("comity.noisy-counts/2")),
        ("span", json!("")),
        ("span", json!("../../etc/passwd")),
        ("period", json!("year")),
        ("unit", json!("country")),
        ("epsilon", json!(0)),
        ("epsilon", json!(-1)),
        ("epsilon", json!(0.1)),
        ("sensitivity", json!(0)),
        ("confidence", json!(100)),
        ("places", json!([])),
        ("places", json!([["FR", 1], ["DE", 1]])),
        ("places", json!([["DE", 1], ["DE", 1]])),
        ("places", json!([["DE", -1]])),
        ("places", json!([["Germany", 1]])),
        ("places", json!(many)),
        ("other", json!(1)),
    ] {
        let mut text = good();
        text[member] = value.clone();
        let refused = Counts::parse(text.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-0933", "{member}: {value}");
    }
    let long = format!("{}{}", " ".repeat(70_000), good());
    for bad in [long.as_str(), "", "[]", "{}"] {
        assert!(Counts::parse(bad.as_bytes()).is_err());
    }
}
