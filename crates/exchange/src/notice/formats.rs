//! The rows of a notice in the formats of others. All rows were checked before: no text in them needs an escape.

use super::{Notice, Victim, instant};
use crate::stix::id;
use crate::victims::second;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use terms::Timestamp;

/// CSV with the columns of Shadowserver's sinkhole reports, and `code` behind them.
pub(super) fn shadowserver(rows: &[Victim]) -> Vec<u8> {
    let mut out = String::from(
        "\"timestamp\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"dst_host\",\"infection\",\"family\",\"code\"\n",
    );
    for row in rows {
        let family = row.infection.split('/').next().unwrap_or_default();
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            out,
            "\"{}\",\"{}\",{},{},\"{}\",\"{}\",\"{}\",\"{family}\",\"{}\"",
            second(row.at).unwrap_or_default(),
            row.source,
            row.port.map(|p| p.to_string()).unwrap_or_default(),
            row.network,
            row.place,
            row.channel,
            row.infection,
            row.code,
        );
    }
    out.into_bytes()
}

/// XARF 4.0.0, category `infrastructure`, type `botnet`: one report a line, one line a row.
pub(super) fn xarf(notice: &Notice<'_>, rows: &[Victim]) -> Vec<u8> {
    let domain = notice.contact.rsplit('@').next().unwrap_or_default();
    let organisation = json!({ "org": notice.from_name, "contact": notice.contact, "domain": domain });
    let mut out = Vec::new();
    for row in rows {
        let mut report = json!({
            "xarf_version": "4.0.0",
            "report_id": uuid(&id::own("xarf", notice.from.as_str(), &subject(notice, row))),
            "timestamp": instant(row.at),
            "reporter": organisation,
            "sender": organisation,
            "source_identifier": row.source,
            "category": "infrastructure",
            "type": "botnet",
            "evidence_source": "traffic_analysis",
            "compromise_evidence": "the machine called a channel of the botnet that a sinkhole answers",
            "malware_family": row.infection,
            "last_seen": instant(row.at),
        });
        if let Some(port) = row.port {
            put(&mut report, "source_port", port.into());
        }
        if !row.channel.is_empty() {
            put(&mut report, "c2_server", row.channel.as_str().into());
        }
        out.extend(report.to_string().into_bytes());
        out.push(b'\n');
    }
    out
}

/// STIX 2.1: one `observed-data` a row, over the machine's address and its traffic; marked TLP:AMBER+STRICT.
pub(super) fn stix(notice: &Notice<'_>, rows: &[Victim]) -> Vec<u8> {
    const STRICT: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";
    let at = millis(notice.at);
    let from = notice.from.as_str();
    let identity = id::own("identity", from, from);
    let mut objects: BTreeMap<String, Value> = BTreeMap::new();
    objects.insert(
        identity.clone(),
        json!({ "type": "identity", "spec_version": "2.1", "id": identity, "created": at, "modified": at,
            "name": notice.from_name, "identity_class": "organization" }),
    );
    for row in rows {
        let kind = if row.source.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" };
        let address = id::observable(kind, "value", &row.source.to_string());
        objects.entry(address.clone()).or_insert_with(
            || json!({ "type": kind, "spec_version": "2.1", "id": address, "value": row.source }),
        );
        let subject = subject(notice, row);
        let traffic = id::own("network-traffic", from, &subject);
        let mut seen = json!({ "type": "network-traffic", "spec_version": "2.1", "id": traffic, "start": millis(row.at),
            "src_ref": address, "protocols": ["tcp"] });
        if let Some(port) = row.port {
            put(&mut seen, "src_port", port.into());
        }
        let observed = id::own("observed-data", from, &subject);
        let body = json!({ "type": "observed-data", "spec_version": "2.1", "id": observed, "created_by_ref": identity,
            "created": at, "modified": at, "first_observed": millis(row.at), "last_observed": millis(row.at),
            "number_observed": 1, "object_refs": [address, traffic], "labels": [row.infection],
            "object_marking_refs": [STRICT] });
        objects.insert(traffic, seen);
        objects.insert(observed, body);
    }
    let id = id::own("bundle", from, &format!("{} {} {}", notice.to, at, rows.len()));
    let objects: Vec<Value> = objects.into_values().collect();
    json!({ "type": "bundle", "id": id, "objects": objects }).to_string().into_bytes()
}

/// A MISP event: one object `network-connection` a row, for the recipient's organisation alone (distribution 0).
pub(super) fn misp(notice: &Notice<'_>, rows: &[Victim]) -> Vec<u8> {
    let from = notice.from.as_str();
    let stamp = seconds(notice.at);
    // A victim's address is no sign of an attacker: it must never reach a block list (`to_ids`).
    let attribute = |kind: &str, relation: &str, value: Value| {
        json!({ "type": kind, "category": "Network activity", "object_relation": relation, "value": value,
            "to_ids": false, "distribution": "0", "timestamp": stamp })
    };
    let objects: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut attributes = vec![
                attribute("ip-src", "ip-src", json!(row.source)),
                attribute("datetime", "first-packet-seen", json!(instant(row.at))),
            ];
            if let Some(port) = row.port {
                attributes.push(attribute("port", "src-port", json!(port.to_string())));
            }
            json!({ "name": "network-connection", "meta-category": "network", "distribution": "0", "timestamp": stamp,
                "comment": row.infection,
                "uuid": uuid(&id::own("misp-object", from, &subject(notice, row))), "Attribute": attributes })
        })
        .collect();
    let day = notice.at.day().to_string();
    json!({ "Event": {
        "uuid": uuid(&id::own("misp-event", from, &format!("{} {}", notice.to, instant(notice.at)))),
        "info": "Infected machines in your networks", "date": day, "timestamp": stamp, "analysis": "2",
        "threat_level_id": "2", "distribution": "0", "published": false,
        "Orgc": { "name": notice.from_name, "uuid": uuid(&id::own("organisation", from, from)) },
        "Tag": [{ "name": "tlp:amber+strict" }],
        "Object": objects,
    } })
    .to_string()
    .into_bytes()
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// What one row is, so that its objects have the same names however often it is written.
fn subject(notice: &Notice<'_>, row: &Victim) -> String {
    format!(
        "{} {} {} {:?} {} {}",
        notice.to,
        instant(row.at),
        row.source,
        row.port,
        row.infection,
        row.channel
    )
}

fn uuid(id: &str) -> &str {
    id.split_once("--").map_or(id, |(_, uuid)| uuid)
}

/// Seconds since 1970, as MISP writes them.
fn seconds(at: Timestamp) -> String {
    at.0.div_euclid(terms::MICROS_PER_SECOND).to_string()
}

/// A time to the second, as STIX writes it.
fn millis(at: Timestamp) -> String {
    instant(at).replace('Z', ".000Z")
}
