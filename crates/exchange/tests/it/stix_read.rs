//! Reading STIX: rows, and what a broken bundle keeps.

use crate::{collect, unreadable};
use exchange::{Summary, stix};
use proptest::prelude::*;
use std::io::Read;
use terms::{FindingBody, Unsealed};

fn read(text: &[u8]) -> (Vec<Unsealed>, Summary) {
    let mut summary = Summary::default();
    let findings = collect(|sink| summary = stix::read(&mut &*text, sink));
    (findings, summary)
}

fn ids(findings: &[Unsealed]) -> Vec<String> {
    findings
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::StixObject { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect()
}

fn object(n: usize) -> String {
    format!(
        r#"{{"type":"malware","id":"malware--{n}","name":"fam \"{n}\" }} ]","is_family":true,"x":[[{{}}],null]}}"#
    )
}

fn bundle(n: usize) -> String {
    let objects: Vec<String> = (0..n).map(object).collect();
    format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{}],"spec_version":"2.0"}}"#, objects.join(", "))
}

#[test]
fn objects_arrive_in_order_with_their_names() {
    let (findings, summary) = read(bundle(3).as_bytes());
    assert_eq!(summary, Summary { read: 3, unreadable: 0 });
    assert_eq!(ids(&findings), ["malware--0", "malware--1", "malware--2"]);
    let expected = FindingBody::StixObject {
        id: "malware--1".into(),
        object: "malware".into(),
        name: Some("fam \"1\" } ]".into()),
    };
    assert_eq!(findings[1].body, expected);
}

#[test]
fn an_indicator_names_what_it_compares() {
    let text = r#"{"objects":[{"type":"indicator","id":"indicator--1","name":"C2","confidence":85,
        "pattern_type":"stix","pattern":"[domain-name:value = 'A.Example'] OR [file:hashes.MD5 = 'AB']"},
        {"type":"indicator","id":"indicator--2","pattern_type":"yara","pattern":"rule r { condition: false }"},
        {"type":"indicator","id":"indicator--3","pattern":"[file:name LIKE 'x%']"},
        {"type":"indicator","id":"indicator--4"}]}"#;
    let (findings, summary) = read(text.as_bytes());
    let named: Vec<_> = findings
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::Indicator { kind, value, label } => {
                Some((kind.as_str(), value.as_str(), label.as_deref(), f.confidence.percent()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        named,
        [
            ("domain", "a.example", Some("C2"), 85),
            ("hash", "ab", Some("C2"), 85),
            ("indicator", "rule r { condition: false }", None, 50),
            ("indicator", "[file:name LIKE 'x%']", None, 50),
        ]
    );
    // An indicator without a pattern arrives, and what is missing is said.
    assert_eq!(summary, Summary { read: 4, unreadable: 1 });
}

#[test]
fn a_bad_object_costs_itself() {
    let good = object(7);
    for (bad, code) in [
        ("17", "CMT-0903"),
        ("null", "CMT-0903"),
        ("{}", "CMT-0903"),
        (r#"{"type":"x"}"#, "CMT-0903"),
        (r#"{"type":"x","id":"y--1"}"#, "CMT-0903"),
        (r#"{"type":"x","id":"x--"}"#, "CMT-0903"),
        (r#"{"type":"","id":"--1"}"#, "CMT-0903"),
        (r#"{"type":"x","id":5}"#, "CMT-0903"),
        (r#"{"type":"x","id":"x--1","type":"x"}"#, "CMT-0903"),
        (r#"{"type":"x" "id":"x--1"}"#, "CMT-0903"),
        (r#"{"type":"x","id":"x--\q"}"#, "CMT-0903"),
        (r#"[{"type":"x","id":"x--1"}]"#, "CMT-0903"),
    ] {
        let text = format!(r#"{{"objects":[{good},{bad},{good}]}}"#);
        let (findings, summary) = read(text.as_bytes());
        assert_eq!(summary, Summary { read: 2, unreadable: 1 }, "{bad}");
        assert_eq!(unreadable(&findings), [(code.to_owned(), "object 1".to_owned(), 1)], "{bad}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!(r#"{{"type":"x","id":"x--1","d":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let large = format!(r#"{{"type":"x","id":"x--1","d":"{}"}}"#, "a".repeat(stix::MAX_OBJECT));
    let text = format!(r#"{{"objects":[{deep},{large},{}]}}"#, object(1));
    let (findings, summary) = read(text.as_bytes());
    assert_eq!(ids(&findings), ["malware--1"]);
    assert_eq!(summary, Summary { read: 1, unreadable: 2 });
    let codes: Vec<_> = unreadable(&findings).into_iter().map(|(code, at, _)| (code, at)).collect();
    assert_eq!(codes, [("CMT-0904".into(), "object 0".into()), ("CMT-0904".into(), "object 1".into())]);
}

#[test]
fn other_shapes() {
    assert_eq!(read(b"{}").1, Summary::default());
    assert_eq!(read(br#"{"type":"bundle","objects":[]}"#).1, Summary::default());
    assert_eq!(read(b"[]").1, Summary::default());
    assert_eq!(read(format!("[{}]", object(0)).as_bytes()).1, Summary { read: 1, unreadable: 0 });
    // `objects` written with an escape is the same name; twice is read twice.
    let twice = format!(r#"{{"\u006fbjects":[{}],"objects":[{}]}}"#, object(0), object(1));
    assert_eq!(ids(&read(twice.as_bytes()).0), ["malware--0", "malware--1"]);
    for broken in ["", "{", "nonsense", "{\"objects\":[}", "{} {}", "{\"objects\":[1 2]}", "[\"\n\"]"] {
        let (findings, _) = read(broken.as_bytes());
        let last = unreadable(&findings).pop().unwrap();
        assert_eq!(last.0, "CMT-0905", "{broken}");
    }
}

/// Gives a few bytes at a time, and fails at the end.
struct Slow<'a>(&'a [u8]);
impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Err(std::io::Error::other("the disk is gone"));
        }
        let n = buf.len().min(7).min(self.0.len());
        let (now, later) = self.0.split_at(n);
        buf[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}

#[test]
fn a_source_that_fails_keeps_what_came_before() {
    let text = bundle(5);
    let mut summary = Summary::default();
    let findings = collect(|sink| summary = stix::read(&mut Slow(&text.as_bytes()[..text.len() / 2]), sink));
    assert_eq!(ids(&findings), ["malware--0", "malware--1"]);
    assert_eq!(unreadable(&findings).len(), 1);
    assert!(findings.last().unwrap().reason.contains("the disk is gone"));
}

proptest! {
    #[test]
    fn a_truncated_bundle_keeps_every_whole_object(n in 1usize..6, cut in any::<prop::sample::Index>()) {
        let text = bundle(n);
        let cut = cut.index(text.len());
        let (findings, summary) = read(&text.as_bytes()[..cut]);
        let whole = (0..n).filter(|i| {
            let end = text.find(&object(*i)).unwrap() + object(*i).len();
            end <= cut
        }).count() as u64;
        prop_assert_eq!(summary, Summary { read: whole, unreadable: 1 });
        prop_assert_eq!(&unreadable(&findings)[0].0, "CMT-0905");
    }

    #[test]
    fn a_mutated_bundle_keeps_the_objects_before_the_change(
        n in 1usize..6, at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let text = bundle(n);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (findings, _) = read(&bytes);
        let before = (0..n).filter(|i| text.find(&object(*i)).unwrap() + object(*i).len() <= at).count();
        let start = text.find('[').unwrap();
        let kept = ids(&findings);
        if at > start {
            let expected: Vec<String> = (0..before).map(|i| format!("malware--{i}")).collect();
            prop_assert_eq!(&kept[..before], expected.as_slice());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
        exchange::recognise(&bytes);
    }

    #[test]
    fn no_json_like_text_panics(text in r#"[\[\]{}":,a\\ 1\n]{0,200}"#) {
        read(text.as_bytes());
        exchange::recognise(text.as_bytes());
    }
}
