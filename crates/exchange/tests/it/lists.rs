//! Plain lists: one row, one line.

use crate::{collect, unreadable};
use exchange::{Summary, list};
use proptest::prelude::*;
use terms::FindingBody;

/// Kind, value and label.
type Named = (String, String, Option<String>);
type Row<'a> = (&'a str, Option<(&'a str, &'a str, Option<&'a str>)>);

fn indicators(text: &[u8]) -> (Vec<Named>, Vec<(String, String, u64)>, Summary) {
    let mut summary = Summary::default();
    let findings = collect(|sink| summary = list::read(&mut &*text, sink));
    let named = findings
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::Indicator { kind, value, label } => {
                Some((kind.clone(), value.clone(), label.clone()))
            }
            _ => None,
        })
        .collect();
    (named, unreadable(&findings), summary)
}

#[test]
fn one_line_names_one_thing_in_one_spelling() {
    let rows: &[Row<'_>] = &[
        ("Relay-One.COM.example.", Some(("domain", "relay-one.com.example", None))),
        ("relay[.]com[.]example", Some(("domain", "relay.com.example", None))),
        ("_dmarc.a.example", Some(("domain", "_dmarc.a.example", None))),
        ("xn--bcher-kva.xn--p1ai", Some(("domain", "xn--bcher-kva.xn--p1ai", None))),
        ("198.18.7.10 # server", Some(("address", "198.18.7.10", None))),
        ("198.18.7.10:4443", Some(("address", "198.18.7.10:4443", None))),
        ("[2001:DB8::1]:443", Some(("address", "[2001:db8::1]:443", None))),
        ("2001:0db8:0:0::1", Some(("address", "2001:db8::1", None))),
        ("198.18.0.0/15", Some(("address", "198.18.0.0/15", None))),
        ("2001:db8::/32", Some(("address", "2001:db8::/32", None))),
        ("D41D8CD98F00B204E9800998ECF8427E", Some(("hash", "d41d8cd98f00b204e9800998ecf8427e", None))),
        (
            "da39a3ee5e6b4b0d3255bfef95601890afd80709  a b.bin",
            Some(("hash", "da39a3ee5e6b4b0d3255bfef95601890afd80709", Some("a b.bin"))),
        ),
        ("198.18.0.0/33", None),
        ("198.18.0.0/+8", None),
        ("198.18.0.0/08x", None),
        ("198.18.7.10:99999", None),
        ("localhost", None),
        ("-a.example", None),
        ("a..example", None),
        ("a.b1", None),
        ("two words.example", None),
        ("d41d8cd98f00b204e9800998ecf8427", None),
    ];
    for (line, expected) in rows {
        let (found, bad, summary) = indicators(line.as_bytes());
        let found: Vec<_> = found.iter().map(|(k, v, l)| (k.as_str(), v.as_str(), l.as_deref())).collect();
        assert_eq!(found, expected.iter().copied().collect::<Vec<_>>(), "{line}");
        let left = u64::from(expected.is_none());
        assert_eq!(summary, Summary { read: 1 - left, unreadable: left }, "{line}");
        assert_eq!(bad.len() as u64, left, "{line}");
    }
}

#[test]
fn a_line_of_many_megabytes_costs_itself() {
    let mut text = b"a.example\n".to_vec();
    text.resize(8 << 20, b'x');
    text.extend_from_slice(b"\nb.example\n\xff\xfe\nc.example");
    let (found, bad, summary) = indicators(&text);
    let values: Vec<_> = found.iter().map(|(_, v, _)| v.as_str()).collect();
    assert_eq!(values, ["a.example", "b.example", "c.example"]);
    let codes: Vec<_> = bad.iter().map(|(code, at, n)| (code.as_str(), at.as_str(), *n)).collect();
    assert_eq!(codes, [("CMT-0902", "line 2", 1), ("CMT-0901", "line 4", 1)]);
    assert_eq!(summary, Summary { read: 3, unreadable: 2 });
}

#[test]
fn many_bad_lines_are_counted_and_not_listed_for_ever() {
    let text = "no\n".repeat(1_500);
    let (_, bad, summary) = indicators(text.as_bytes());
    assert_eq!(summary.unreadable, 1_500);
    assert_eq!(bad.len(), 1_001);
    assert_eq!(bad.last().map(|(c, _, n)| (c.as_str(), *n)), Some(("CMT-0907", 500)));
}

proptest! {
    #[test]
    fn every_line_is_read_or_listed(lines in proptest::collection::vec("[ -~]{0,40}", 0..40)) {
        let text = lines.join("\n");
        let (found, bad, summary) = indicators(text.as_bytes());
        let full = lines.iter().filter(|l| !l.split('#').next().unwrap().trim().is_empty()).count() as u64;
        prop_assert_eq!(summary.read + summary.unreadable, full);
        prop_assert_eq!(found.len() as u64, summary.read);
        prop_assert_eq!(bad.len() as u64, summary.unreadable);
    }
    #[test]
    fn a_value_reads_back_as_itself(bytes in any::<[u8; 4]>(), port in 1u16.., bits in 0u8..=32) {
        let ip = std::net::Ipv4Addr::from(bytes);
        for text in [format!("{ip}"), format!("{ip}:{port}"), format!("{ip}/{bits}")] {
            let (found, _, _) = indicators(text.as_bytes());
            prop_assert_eq!(&found, &vec![("address".to_owned(), text.clone(), None)]);
        }
    }
}
