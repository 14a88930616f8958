//! Authority documents and asset registers: what reads, and every refusal.

use crate::{collect, unreadable};
use exchange::{authority, examine};
use serde_json::{Value, json};
use terms::{ExhibitKind, FindingBody};

fn document() -> Value {
    json!({
        "schema": "comity.authority/1", "id": "order-de-114", "issuer": "District Court of Harbourstadt", "kind": "order",
        "holder": "police", "member": "de", "instrument": "seize", "class": "server", "targets": ["198.18.7.10"],
        "places": ["DE"], "offence": "computer-sabotage", "served": "2026-03-05T09:00:00Z",
        "from": "2026-03-05T00:00:00Z", "until": "2026-04-05T00:00:00Z",
    })
}

fn with(key: &str, value: Value) -> Vec<u8> {
    let mut document = document();
    document[key] = value;
    document.to_string().into_bytes()
}

#[test]
fn a_document_reads_and_says_its_main_words() {
    let doc = authority::parse(document().to_string().as_bytes()).unwrap();
    assert_eq!((doc.id.as_str(), doc.targets.len()), ("order-de-114", 1));
    assert!(authority::parse(&with("served", Value::Null)).unwrap().served.is_none());
    let text = serde_json::to_string_pretty(&document()).unwrap();
    let findings = collect(|sink| {
        examine(ExhibitKind::Authority, &mut text.as_bytes(), sink).unwrap();
    });
    assert_eq!(findings.len(), 1);
    let FindingBody::Format { kind, features } = &findings[0].body else { panic!("{findings:?}") };
    assert_eq!(*kind, ExhibitKind::Authority);
    assert!(features.contains(&("until".into(), "2026-04-05T00:00:00Z".into())));
}

#[test]
fn every_refusal() {
    for bad in [
        with("schema", json!("comity.authority/2")),
        with("id", json!("")),
        with("issuer", json!("a\nb")),
        with("kind", json!("wish")),
        with("instrument", json!("hack-back")),
        with("targets", json!([])),
        with("targets", json!([""])),
        with("places", json!([])),
        with("places", json!(["Germany"])),
        with("until", json!("2026-03-05T00:00:00Z")),
        with("from", json!("yesterday")),
        with("more", json!(1)),
        document().to_string().into_bytes()[..100].to_vec(),
        vec![b' '; authority::MAX_DOCUMENT + 1],
        b"\xff".to_vec(),
    ] {
        assert!(authority::parse(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
        let findings = collect(|sink| {
            examine(ExhibitKind::Authority, &mut bad.as_slice(), sink).unwrap();
        });
        assert_eq!(unreadable(&findings), [("CMT-0950".to_owned(), "the document".to_owned(), 1)]);
    }
}

#[test]
fn a_register_gives_a_finding_a_line() {
    let sheet = |asset: &str, class: &str, schema: &str| {
        json!({
            "schema": schema, "asset": asset, "class": class, "place": "DE", "standing": "shared",
            "holder": "Pier Hosting", "tenants": 143, "source": "the hoster's answer",
        })
        .to_string()
    };
    let text = [
        sheet("com.example", "domain", "comity.asset/1"),
        sheet("HB-00012345", "account", "comity.asset/1"),
        sheet("COM.example", "domain", "comity.asset/1"),
        sheet("", "domain", "comity.asset/1"),
        sheet("198.18.7.10", "server", "comity.asset/2"),
        sheet("198.18.7.10", "castle", "comity.asset/1"),
        String::new(),
        sheet("198.18.7.10", "server", "comity.asset/1"),
    ]
    .join("\n");
    let findings = collect(|sink| {
        examine(ExhibitKind::AssetRegister, &mut text.as_bytes(), sink).unwrap();
    });
    let assets: Vec<_> = findings
        .iter()
        .filter_map(|f| match &f.body {
            FindingBody::Asset { sheet } => Some((sheet.asset.as_str(), sheet.tenants)),
            _ => None,
        })
        .collect();
    assert_eq!(assets, [("com.example", 143), ("HB-00012345", 143), ("198.18.7.10", 143)]);
    let at: Vec<_> = unreadable(&findings).into_iter().map(|(_, at, _)| at).collect();
    assert_eq!(at, ["line 3", "line 4", "line 5", "line 6"]);
}

#[test]
fn kinds_of_others_are_not_examined() {
    for kind in ExhibitKind::ALL {
        let ours = examine(*kind, &mut b"".as_slice(), &mut |_| {}).is_some();
        let expected = [
            ExhibitKind::StixBundle,
            ExhibitKind::DomainList,
            ExhibitKind::AddressList,
            ExhibitKind::HashList,
            ExhibitKind::AssetRegister,
            ExhibitKind::Accounts,
            ExhibitKind::Authority,
            ExhibitKind::Compulsion,
            ExhibitKind::CovertList,
        ]
        .contains(kind);
        assert_eq!(ours, expected, "{kind}");
    }
}
