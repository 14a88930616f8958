//! What others told the company: a STIX 2.1 bundle (OASIS, 2021) and a plain list of domains.

use crate::{
    ExerciseError, SampleTruth,
    channels::{DEDICATED, FAMILY},
    dice::{Dice, key},
    out::Folder,
};
use serde_json::{Value, json};

/// TLP:GREEN, as the standard predefines it (STIX 2.1 section 7.2.1.4).
const GREEN: &str = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
const CREATED: &str = "2026-03-01T09:00:00.000Z";

/// A harmless name that a partner's feed lists by mistake.
pub(crate) const FALSE_POSITIVE: &str = "cdn-07.skylark.example";
/// Names of other botnets, which this operation is not about.
pub(crate) const OTHERS: [&str; 5] = [
    "cinder-gate.net.example",
    "hollow-fern.org.example",
    "marsh-lamp.biz.example",
    "slate-echo.com.example",
    "tin-orchard.net.example",
];

/// Writes both feeds.
pub(crate) fn write(folder: &Folder, seed: u64, samples: &[SampleTruth]) -> Result<(), ExerciseError> {
    let mut dice = Dice::new(key(seed, "feeds"), 0, 0);
    let mut id = |kind: &str| format!("{kind}--{}", dice.uuid());
    let (author, malware) = (id("identity"), id("malware"));
    let common = |kind: &str, id: &str| {
        json!({"type": kind, "spec_version": "2.1", "id": id, "created_by_ref": author, "created": CREATED,
               "modified": CREATED, "object_marking_refs": [GREEN]})
    };
    let with = |mut base: Value, more: Value| {
        if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
            base.extend(more);
        }
        base
    };
    let mut objects = vec![
        json!({"type": "marking-definition", "spec_version": "2.1", "id": GREEN,
               "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": "TLP:GREEN",
               "definition": {"tlp": "green"}}),
        json!({"type": "identity", "spec_version": "2.1", "id": author, "created": CREATED, "modified": CREATED,
               "name": "Northlight Research", "identity_class": "organization"}),
        with(
            common("malware", &malware),
            json!({"name": FAMILY, "is_family": true, "malware_types": ["bot"]}),
        ),
    ];
    let hash = samples.iter().find(|s| s.group.is_some()).map_or("", |s| s.sha256.as_str());
    let rows = [
        ("harbourlight name", "[domain-name:value = 'sync-two.net.example']".to_owned(), 80),
        ("harbourlight name", "[domain-name:value = 'relay-one.com.example']".to_owned(), 75),
        ("harbourlight server", format!("[ipv4-addr:value = '{DEDICATED}']"), 70),
        ("harbourlight sample", format!("[file:hashes.'SHA-256' = '{hash}']"), 90),
        ("seen beside harbourlight, not checked", format!("[domain-name:value = '{FALSE_POSITIVE}']"), 10),
    ];
    for (name, pattern, confidence) in rows {
        let (indicator, link) = (id("indicator"), id("relationship"));
        objects.push(with(
            common("indicator", &indicator),
            json!({"name": name, "indicator_types": ["malicious-activity"], "pattern": pattern, "pattern_type": "stix",
                   "valid_from": CREATED, "confidence": confidence}),
        ));
        if confidence >= 50 {
            objects.push(with(
                common("relationship", &link),
                json!({"relationship_type": "indicates", "source_ref": indicator, "target_ref": malware}),
            ));
        }
    }
    let bundle = json!({"type": "bundle", "id": id("bundle"), "objects": objects});
    folder.json("company/feeds/partner-indicators.stix.json", &bundle)?;
    let mut names: Vec<&str> = OTHERS.to_vec();
    names.extend(["beacon-three.org.example", "relay-one.com.example", "sync-two.net.example"]);
    names.sort_unstable();
    folder.write("company/feeds/domains.txt", format!("{}\n", names.join("\n")).as_bytes())
}
