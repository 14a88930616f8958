//! Accounts: the rules by row, against sums made another way.

use crate::{collect, unreadable};
use exchange::accounts::{self, Book};
use proptest::prelude::*;
use terms::FindingBody;

fn account(name: &str, role: &str) -> String {
    format!(
        r#"{{"schema":"comity.account/1","account":"{name}","institution":"harbour-bank","role":"{role}","opened":"2026-01-03"}}"#
    )
}
fn movement(from: &str, to: &str, cents: i64) -> String {
    format!(
        r#"{{"schema":"comity.transaction/1","at":"2026-03-03T10:00:00Z","from":"{from}","to":"{to}","institution":"harbour-bank","cents":{cents},"memo":"x"}}"#
    )
}
fn credential(name: &str) -> String {
    format!(
        r#"{{"schema":"comity.credential/1","institution":"tidewater-savings","account":"{name}","seen":"2026-03-03T10:00:00Z"}}"#
    )
}

/// Account, role, cents and confidence.
fn stated(lines: &[String]) -> Vec<(String, String, i64, u8)> {
    let text = lines.join("\n");
    collect(|sink| {
        accounts::read(&mut text.as_bytes(), sink);
    })
    .into_iter()
    .filter_map(|f| match f.body {
        FindingBody::Account { account, role, cents, .. } => {
            Some((account, role, cents, f.confidence.percent()))
        }
        _ => None,
    })
    .collect()
}

#[test]
fn the_rules() {
    let lines = [
        account("M1", "mule"),
        account("M2", "mule"),
        account("M3", "mule"),
        account("K1", "collector"),
        account("C1", "client"),
        movement("C1", "M1", 900),
        movement("C2", "M2", 500),
        movement("M1", "K1", 800),
        movement("M1", "U1", 100),
        movement("M2", "U1", 450),
        movement("M2", "U2", 10),
        movement("C2", "U2", 10),
        credential("C2"),
        credential("C9"),
    ];
    let expected = [
        ("K1", "collector", 800, 90),
        ("M1", "mule", 900, 90),
        ("M2", "mule", 500, 90),
        ("M3", "mule", 0, 90),
        ("U1", "collector", 550, 60),
    ];
    let found = stated(&lines);
    let found: Vec<_> = found.iter().map(|(a, r, c, p)| (a.as_str(), r.as_str(), *c, *p)).collect();
    assert_eq!(found, expected);
}

#[test]
fn credentials_are_counted_and_named_in_no_finding() {
    let text = [credential("C2"), credential("C9"), credential("C9"), credential("")].join("\n");
    let findings = collect(|sink| {
        accounts::read(&mut text.as_bytes(), sink);
    });
    assert!(!serde_json::to_string(&findings).unwrap().contains("C9"));
    let counts = findings.iter().find_map(|f| match &f.body {
        FindingBody::Format { features, .. } => Some(features.clone()),
        _ => None,
    });
    assert!(counts.unwrap().contains(&("credentials at tidewater-savings".into(), "3".into())));
    let named: Vec<_> = accounts::credentials(&mut text.as_bytes()).into_iter().map(|c| c.account).collect();
    assert_eq!(named, ["C2", "C9"]);
}

#[test]
fn bad_lines_are_listed_and_the_rest_counts() {
    let lines = [
        account("M1", "mule"),
        movement("C1", "M1", 0),
        movement("C1", "M1", -5),
        movement("M1", "M1", 5),
        movement("", "M1", 5),
        "{}".into(),
        r#"{"schema":"comity.other/1"}"#.into(),
        "nonsense".into(),
        movement("C1", "M1", i64::MAX),
        movement("C1", "M1", i64::MAX),
    ];
    let text = lines.join("\r\n");
    let findings = collect(|sink| {
        accounts::read(&mut text.as_bytes(), sink);
    });
    let at: Vec<_> = unreadable(&findings).into_iter().map(|(code, at, _)| (code, at)).collect();
    let expected: Vec<_> = (2..=8).map(|n| ("CMT-0901".to_owned(), format!("line {n}"))).collect();
    assert_eq!(at, expected);
    assert_eq!(stated(&lines), [("M1".into(), "mule".into(), i64::MAX, 90)]);
}

#[test]
fn a_book_sums_over_exhibits() {
    let mut book = Book::default();
    let mut listed = 0;
    for part in [account("M1", "mule"), movement("C1", "M1", 5), movement("M1", "K", 4)] {
        book.add(&mut part.as_bytes(), &mut |_| listed += 1);
    }
    let findings = collect(|sink| book.findings(sink));
    assert_eq!((listed, findings.len()), (0, 1));
    assert!(
        findings[0].reason.contains("In: 0.05 in 1 movements; out: 0.04 in 1."),
        "{}",
        findings[0].reason
    );
}

proptest! {
    #[test]
    fn a_mules_sum_is_the_larger_of_in_and_out(moves in proptest::collection::vec((0u8..4, 0u8..4, 1i64..1000), 0..40)) {
        let mut lines: Vec<String> = (0..4).map(|n| account(&format!("A{n}"), "mule")).collect();
        let moves: Vec<_> = moves.into_iter().filter(|(f, t, _)| f != t).collect();
        lines.extend(moves.iter().map(|(f, t, c)| movement(&format!("A{f}"), &format!("A{t}"), *c)));
        for (account, _, cents, _) in stated(&lines) {
            let n: u8 = account[1..].parse().unwrap();
            let sum = |pick: fn(&(u8, u8, i64)) -> u8| moves.iter().filter(|m| pick(m) == n).map(|m| m.2).sum::<i64>();
            prop_assert_eq!(cents, sum(|m| m.0).max(sum(|m| m.1)));
        }
    }
}
