//! Writing STIX: required properties by table, ids that stay, and a round trip through our own reader.

use crate::collect;
use exchange::stix::{self, Producer, Written};
use serde_json::Value;
use std::collections::BTreeSet;
use terms::{
    Channel, Confidence, Day, ExhibitId, ExhibitKind, Finding, FindingBody, PartnerId, Place, Timestamp, Tlp,
    Unsealed,
};

fn finding(body: FindingBody) -> Finding {
    Unsealed {
        examiner: "test".into(),
        version: 1,
        confidence: Confidence::new(80),
        reason: "A row of a test.".into(),
        body,
    }
    .seal(vec![ExhibitId::of(b"exhibit")])
}

fn producer(tlp: Tlp) -> Producer {
    Producer {
        partner: PartnerId::new("company").unwrap(),
        name: "Meridian Software".into(),
        at: "2026-03-10T10:00:00.123456Z".parse().unwrap(),
        tlp,
    }
}

fn domain(name: &str) -> Channel {
    Channel::domain(name)
}
fn address(text: &str, port: u16) -> Channel {
    Channel::Address { ip: text.parse().unwrap(), port }
}
fn indicator(kind: &str, value: &str) -> FindingBody {
    FindingBody::Indicator { kind: kind.into(), value: value.into(), label: None }
}

/// One of each kind, with doubles.
fn findings() -> Vec<Finding> {
    let configuration = serde_json::from_value::<FindingBody>(serde_json::json!({
        "type": "configuration", "family": "harbourlight", "campaign": "spring-tide", "variant": "a",
        "channels": [domain("relay-one.com.example"), address("198.18.7.10", 4443), address("2001:db8::9", 443)],
        "dga": null,
    }))
    .unwrap();
    let activity = FindingBody::Activity {
        channel: domain("relay-one.com.example"),
        day: Day(20_514),
        bots: 120,
        addresses: 300,
        places: vec![(Place::UNKNOWN, 120)],
    };
    let beacon = FindingBody::Beacon {
        source: "p:00".into(),
        remote: address("198.18.7.11", 443),
        transport: "tcp".into(),
        connections: 40,
        interval: 60.0,
        score: 0.9,
    };
    let hashes = FindingBody::Hashes {
        digests: vec![
            ("sha256".into(), "ab".repeat(32)),
            ("md5".into(), "cd".repeat(16)),
            ("tlsh".into(), "T1".into()),
        ],
    };
    [
        configuration.clone(),
        configuration,
        activity,
        beacon,
        hashes,
        indicator("domain", "o'brien\\.example"),
        indicator("address", "[2001:db8::1]:443"),
        indicator("hash", &"ab".repeat(20)),
        indicator("url", "http://a.example/x"),
        indicator("address", "198.18.0.0/15"),
        indicator("indicator", "[file:name LIKE 'x']"),
        FindingBody::Format { kind: ExhibitKind::Pe, features: vec![] },
    ]
    .map(finding)
    .into()
}

fn objects(written: &Written) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&written.bytes).unwrap();
    assert_eq!(bundle["type"], "bundle");
    assert!(bundle["id"].as_str().unwrap().starts_with("bundle--"));
    bundle["objects"].as_array().unwrap().clone()
}

/// STIX 2.1: the required properties of each type (sections 3.2, 4, 5, 6 and 7.2.1), written down by hand.
const REQUIRED: &[(&str, &[&str])] = &[
    ("identity", &["spec_version", "created", "modified", "name"]),
    ("malware", &["spec_version", "created", "modified", "is_family", "name"]),
    ("infrastructure", &["spec_version", "created", "modified", "name"]),
    ("indicator", &["spec_version", "created", "modified", "pattern", "pattern_type", "valid_from"]),
    (
        "observed-data",
        &[
            "spec_version",
            "created",
            "modified",
            "first_observed",
            "last_observed",
            "number_observed",
            "object_refs",
        ],
    ),
    (
        "relationship",
        &["spec_version", "created", "modified", "relationship_type", "source_ref", "target_ref"],
    ),
    ("marking-definition", &["spec_version", "created", "extensions"]),
    ("domain-name", &["value"]),
    ("ipv4-addr", &["value"]),
    ("ipv6-addr", &["value"]),
    ("file", &["hashes"]),
];

#[test]
fn every_object_has_what_the_standard_requires() {
    let written = stix::write(&findings(), &producer(Tlp::Amber)).unwrap();
    let all = objects(&written);
    let ids: BTreeSet<&str> = all.iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "an id stands twice");
    let mut kinds = BTreeSet::new();
    for object in &all {
        let kind = object["type"].as_str().unwrap();
        let (_, required) = REQUIRED.iter().find(|(k, _)| *k == kind).expect(kind);
        for property in *required {
            assert!(!object[property].is_null(), "{kind} lacks {property}");
        }
        let uuid = object["id"].as_str().unwrap().strip_prefix(&format!("{kind}--")).unwrap();
        assert_eq!(uuid.len(), 36);
        for time in ["created", "modified", "valid_from", "first_observed", "last_observed"] {
            let Some(time) = object[time].as_str() else { continue };
            assert!(time.len() == 24 && time.ends_with('Z') && time.parse::<Timestamp>().is_ok(), "{time}");
        }
        for (property, value) in object.as_object().unwrap() {
            for reference in references(property, value) {
                assert!(
                    ids.contains(reference),
                    "{kind} {property} points at {reference}, which is not there"
                );
            }
        }
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), REQUIRED.len(), "{kinds:?}");
    assert_eq!(written.left_out, 3);
}

fn references<'v>(property: &str, value: &'v Value) -> Vec<&'v str> {
    match value {
        Value::String(one) if property.ends_with("_ref") => vec![one],
        Value::Array(many) if property.ends_with("_refs") => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_same_findings_give_the_same_bytes_in_any_order() {
    let mut all = findings();
    let first = stix::write(&all, &producer(Tlp::Amber)).unwrap();
    assert_eq!(first, stix::write(&all, &producer(Tlp::Amber)).unwrap());
    let names =
        |w: &Written| objects(w).iter().map(|o| o["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    all.reverse();
    assert_eq!(names(&first), names(&stix::write(&all, &producer(Tlp::Amber)).unwrap()));
}

#[test]
fn each_mark_is_the_published_one() {
    for (tlp, id) in [
        (Tlp::Clear, "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"),
        (Tlp::Green, "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
        (Tlp::Amber, "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
        (Tlp::AmberStrict, "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"),
        (Tlp::Red, "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"),
    ] {
        let written = stix::write(&findings(), &producer(tlp)).unwrap();
        for object in objects(&written).iter().filter(|o| o["type"] != "marking-definition") {
            assert_eq!(object["object_marking_refs"], serde_json::json!([id]));
        }
        assert_eq!(objects(&written)[0]["id"], id);
        assert_eq!(
            objects(&written)[0]["extensions"]["extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"]
                ["tlp_2_0"],
            tlp.word()
        );
    }
}

#[test]
fn our_reader_reads_what_our_writer_wrote() {
    let written = stix::write(&findings(), &producer(Tlp::Green)).unwrap();
    assert_eq!(exchange::recognise(&written.bytes), Some(ExhibitKind::StixBundle));
    let mut summary = exchange::Summary::default();
    let read = collect(|sink| summary = stix::read(&mut written.bytes.as_slice(), sink));
    assert_eq!(summary, exchange::Summary { read: written.objects, unreadable: 0 });
    let values: BTreeSet<(String, String)> = read
        .into_iter()
        .filter_map(|f| match f.body {
            FindingBody::Indicator { kind, value, .. } => Some((kind, value)),
            _ => None,
        })
        .collect();
    let expected = [
        ("domain", "relay-one.com.example".to_owned()),
        ("address", "198.18.7.10".to_owned()),
        ("address", "2001:db8::9".to_owned()),
        ("address", "198.18.7.11".to_owned()),
        ("domain", "o'brien\\.example".to_owned()),
        ("address", "2001:db8::1".to_owned()),
        ("hash", "ab".repeat(20)),
        ("url", "http://a.example/x".to_owned()),
    ];
    assert_eq!(values, expected.map(|(k, v)| (k.to_owned(), v)).into());
}

#[test]
fn a_time_that_stix_cannot_say_is_refused() {
    let late = Producer { at: Timestamp(i64::MAX), ..producer(Tlp::Clear) };
    let error = stix::write(&[], &late).unwrap_err();
    assert!(matches!(error, exchange::ExchangeError::Time { .. }), "{error}");
}
