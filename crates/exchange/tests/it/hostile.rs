//! Hostile input to every reader: nothing panics, every record is read or listed.

use crate::{collect, unreadable};
use exchange::{MAX_LISTED, Summary, examine};
use proptest::prelude::*;
use terms::ExhibitKind;

const KINDS: &[ExhibitKind] = &[
    ExhibitKind::StixBundle,
    ExhibitKind::DomainList,
    ExhibitKind::AssetRegister,
    ExhibitKind::Accounts,
    ExhibitKind::Authority,
    ExhibitKind::Compulsion,
    ExhibitKind::CovertList,
];

/// A good line or document of each kind of JSON.
const GOOD: &[&str] = &[
    r#"{"schema":"comity.asset/1","asset":"com.example","class":"domain","place":"DE","standing":"shared","holder":"h","source":"s"}"#,
    r#"{"schema":"comity.account/1","account":"A","institution":"b","role":"mule","opened":"2026-01-03"}"#,
    r#"{"schema":"comity.transaction/1","at":"2026-03-03T10:00:00Z","from":"A","to":"B","institution":"b","cents":5}"#,
    r#"{"schema":"comity.covert/1","asset":"a.example","contact":"c","answer":"contact"}"#,
    r#"{"schema":"comity.authority/1","id":"o","issuer":"c","kind":"order","holder":"police","instrument":"seize","class":"server","targets":["*"],"places":["DE"],"offence":"x","from":"2026-03-05","until":"2026-04-05"}"#,
    r#"{"schema":"comity.compulsion/1","id":"o","issuer":"c","instrument":"subpoena","offence":"x","addressee":"a","to":"b","purpose":"investigation","categories":["victim-ip"],"places":["DE"],"from":"2026-03-05","until":"2026-04-05"}"#,
    r#"{"type":"bundle","objects":[{"type":"malware","id":"malware--1"}]}"#,
    "relay-one.com.example",
];

fn all_kinds(bytes: &[u8]) -> Result<(), TestCaseError> {
    exchange::recognise(bytes);
    for kind in KINDS {
        let mut summary = Summary::default();
        let findings = collect(|sink| summary = examine(*kind, &mut &*bytes, sink).unwrap());
        let listed: u64 = unreadable(&findings).iter().map(|(_, _, n)| n).sum();
        prop_assert_eq!(listed, summary.unreadable, "{}", kind);
        prop_assert!(findings.iter().all(|f| !f.reason.is_empty()));
        prop_assert!(unreadable(&findings).len() as u64 <= MAX_LISTED + 1);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        all_kinds(&bytes)?;
    }

    #[test]
    fn good_lines_with_changed_bytes(
        lines in proptest::collection::vec(prop::sample::select(GOOD), 1..8),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = lines.join("\n").into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all_kinds(&bytes[..=cut.index(bytes.len())])?;
    }

    #[test]
    fn a_bad_line_costs_itself(before in 0usize..5, after in 0usize..5, bad in "[^\n{]{1,60}") {
        prop_assume!(!bad.trim().is_empty());
        let good = |n: usize| vec![GOOD[0]; n];
        let text = [good(before), vec![bad.as_str()], good(after)].concat().join("\n");
        let mut summary = Summary::default();
        let findings = collect(|sink| {
            summary = examine(ExhibitKind::AssetRegister, &mut text.as_bytes(), sink).unwrap();
        });
        prop_assert_eq!(summary, Summary { read: (before + after) as u64, unreadable: 1 });
        prop_assert_eq!(&unreadable(&findings)[0].1, &format!("line {}", before + 1));
    }
}
