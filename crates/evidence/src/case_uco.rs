//! A case's exhibits and their custody as CASE/UCO JSON-LD (CASE 1.4, UCO 1.4: <https://caseontology.org>), so that a
//! court's own tools read them: `case_validate` accepts what [`graph`] makes.
//!
//! Here: plain data in, one JSON value out. Every node's id is a name-based UUID (version 5, RFC 9562 section 5.5; UCO's
//! shapes want a version up to 5) over what it stands for: the same case gives the same graph. The UUIDs name and protect
//! nothing, so that SHA-1 in them is no weakness.

use crate::custody::{Act, Event, Why};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use std::collections::BTreeSet;
use terms::{ExhibitId, Obtained};

/// The namespace of URLs (RFC 9562 section 6.6).
const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// One exhibit with its custody.
#[derive(Debug, Clone)]
pub struct Described<'a> {
    /// The exhibit.
    pub id: ExhibitId,
    /// Its number in the package (`E-1`).
    pub number: String,
    /// Bytes.
    pub size: u64,
    /// What it is, in a word.
    pub kind: &'a str,
    /// How it came.
    pub obtained: Obtained,
    /// The file in the package, where its bytes go along.
    pub file: Option<&'a str>,
    /// Its custody, oldest first.
    pub custody: &'a [Event],
}

/// The graph of a case.
pub fn graph(case: &str, title: &str, exhibits: &[Described<'_>]) -> Value {
    let mut nodes = Vec::new();
    let mut agents = BTreeSet::new();
    let mut members = Vec::new();
    for exhibit in exhibits {
        let file = node("file", &exhibit.id.to_string());
        members.push(json!({ "@id": file }));
        nodes.push(file_node(exhibit, &file));
        let record = node("provenance", &format!("{case} {}", exhibit.id));
        nodes.push(json!({
            "@id": record, "@type": "case-investigation:ProvenanceRecord",
            "case-investigation:exhibitNumber": exhibit.number,
            "uco-core:description": format!("obtained: {}", exhibit.obtained.word()),
            "uco-core:object": [{ "@id": file }],
        }));
        for (at, event) in exhibit.custody.iter().enumerate() {
            nodes.push(action(exhibit, at, event, &file, &record));
            agents.insert((
                event.who.0.clone(),
                event.node.to_string(),
                event.how.tool.clone(),
                event.how.version.clone(),
            ));
        }
    }
    for (who, partner, tool, version) in agents {
        nodes.push(json!({ "@id": person(&who, &partner), "@type": "uco-identity:Person",
            "uco-core:name": format!("{who} at {partner}") }));
        nodes.push(
            json!({ "@id": instrument(&tool, &version), "@type": "uco-tool:Tool", "uco-core:name": tool,
            "uco-tool:version": version }),
        );
    }
    nodes.push(json!({
        "@id": node("investigation", case), "@type": "case-investigation:Investigation", "uco-core:name": title,
        "case-investigation:investigationForm": "case", "uco-core:object": members,
    }));
    nodes.sort_by_key(|n| n.get("@id").map(Value::to_string));
    nodes.dedup();
    json!({ "@context": context(), "@graph": nodes })
}

fn context() -> Value {
    const UCO: &str = "https://ontology.unifiedcyberontology.org/uco";
    json!({
        "kb": "urn:comity:",
        "case-investigation": "https://ontology.caseontology.org/case/investigation/",
        "uco-action": format!("{UCO}/action/"), "uco-core": format!("{UCO}/core/"),
        "uco-identity": format!("{UCO}/identity/"), "uco-observable": format!("{UCO}/observable/"),
        "uco-tool": format!("{UCO}/tool/"), "uco-types": format!("{UCO}/types/"),
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}

fn file_node(exhibit: &Described<'_>, id: &str) -> Value {
    let name = exhibit.id.to_string();
    let mut facets = vec![json!({
        "@id": node("content", &name), "@type": "uco-observable:ContentDataFacet",
        "uco-observable:sizeInBytes": { "@type": "xsd:integer", "@value": exhibit.size.to_string() },
        "uco-observable:hash": [{
            "@id": node("hash", &name), "@type": "uco-types:Hash", "uco-types:hashMethod": "SHA256",
            "uco-types:hashValue": { "@type": "xsd:hexBinary", "@value": name },
        }],
    })];
    if let Some(path) = exhibit.file {
        facets.push(json!({
            "@id": node("path", &name), "@type": "uco-observable:FileFacet", "uco-observable:filePath": path,
        }));
    }
    json!({
        "@id": id, "@type": "uco-observable:File", "uco-core:description": exhibit.kind,
        "uco-core:hasFacet": facets,
    })
}

fn action(exhibit: &Described<'_>, at: usize, event: &Event, file: &str, record: &str) -> Value {
    json!({
        "@id": node("action", &format!("{} {at}", exhibit.id)), "@type": "case-investigation:InvestigativeAction",
        "uco-core:name": word(event.what), "uco-core:description": why(&event.why),
        "uco-action:startTime": { "@type": "xsd:dateTime", "@value": event.when.to_string() },
        "uco-action:performer": { "@id": person(&event.who.0, event.node.as_str()) },
        "uco-action:instrument": [{ "@id": instrument(&event.how.tool, &event.how.version) }],
        "uco-action:object": [{ "@id": file }],
        "uco-action:result": [{ "@id": record }],
    })
}

fn word(act: Act) -> String {
    serde_json::to_value(act).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn why(why: &Why) -> String {
    match why {
        Why::Clauses(clauses) => format!("under {}", clauses.join(", ")),
        Why::Ruling(digest) => format!("ruling {digest}"),
        Why::Authority(id) => format!("authority {id}"),
        Why::Case(id) => format!("case {id}"),
        Why::House(text) => text.clone(),
    }
}

fn person(who: &str, partner: &str) -> String {
    node("person", &format!("{partner} {who}"))
}

fn instrument(tool: &str, version: &str) -> String {
    node("tool", &format!("{tool} {version}"))
}

/// `kb:KIND-UUID`, the UUID over what the node stands for.
fn node(kind: &str, of: &str) -> String {
    let hash = Sha1::new().chain_update(NAMESPACE).chain_update(format!("urn:comity:{kind}:{of}")).finalize();
    let bytes: [u8; 16] = std::array::from_fn(|i| match (i, hash.get(i).copied().unwrap_or_default()) {
        (6, byte) => byte & 0x0f | 0x50,
        (8, byte) => byte & 0x3f | 0x80,
        (_, byte) => byte,
    });
    let hex = hex::encode(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("kb:{kind}-{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_what_it_stands_for() {
        let id = node("file", "a");
        assert_eq!(id, node("file", "a"));
        assert_ne!(id, node("file", "b"));
        let uuid: Vec<&str> = id.trim_start_matches("kb:file-").split('-').collect();
        assert_eq!(uuid.iter().map(|p| p.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(uuid.get(2).is_some_and(|p| p.starts_with('5')), "version 5: {id}");
    }
}
