//! Findings as a STIX 2.1 bundle.
//!
//! Here: malware, infrastructure, indicators, observed data, observables, relationships, the producer's identity and
//! the TLP 2.0 marking (OASIS `cti-stix-common-objects`, extension `tlp-2.0`). The same findings, producer and time
//! give the same bytes. Left out, and counted: findings that speak of a host, an account, an asset or of the exhibit's
//! own form, for which the standard has no object that would not say more than the finding does.
//! Bounds: the caller's findings.

use super::id;
use crate::ExchangeError;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::IpAddr};
use terms::{Channel, Finding, FindingBody, MICROS_PER_DAY, MICROS_PER_SECOND, PartnerId, Timestamp, Tlp};

const TLP_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// Who writes the bundle, when, and under which mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// The partner; part of the ids of its objects.
    pub partner: PartnerId,
    /// Its name as the agreement prints it.
    pub name: String,
    /// When: `created`, `modified` and `valid_from` of every object, cut to milliseconds.
    pub at: Timestamp,
    /// The mark every object carries.
    pub tlp: Tlp,
}

/// A bundle with what went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The bundle, UTF-8 JSON.
    pub bytes: Vec<u8>,
    /// Objects in it.
    pub objects: u64,
    /// Findings for which there is no object.
    pub left_out: u64,
}

/// Writes findings as a STIX 2.1 bundle.
///
/// # Errors
/// CMT-0914 when `producer.at` lies outside the years 1 to 9999.
pub fn write(findings: &[Finding], producer: &Producer) -> Result<Written, ExchangeError> {
    let mut bundle = Bundle::new(producer)?;
    let left_out = findings.iter().filter(|f| !bundle.finding(f)).count() as u64;
    let objects = bundle.objects.len() as u64;
    let body: Vec<Value> = bundle.objects.into_values().collect();
    let names: String = body.iter().filter_map(|o| o.get("id")).filter_map(Value::as_str).collect();
    let id = id::own("bundle", producer.partner.as_str(), &format!("{} {names}", bundle.at));
    let bytes = json!({ "type": "bundle", "id": id, "objects": body }).to_string().into_bytes();
    Ok(Written { bytes, objects, left_out })
}

struct Bundle<'p> {
    producer: &'p Producer,
    identity: String,
    marking: &'static str,
    at: String,
    /// By (rank, id), so that a reader meets an object before what refers to it.
    objects: BTreeMap<(u8, String), Value>,
}

impl<'p> Bundle<'p> {
    fn new(producer: &'p Producer) -> Result<Self, ExchangeError> {
        let at = stix_time(producer.at)?;
        let identity = id::own("identity", producer.partner.as_str(), producer.partner.as_str());
        let (marking, name) = marking(producer.tlp);
        let mut bundle = Self { producer, identity: identity.clone(), marking, at, objects: BTreeMap::new() };
        let definition = json!({
            "type": "marking-definition", "spec_version": "2.1", "id": marking,
            "created": "2022-10-01T00:00:00.000Z", "name": name,
            "extensions": { TLP_EXTENSION: { "extension_type": "property-extension", "tlp_2_0": producer.tlp.word() } },
        });
        bundle.objects.insert((0, marking.into()), definition);
        let who = json!({ "name": producer.name, "identity_class": "organization" });
        bundle.add(1, "identity", identity, who);
        Ok(bundle)
    }

    /// Adds an object with the common properties (STIX 2.1 section 3.2), unless one of this id is there already.
    fn add(&mut self, rank: u8, object: &str, id: String, properties: Value) -> String {
        let mut out = Map::new();
        out.insert("type".into(), object.into());
        out.insert("spec_version".into(), "2.1".into());
        out.insert("id".into(), id.clone().into());
        out.insert("created_by_ref".into(), self.identity.clone().into());
        out.insert("created".into(), self.at.clone().into());
        out.insert("modified".into(), self.at.clone().into());
        if let Value::Object(own) = properties {
            out.extend(own);
        }
        out.insert("object_marking_refs".into(), json!([self.marking]));
        self.objects.entry((rank, id.clone())).or_insert(Value::Object(out));
        id
    }

    /// Observables have neither times nor a creator (STIX 2.1 section 6).
    fn observable(&mut self, object: &str, id: String, property: &str, value: Value) -> String {
        let out = json!({
            "type": object, "spec_version": "2.1", "id": id, property: value, "object_marking_refs": [self.marking],
        });
        self.objects.entry((2, id.clone())).or_insert(out);
        id
    }

    fn own(&self, object: &str, subject: &str) -> String {
        id::own(object, self.producer.partner.as_str(), subject)
    }

    /// Whether the finding gave an object.
    fn finding(&mut self, finding: &Finding) -> bool {
        match &finding.body {
            FindingBody::Configuration { family, channels, .. } => {
                self.configuration(finding, family, channels)
            }
            FindingBody::Beacon { remote, .. } => self.indicate(finding, remote),
            FindingBody::Activity { channel, day, bots, .. } => {
                let begin = day.start();
                let end = begin.plus_micros(MICROS_PER_DAY - MICROS_PER_SECOND);
                self.observed(finding, channel, begin, end, *bots)
            }
            FindingBody::Indicator { kind, value, label } => {
                self.listed(finding, kind, value, label.as_deref())
            }
            FindingBody::Hashes { digests } => self.hashes(finding, digests),
            FindingBody::Format { .. }
            | FindingBody::ActiveContent { .. }
            | FindingBody::Derived { .. }
            | FindingBody::Similar { .. }
            | FindingBody::GeneratedNames { .. }
            | FindingBody::StixObject { .. }
            | FindingBody::Asset { .. }
            | FindingBody::Account { .. }
            | FindingBody::RuleSet { .. }
            | FindingBody::Scanned { .. }
            | FindingBody::RuleMatch { .. }
            | FindingBody::Signature { .. }
            | FindingBody::Text { .. }
            | FindingBody::Capability { .. }
            | FindingBody::Code { .. }
            | FindingBody::SharedCode { .. }
            | FindingBody::Family { .. }
            | FindingBody::Withheld { .. }
            | FindingBody::Unreadable { .. } => false,
        }
    }

    fn configuration(&mut self, finding: &Finding, family: &str, channels: &[Channel]) -> bool {
        let id = self.own("malware", family);
        let what = json!({ "name": family, "malware_types": ["bot"], "is_family": true });
        let malware = self.add(3, "malware", id, what);
        for channel in channels {
            let seen = self.channel(channel);
            let id = self.own("infrastructure", &channel.key());
            let what = json!({ "name": channel.key(), "infrastructure_types": ["command-and-control"] });
            let infrastructure = self.add(4, "infrastructure", id, what);
            self.relate(finding, &infrastructure, "consists-of", &seen);
            self.relate(finding, &malware, "beacons-to", &infrastructure);
            let indicator =
                self.indicator(finding, &channel_pattern(channel), &channel.key(), "malicious-activity");
            self.relate(finding, &indicator, "indicates", &malware);
        }
        true
    }

    fn indicate(&mut self, finding: &Finding, channel: &Channel) -> bool {
        self.indicator(finding, &channel_pattern(channel), &channel.key(), "anomalous-activity");
        true
    }

    fn observed(
        &mut self,
        finding: &Finding,
        channel: &Channel,
        first: Timestamp,
        last: Timestamp,
        n: u64,
    ) -> bool {
        let (Ok(first), Ok(last)) = (stix_time(first), stix_time(last)) else { return false };
        let seen = self.channel(channel);
        let id = self.own("observed-data", &finding.id.to_string());
        // STIX 2.1 section 4.14: number_observed is 1 to 999,999,999.
        let what = json!({
            "first_observed": first, "last_observed": last, "number_observed": n.clamp(1, 999_999_999),
            "object_refs": [seen], "confidence": finding.confidence, "external_references": reference(finding),
        });
        self.add(6, "observed-data", id, what);
        true
    }

    fn listed(&mut self, finding: &Finding, kind: &str, value: &str, label: Option<&str>) -> bool {
        let pattern = match kind {
            "domain" => compare("domain-name:value", value),
            "address" => match address_part(value) {
                Some(address) => compare(address_path(address), &address.to_string()),
                None => return false,
            },
            "url" => compare("url:value", value),
            "hash" => match hash_name(value) {
                Some(name) => compare(&format!("file:hashes.'{name}'"), value),
                None => return false,
            },
            _ => return false,
        };
        self.indicator(finding, &pattern, label.unwrap_or(value), "unknown");
        true
    }

    fn hashes(&mut self, finding: &Finding, digests: &[(String, String)]) -> bool {
        // STIX 2.1 section 2.9: of several hashes the first of MD5, SHA-1, SHA-256, SHA-512 names the file.
        let known = ["MD5", "SHA-1", "SHA-256"];
        let digests: Vec<(&str, &str)> = (known.iter())
            .filter_map(|name| {
                Some((*name, digests.iter().find(|(_, v)| hash_name(v) == Some(name))?.1.as_str()))
            })
            .collect();
        let Some((first, digest)) = digests.first() else { return false };
        let all: Map<String, Value> =
            digests.iter().map(|(n, v)| ((*n).to_owned(), Value::from(*v))).collect();
        let file = self.observable("file", id::file(first, digest), "hashes", all.into());
        let id = self.own("observed-data", &finding.id.to_string());
        let what = json!({
            "first_observed": self.at, "last_observed": self.at, "number_observed": 1, "object_refs": [file],
            "external_references": reference(finding),
        });
        self.add(6, "observed-data", id, what);
        true
    }

    /// The observable of a channel.
    fn channel(&mut self, channel: &Channel) -> String {
        let (object, value) = match channel {
            Channel::Domain { name } | Channel::Generated { name, .. } => ("domain-name", name.clone()),
            Channel::Address { ip: IpAddr::V4(ip), .. } => ("ipv4-addr", ip.to_string()),
            Channel::Address { ip: IpAddr::V6(ip), .. } => ("ipv6-addr", ip.to_string()),
        };
        let id = id::observable(object, "value", &value);
        self.observable(object, id, "value", value.into())
    }

    fn indicator(&mut self, finding: &Finding, pattern: &str, name: &str, kind: &str) -> String {
        let id = self.own("indicator", pattern);
        let what = json!({
            "name": name, "description": finding.reason, "indicator_types": [kind], "pattern": pattern,
            "pattern_type": "stix", "valid_from": self.at, "confidence": finding.confidence,
            "external_references": reference(finding),
        });
        self.add(5, "indicator", id, what)
    }

    fn relate(&mut self, finding: &Finding, source: &str, how: &str, target: &str) {
        let id = self.own("relationship", &format!("{source} {how} {target}"));
        let what = json!({
            "relationship_type": how, "source_ref": source, "target_ref": target,
            "external_references": reference(finding),
        });
        self.add(7, "relationship", id, what);
    }
}

/// The finding an object rests on, by its id.
fn reference(finding: &Finding) -> Value {
    json!([{ "source_name": "comity.finding/1", "external_id": finding.id.to_string() }])
}

fn channel_pattern(channel: &Channel) -> String {
    match channel {
        Channel::Domain { name } | Channel::Generated { name, .. } => compare("domain-name:value", name),
        Channel::Address { ip, .. } => compare(address_path(*ip), &ip.to_string()),
    }
}

fn address_path(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "ipv4-addr:value" } else { "ipv6-addr:value" }
}

fn compare(path: &str, value: &str) -> String {
    format!("[{path} = '{}']", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The address of `198.51.100.1`, `198.51.100.1:443` or `[2001:db8::1]:443`; `None` for a network.
fn address_part(value: &str) -> Option<IpAddr> {
    value.parse().ok().or_else(|| value.parse().ok().map(|a: std::net::SocketAddr| a.ip()))
}

/// The standard's name of the digest with this many hexadecimal digits (STIX 2.1 section 10.6).
fn hash_name(value: &str) -> Option<&'static str> {
    if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    match value.len() {
        32 => Some("MD5"),
        40 => Some("SHA-1"),
        64 => Some("SHA-256"),
        _ => None,
    }
}

/// STIX 2.1 section 3.2: times carry exactly three digits of a second and `Z`.
fn stix_time(at: Timestamp) -> Result<String, ExchangeError> {
    let seconds = at.0.div_euclid(MICROS_PER_SECOND);
    let millis = at.0.rem_euclid(MICROS_PER_SECOND) / 1_000;
    let text = Timestamp(seconds.saturating_mul(MICROS_PER_SECOND)).to_string();
    match text.strip_suffix('Z') {
        Some(date) if date.len() == "2026-03-10T10:00:00".len() => Ok(format!("{date}.{millis:03}Z")),
        _ => Err(ExchangeError::Time { at: text }),
    }
}

fn marking(tlp: Tlp) -> (&'static str, &'static str) {
    match tlp {
        Tlp::Clear => ("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR"),
        Tlp::Green => ("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN"),
        Tlp::Amber => ("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER"),
        Tlp::AmberStrict => ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT"),
        Tlp::Red => ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED"),
    }
}
