//! Leaves as in-toto Statements v1 (<https://in-toto.io/Statement/v1>) inside DSSE envelopes, without personal data.
//!
//! Here: building, signing, parsing; subjects are salted commitments only. Elsewhere: what each predicate says
//! (`evidence::custody`, `agreement`, `exchange`).
//! Bounds: 1 to 1,024 subjects, a statement of 32 KiB, 12 levels of predicate, so that the envelope fits a leaf.

use crate::{Commitment, LedgerError, dsse};
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

/// The DSSE payload type of a statement (in-toto attestation, "Envelope").
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Largest statement in bytes.
pub const MAX_STATEMENT: usize = 32 << 10;
/// Most subjects of one statement.
pub const MAX_SUBJECTS: usize = 1024;
/// Longest text inside a predicate, in bytes.
pub const MAX_TEXT: usize = 1024;
const MAX_DEPTH: usize = 12;
const DIGEST_NAME: &str = "hmac-sha256";

/// What a leaf states. The words of the URIs stand under the reserved name `comity.example`: they name, they lead
/// nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PredicateType {
    /// An act on an exhibit.
    Custody,
    /// A batch of rulings (root over its records).
    Ruling,
    /// One crossing of a border.
    Release,
    /// A partner's answer to a release.
    Receipt,
    /// The results of a batch of jobs.
    JobBatch,
    /// Noisy counts were drawn, and what they cost.
    Spend,
}

impl PredicateType {
    /// Every type.
    pub const ALL: &'static [Self] =
        &[Self::Custody, Self::Ruling, Self::Release, Self::Receipt, Self::JobBatch, Self::Spend];
    /// Its URI. A change of meaning is a new number.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Custody => "https://comity.example/custody/v1",
            Self::Ruling => "https://comity.example/ruling/v1",
            Self::Release => "https://comity.example/release/v1",
            Self::Receipt => "https://comity.example/receipt/v1",
            Self::JobBatch => "https://comity.example/job-batch/v1",
            Self::Spend => "https://comity.example/spend/v1",
        }
    }
    fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.uri() == uri)
    }
}

/// A statement about committed things. Made by [`Statement::new`] or [`Statement::parse`], which hold the bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    subjects: Vec<Commitment>,
    predicate_type: PredicateType,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<WireSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    digest: WireDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDigest {
    #[serde(rename = "hmac-sha256")]
    commitment: Commitment,
}

impl Statement {
    /// A statement that the predicate holds of the subjects.
    ///
    /// # Errors
    /// CMT-0306 when a bound is passed or a text of the predicate is a network or mail address, which has no place on
    /// an append-only ledger. (No machine can see a name in free text: predicates carry ids, not prose.)
    pub fn new(
        subjects: Vec<Commitment>,
        predicate_type: PredicateType,
        predicate: Value,
    ) -> Result<Self, LedgerError> {
        if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            return Err(LedgerError::Statement(format!("it needs 1 to {MAX_SUBJECTS} subjects")));
        }
        if !predicate.is_object() {
            return Err(LedgerError::Statement("the predicate is not an object".into()));
        }
        check_predicate(&predicate, MAX_DEPTH)?;
        let statement = Self { subjects, predicate_type, predicate };
        let size = statement.to_bytes().len();
        if size > MAX_STATEMENT {
            return Err(LedgerError::Statement(format!("{size} bytes are above {MAX_STATEMENT}")));
        }
        Ok(statement)
    }

    /// The commitments it speaks of.
    pub fn subjects(&self) -> &[Commitment] {
        &self.subjects
    }
    /// What kind of statement it is.
    pub const fn predicate_type(&self) -> PredicateType {
        self.predicate_type
    }
    /// What it says.
    pub const fn predicate(&self) -> &Value {
        &self.predicate
    }

    /// The statement as JSON, the bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = Wire {
            kind: STATEMENT_TYPE.into(),
            subject: (self.subjects.iter())
                .map(|&commitment| WireSubject { digest: WireDigest { commitment } })
                .collect(),
            predicate_type: self.predicate_type.uri().into(),
            predicate: self.predicate.clone(),
        };
        // Text, lists and JSON values always serialise.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// The leaf: the statement signed by the node's key, as DSSE JSON.
    ///
    /// # Errors
    /// CMT-0301 as [`dsse::sign`]; cannot occur for a statement within its bounds.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, LedgerError> {
        Ok(dsse::sign(PAYLOAD_TYPE, &self.to_bytes(), key)?.to_json())
    }

    /// Reads a statement's bytes.
    ///
    /// # Errors
    /// CMT-0306 for anything else, a predicate type that is not known here, or a subject that is not a commitment.
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        if bytes.len() > MAX_STATEMENT {
            return Err(LedgerError::Statement("it is too large".into()));
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|e| LedgerError::Statement(e.to_string()))?;
        if wire.kind != STATEMENT_TYPE {
            return Err(LedgerError::Statement(format!("its type is not {STATEMENT_TYPE}")));
        }
        let kind = PredicateType::from_uri(&wire.predicate_type)
            .ok_or_else(|| LedgerError::Statement("its predicate type is not known".into()))?;
        Self::new(wire.subject.into_iter().map(|s| s.digest.commitment).collect(), kind, wire.predicate)
    }

    /// Reads a leaf: checks its envelope against the keys and parses the statement.
    ///
    /// # Errors
    /// As [`dsse::Envelope::from_json`], [`dsse::verify`] and [`Statement::parse`].
    pub fn open(leaf: &[u8], keys: &[(String, VerifyingKey)]) -> Result<Self, LedgerError> {
        let envelope = dsse::Envelope::from_json(leaf)?;
        Self::parse(dsse::verify(&envelope, PAYLOAD_TYPE, keys)?)
    }
}

/// Name of the digest algorithm under which a subject's commitment stands.
pub const fn digest_name() -> &'static str {
    DIGEST_NAME
}

fn check_predicate(value: &Value, depth: usize) -> Result<(), LedgerError> {
    let Some(below) = depth.checked_sub(1) else {
        return Err(LedgerError::Statement(format!("it is nested deeper than {MAX_DEPTH}")));
    };
    match value {
        Value::String(text) => check_text(text),
        Value::Array(items) => items.iter().try_for_each(|v| check_predicate(v, below)),
        Value::Object(map) => map.iter().try_for_each(|(k, v)| {
            check_text(k)?;
            check_predicate(v, below)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), LedgerError> {
    if text.len() > MAX_TEXT {
        return Err(LedgerError::Statement(format!("a text is longer than {MAX_TEXT} bytes")));
    }
    if text.contains('@') {
        return Err(LedgerError::Statement("a text looks like a mail address".into()));
    }
    let address = text
        .split(|c: char| c.is_whitespace() || ",;\"'()<>/".contains(c))
        .any(|word| word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok());
    if address {
        return Err(LedgerError::Statement("a text holds a network address".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use serde_json::json;

    fn with(predicate: Value) -> Result<Statement, LedgerError> {
        Statement::new(vec![Commitment([7; 32])], PredicateType::Custody, predicate)
    }

    #[test]
    fn a_statement_reads_back_and_is_the_golden_text() {
        let s = with(json!({"what": "seal", "node": "company"})).unwrap();
        assert_eq!(Statement::parse(&s.to_bytes()).unwrap(), s);
        assert_eq!(
            String::from_utf8(s.to_bytes()).unwrap(),
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"hmac-sha256":"{}"}}}}],"predicateType":"https://comity.example/custody/v1","predicate":{{"what":"seal","node":"company"}}}}"#,
                "07".repeat(32)
            )
        );
    }

    #[test]
    fn personal_data_and_excess_are_refused() {
        for bad in [
            json!({"source": "203.0.113.7"}),
            json!({"source": "from 203.0.113.7:4443 to us"}),
            json!({"source": ["x", {"y": "2001:db8::1"}]}),
            json!({"who": "anna@bank.example"}),
            json!({"203.0.113.7": 1}),
            json!({"text": "x".repeat(2000)}),
            json!({"many": vec!["y".repeat(900); 60]}),
            json!("text"),
            json!({"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}}}}),
        ] {
            assert!(matches!(with(bad.clone()), Err(LedgerError::Statement(_))), "{bad}");
        }
        assert!(with(json!({"at": "2026-03-02T00:00:00Z", "tool": "comity 0.1.0", "n": 4})).is_ok());
        assert!(Statement::new(vec![], PredicateType::Ruling, json!({})).is_err());
        let clear = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"https://comity.example/custody/v1","predicate":{}}"#;
        assert!(Statement::parse(clear).is_err(), "a bare digest is no subject");
    }
}
